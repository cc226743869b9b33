import { vitalsRoute } from "@slipwayhq/nextjs/vitals-route";
import { version } from "@/lib/release";

export const dynamic = "force-dynamic";

/** POST takes what pages measured, and what a visit came to: an order or not, a filled cart that was left or not. */
export const POST = vitalsRoute({ version, metrics: { conversion: "rate", session_abandonment: "rate" } });
