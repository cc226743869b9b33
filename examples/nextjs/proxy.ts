import { precompute } from "flags/next";
import { type NextRequest, NextResponse } from "next/server";
import { deliveryFlags, newCheckout, plain } from "@/lib/flags";

export const config = { matcher: "/delivery" };

/** proxy chooses, before anything is rendered, which prepared page a visitor gets. */
export async function proxy(request: NextRequest): Promise<NextResponse> {
  const code = process.env.FLAGS_SECRET ? await precompute(deliveryFlags) : plain;
  const res = NextResponse.rewrite(new URL(`/delivery/${code}`, request.url));
  res.headers.set("x-checkout", (await newCheckout()) ? "new" : "old");
  res.headers.set("cache-control", "private, no-store"); // the address is everybody's, the page is not
  return res;
}
