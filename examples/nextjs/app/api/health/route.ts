import { deployment, version } from "@/lib/release";

export const dynamic = "force-dynamic";

/** GET tells that the process answers, which build it is, and what the variable SHOP_NOTICE says to it. */
export function GET(): Response {
  const notice = process.env.SHOP_NOTICE;
  return Response.json(
    { status: "ok", version, deployment, notice, uptime_seconds: Math.floor(process.uptime()) },
    { headers: { "Cache-Control": "no-store" } },
  );
}
