import { deployment, version } from "@/lib/release";

export const dynamic = "force-dynamic";

/** GET tells that the process answers, and which build it is. */
export function GET(): Response {
  return Response.json(
    { status: "ok", version, deployment, uptime_seconds: Math.floor(process.uptime()) },
    { headers: { "Cache-Control": "no-store" } },
  );
}
