import { readVital, report } from "@/lib/report";

export const dynamic = "force-dynamic";

/** POST takes what a browser measured: navigator.sendBeacon("/api/vitals", JSON.stringify({ id, name, value })). */
export async function POST(request: Request): Promise<Response> {
  const text = await request.text();
  if (text.length > 500) return new Response(null, { status: 413 });
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return new Response(null, { status: 400 });
  }
  const event = readVital(body);
  if (event) report(event);
  return new Response(null, { status: event ? 204 : 400 });
}
