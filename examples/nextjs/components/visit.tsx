"use client";

import { useEffect } from "react";

/** Visit tells the shop, once, whether a look at the cart ended in an order. It names the look, not the visitor. */
export function Visit({ filled }: { filled: boolean }) {
  useEffect(() => {
    const id = crypto.randomUUID?.() ?? String(Math.random()).slice(2);
    let told = false;
    const tell = (bought: boolean) => {
      if (told) return;
      told = true;
      navigator.sendBeacon("/api/report", JSON.stringify({ id, bought, filled }));
    };
    const ordered = (event: SubmitEvent) => {
      if (event.target instanceof HTMLElement && event.target.id === "order") tell(true);
    };
    const left = () => tell(false);
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
