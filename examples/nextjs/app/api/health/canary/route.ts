import { bill, format, parse } from "@/lib/cart";
import { products } from "@/lib/catalog";
import { deployment, second, version } from "@/lib/release";

export const dynamic = "force-dynamic";

/** GET checks what a canary must be able to do before people are sent to it, and names each check with its result. */
export async function GET(): Promise<Response> {
  const lag = await lateness();
  const checks = [
    { name: "catalog", ok: products(second).length > 0 },
    { name: "cart", ok: format(parse("mug:2")) === "mug:2" && bill(parse("mug:2"), second).goods === 2800 },
    { name: "event_loop", ok: lag <= 500, late_ms: lag },
  ];
  const ok = checks.every((check) => check.ok);
  return Response.json(
    { status: ok ? "ok" : "failing", version, deployment, uptime_seconds: Math.floor(process.uptime()), checks },
    { status: ok ? 200 : 503, headers: { "Cache-Control": "no-store" } },
  );
}

/** lateness tells by how many milliseconds a short timer comes late: much when the process is overloaded. */
async function lateness(): Promise<number> {
  const start = performance.now();
  await new Promise((done) => setTimeout(done, 5));
  return Math.max(0, Math.round(performance.now() - start - 5));
}
