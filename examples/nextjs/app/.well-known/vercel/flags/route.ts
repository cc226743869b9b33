import { discoveryOf } from "@slipwayhq/nextjs";
import { createFlagsDiscoveryEndpoint, getProviderData } from "flags/next";
import type { NextRequest } from "next/server";
import { newCheckout } from "@/lib/flags";

const answer = createFlagsDiscoveryEndpoint(() => discoveryOf(getProviderData({ newCheckout })));

/** GET tells the toolbar which flags there are, if it proves that it knows FLAGS_SECRET. */
export async function GET(request: NextRequest): Promise<Response> {
  return process.env.FLAGS_SECRET ? answer(request) : new Response(null, { status: 404 });
}
