"use client";

import { tell } from "@slipwayhq/nextjs/vitals";
import { useEffect } from "react";

/** Visit tells the shop, once, whether a look at the cart ended in an order. It names the look, not the visitor. Thanks
 * for an order are no look at the cart: they would count as one that ended in none. */
export function Visit({ filled }: { filled: boolean }) {
  useEffect(() => {
    const id = crypto.randomUUID?.() ?? String(Math.random()).slice(2);
    let told = false;
    const end = (bought: boolean) => {
      if (told) return;
      told = true;
      tell("conversion", bought ? 1 : 0, { id });
      if (filled) tell("session_abandonment", bought ? 0 : 1, { id });
    };
    const ordered = (event: SubmitEvent) => {
      if (event.target instanceof HTMLElement && event.target.id === "order") end(true);
    };
    const left = () => end(false);
    document.addEventListener("submit", ordered, true);
    window.addEventListener("pagehide", left);
    return () => {
      document.removeEventListener("submit", ordered, true);
      window.removeEventListener("pagehide", left);
      left();
    };
  }, [filled]);
  return null;
}
