// Tells Slipway what visitors did, from the server only: its token never reaches a browser. A visit is counted once,
// as bought or not, and as left behind or not, and browsers say how fast and how still their pages were; Slipway
// compares all of it between the versions. Without SLIPWAY_URL and SLIPWAY_TOKEN nothing is sent, and nothing that
// fails here is seen by a visitor.

import { version } from "./release";

/** Event is what a visit came to, or one measure of a browser. */
export type Event =
  | { metric: "conversion" | "session_abandonment"; value: 0 | 1; visitor: string }
  | { metric: "lcp" | "inp" | "cls" | "ttfb"; value: number; visitor: string };

const waiting: Event[] = [];
const most = 1000; // what Slipway takes at once; more is dropped, the oldest first
let sending = false;

/** report keeps an event and sends what is waiting within a second. */
export function report(event: Event): void {
  waiting.push(event);
  if (waiting.length > most) waiting.shift();
  if (sending) return;
  sending = true;
  setTimeout(() => {
    sending = false;
    void send(waiting.splice(0));
  }, 1000);
}

async function send(events: Event[]): Promise<void> {
  const { SLIPWAY_URL: url, SLIPWAY_TOKEN: token } = process.env;
  if (!url || !token || events.length === 0) return;
  try {
    const at = new Date().toISOString();
    await fetch(new URL("/api/v1/metrics", url), {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ values: events.map((event) => ({ ...event, version, at })) }),
      signal: AbortSignal.timeout(5000),
      cache: "no-store",
    });
  } catch {
    // What is lost is lost on both versions alike; the shop goes on.
  }
}

/** read understands a browser's beacon: what the visit came to, and a random name for it. */
export function read(body: unknown): Event[] {
  const visit = body as { id?: unknown; bought?: unknown; filled?: unknown } | null;
  if (typeof visit?.id !== "string" || !/^[\w-]{8,64}$/.test(visit.id) || typeof visit.bought !== "boolean") return [];
  const events: Event[] = [{ metric: "conversion", value: visit.bought ? 1 : 0, visitor: visit.id }];
  if (visit.filled === true) {
    events.push({ metric: "session_abandonment", value: visit.bought ? 0 : 1, visitor: visit.id });
  }
  return events;
}

/** readVital understands what a browser measured: milliseconds, or the layout shift as it is. Others are left out. */
export function readVital(body: unknown): Event | undefined {
  const vital = body as { id?: unknown; name?: unknown; value?: unknown } | null;
  if (typeof vital?.id !== "string" || !/^[\w-]{8,64}$/.test(vital.id)) return undefined;
  const metric = (["lcp", "inp", "cls", "ttfb"] as const).find((name) => name.toUpperCase() === vital.name);
  if (!metric || typeof vital.value !== "number" || !(vital.value >= 0 && vital.value <= 600_000)) return undefined;
  return { metric, value: vital.value, visitor: vital.id };
}
