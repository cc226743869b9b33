import { canaryProxy } from "@slipwayhq/nextjs/canary";
import { precompute } from "flags/next";
import { NextResponse } from "next/server";
import { deliveryFlags, newCheckout, plain } from "@/lib/flags";

// All addresses, assets too: an asset of the canary is only there. But for the photos: Next keeps the body of a request
// that a proxy has seen in memory, and cuts it off at 10 MB.
export const config = { matcher: "/((?!api/photos).*)" };

/** proxy has each visitor served by the deployment that a canary on Vercel gives them (elsewhere by this one), and
 * chooses, before anything is rendered, which prepared page a visitor gets. */
export const proxy = canaryProxy(async (request, headers) => {
  if (request.nextUrl.pathname !== "/delivery") return NextResponse.next({ request: { headers } });
  const code = process.env.FLAGS_SECRET ? await precompute(deliveryFlags) : plain;
  const res = NextResponse.rewrite(new URL(`/delivery/${code}`, request.url), { request: { headers } });
  res.headers.set("x-checkout", (await newCheckout()) ? "new" : "old");
  res.headers.set("cache-control", "private, no-store"); // the address is everybody's, the page is not
  return res;
});
