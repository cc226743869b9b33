"use client";

import { useFormStatus } from "react-dom";
import { second } from "@/lib/release";

/** BuyButton sends the form around it. It is browser code that differs between editions, so their chunks differ too. */
export function BuyButton() {
  const { pending } = useFormStatus();
  return (
    <button type="submit" disabled={pending}>
      {pending ? "One moment …" : second ? "Put it in the basket" : "Add to cart"}
    </button>
  );
}
