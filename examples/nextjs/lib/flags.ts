// The shop's feature flags. Without Slipway (SLIPWAY_FLAGS_URL and SLIPWAY_FLAGS_KEY) each is its default.

import { slipwayAdapter } from "@slipwayhq/nextjs";
import { flag } from "flags/next";

/** newCheckout is the checkout in one step. It is off until somebody turns it on. */
export const newCheckout = flag<boolean>({
  key: "new-checkout",
  description: "Pay in one step",
  defaultValue: false,
  options: [
    { label: "old", value: false },
    { label: "new", value: true },
  ],
  adapter: slipwayAdapter<boolean>(),
});

/** deliveryFlags decide which of the prepared delivery pages somebody gets. */
export const deliveryFlags = [newCheckout] as const;

/** plain names the delivery page of a shop that has no FLAGS_SECRET to sign a code with. */
export const plain = "plain";
