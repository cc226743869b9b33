// Tells Slipway what visitors did, from the server only: its token never reaches a browser. A visit is counted once,
// as bought or not, and as left behind or not; Slipway compares both between the versions. Without SLIPWAY_URL and
// SLIPWAY_TOKEN nothing is sent, and nothing that fails here is seen by a visitor.

import { version } from "./release";

/** Event is what a visit came to. */
export type Event = { metric: "conversion" | "session_abandonment"; value: 0 | 1; visitor: string };

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
