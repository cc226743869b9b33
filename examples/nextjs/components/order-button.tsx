"use client";

import { useFlag } from "@slipwayhq/nextjs/react";

/** OrderButton is in the browser what the flag says there, also when it changes while the page is open. */
export function OrderButton() {
  const express = useFlag("new-checkout", false);
  return (
    <button type="submit" data-checkout={express ? "new" : "old"}>
      {express ? "Pay in one step" : "Order"}
    </button>
  );
}
