import { products } from "@/lib/catalog";
import { stock } from "@/lib/database";
import { faultOf, suffer } from "@/lib/faults";
import { second, version } from "@/lib/release";

export const dynamic = "force-dynamic";

/** GET lists what is on sale. */
export async function GET(): Promise<Response> {
  if (await suffer(faultOf(version, process.env))) {
    return Response.json({ error: "the catalog could not be read", version }, { status: 500 });
  }
  try {
    await stock("mug", process.env);
  } catch (wrong) {
    return Response.json({ error: `the stock could not be read: ${wrong}`, version }, { status: 500 });
  }
  return Response.json({ version, products: products(second) }, { headers: { "Cache-Control": "no-store" } });
}
