import { products } from "@/lib/catalog";
import { second, version } from "@/lib/release";

export const dynamic = "force-dynamic";

/** GET streams the stock of every product as server-sent events, one each 100 ms, and ends. */
export function GET(request: Request): Response {
  const goods = products(second);
  const text = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    async start(stream) {
      for (const [i, product] of goods.entries()) {
        if (request.signal.aborted) break;
        const data = JSON.stringify({ version, slug: product.slug, stock: 3 + ((i * 7) % 11) });
        stream.enqueue(text.encode(`id: ${i + 1}\nevent: stock\ndata: ${data}\n\n`));
        await new Promise((done) => setTimeout(done, 100));
      }
      stream.close();
    },
  });
  return new Response(body, {
    headers: { "Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no" },
  });
}
