import { read, report } from "@/lib/report";

export const dynamic = "force-dynamic";

/** POST takes a visit's beacon: navigator.sendBeacon("/api/report", JSON.stringify({ id, bought, filled })). */
export async function POST(request: Request): Promise<Response> {
  const text = await request.text();
  if (text.length > 1000) return new Response(null, { status: 413 });
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return new Response(null, { status: 400 });
  }
  const events = read(body);
  for (const event of events) report(event);
  return new Response(null, { status: events.length > 0 ? 204 : 400 });
}
