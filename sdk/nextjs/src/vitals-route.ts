// The door of the application's server at which its own pages tell what they measured.

import { after } from "next/server.js";
import { Limit } from "./limit.js";
import { type Measure, Reporter, type ReportOptions, slipwayReporter } from "./report.js";
import { visitorCookie, visitorHeader } from "./visitor.js";

/** Range is what a custom metric's value may be; "rate" is 0 or 1. */
export type Range = "rate" | readonly [low: number, high: number];

export type VitalsOptions = ReportOptions & {
  /** Web vitals that are passed on; all five where nothing is said. */
  vitals?: readonly ("lcp" | "inp" | "cls" | "fcp" | "ttfb")[];
  /** Custom metrics that pages may tell, and what their values may be. */
  metrics?: Record<string, Range>;
  /** Beacons that one address may send in a minute, to this process. 120 where nothing is said. */
  perMinute?: number;
  /** How many proxies stand in front, of which each adds an address to x-forwarded-for. 1 where nothing is said. */
  proxies?: number;
  reporter?: Reporter;
};

const mostBytes = 4096;
const mostValues = 20;
const mostWait = 10_000; // milliseconds for a whole beacon: a page sends it in one piece
const word = /^[\w-]{8,64}$/;
const ranges: Record<string, Range> = {
  LCP: [0, 600_000],
  INP: [0, 600_000],
  CLS: [0, 100],
  FCP: [0, 600_000],
  TTFB: [0, 600_000],
};

/** vitalsRoute is the POST of app/api/vitals/route.ts. It passes on what this build's own pages tell, as this build's:
 * a page can't name a version. Pages of another build come here only where nothing sends them to theirs; what they tell
 * is dropped, because it says nothing of this version and nobody can prove of which it does. */
export function vitalsRoute(options: VitalsOptions = {}): (request: Request) => Promise<Response> {
  const { vitals, metrics = {}, perMinute = 120, proxies = 1, reporter, ...to } = options;
  const limit = new Limit(perMinute);
  const own = options.deployment ?? (process.env.NEXT_DEPLOYMENT_ID || "");
  let opened = reporter;
  return async (request) => {
    if (!sameOrigin(request.headers)) return status(403);
    if (!limit.take(address(request.headers, proxies), Date.now())) return status(429, { "retry-after": "60" });
    const text = await read(request);
    if (text === "large") return status(413);
    if (text === "slow") return status(408);
    const beacon = parse(text?.text, metrics);
    if (!beacon) return status(400);
    if (beacon.deployment !== own) return status(204);
    const who = visitorOf(request.headers) ?? beacon.id;
    const measures: Measure[] = [];
    for (const { name, value, id } of beacon.values) {
      const vital = Object.hasOwn(ranges, name);
      const metric = vital ? name.toLowerCase() : name;
      if (vital && vitals && !(vitals as readonly string[]).includes(metric)) continue;
      measures.push({ metric, value, visitor: await unnamed(id ? `${who}/${id}` : who) });
    }
    opened ??= given(to) ? new Reporter(to) : slipwayReporter();
    if (measures.length === 0) return status(204);
    if (!opened.add(measures)) return status(429, { "retry-after": "5" });
    later(opened.soon());
    return status(204);
  };
}

const status = (code: number, headers?: HeadersInit) =>
  new Response(null, { status: code, headers: { "cache-control": "no-store", ...headers } });

const given = (o: ReportOptions) => Object.values(o).some((v) => v !== undefined);

/** later lets a function of a cloud live until a batch was sent; elsewhere the process lives anyway. */
function later(work: Promise<void>): void {
  try {
    after(() => work);
  } catch {
    work.catch(() => {}); // outside of a request of Next
  }
}

/** sameOrigin refuses what another site has its visitors' browsers send. */
function sameOrigin(headers: Headers): boolean {
  const site = headers.get("sec-fetch-site");
  if (site) return site === "same-origin";
  const origin = headers.get("origin");
  if (!origin) return true; // no browser: it could say anything
  const host = headers.get("x-forwarded-host") ?? headers.get("host") ?? "";
  return URL.canParse(origin) && new URL(origin).host === host;
}

/** address is who has sent a request, as the outermost proxy that is ours saw it. What stands before it was said by the
 * client. */
function address(headers: Headers, proxies: number): string {
  const hops = (headers.get("x-forwarded-for") ?? "").split(",").map((hop) => hop.trim());
  const hop = hops[Math.max(hops.length - proxies, 0)] ?? "";
  // Some proxies write the port behind it, which is another one for each connection.
  const from = (/^\[([^\]]+)\]/.exec(hop)?.[1] ?? hop.replace(/^([\d.]+):\d+$/, "$1")).slice(0, 45);
  const mapped = /^::ffff:([\d.]+)$/i.exec(from); // an IPv4 address in a socket for both
  return mapped?.[1] ?? (from.includes(":") ? network(from) : from);
}

/** network is the half of an IPv6 address that names a network: who has one has all addresses in it. */
function network(from: string): string {
  const [head = "", tail] = from.toLowerCase().split("::", 2) as [string, string?];
  const before = head === "" ? [] : head.split(":");
  const behind = tail ? tail.split(":") : [];
  const zeros = tail === undefined ? 0 : Math.max(8 - before.length - behind.length, 0);
  return [...before, ...new Array<string>(zeros).fill("0"), ...behind].slice(0, 4).join(":");
}

/** read is the body as text: never more of it than a beacon may have, nor for longer than a page takes. */
async function read(request: Request): Promise<{ text: string } | "large" | "slow" | undefined> {
  if (Number(request.headers.get("content-length") ?? 0) > mostBytes) return "large";
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const reader = request.body?.getReader();
  const stop = () => reader?.cancel().catch(() => {});
  let text = "";
  let size = 0;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<"late">((done) => {
    timer = setTimeout(done, mostWait, "late");
  });
  try {
    for (;;) {
      const part = await Promise.race([reader?.read(), late]);
      if (part === "late") {
        stop();
        return "slow";
      }
      if (!part || part.done) return { text: text + decoder.decode() };
      size += part.value.byteLength;
      if (size > mostBytes) {
        stop();
        return "large";
      }
      text += decoder.decode(part.value, { stream: true });
    }
  } catch {
    return undefined; // no UTF-8, or cut off
  } finally {
    clearTimeout(timer);
  }
}

type Told = { name: string; value: number; id: string | undefined };
type Beacon = { id: string; deployment: string; values: Told[] };

/** parse understands a beacon as a whole: one wrong value makes all of it wrong. */
function parse(text: string | undefined, metrics: Record<string, Range>): Beacon | undefined {
  let body: unknown;
  try {
    body = JSON.parse(text ?? "");
  } catch {
    return undefined;
  }
  const { id, deployment, values } = (body ?? {}) as Record<string, unknown>;
  if (typeof id !== "string" || !word.test(id) || typeof deployment !== "string" || deployment.length > 128) return;
  if (!Array.isArray(values) || values.length === 0 || values.length > mostValues) return undefined;
  const told: Told[] = [];
  for (const v of values as unknown[]) {
    const { name, value, id } = (v ?? {}) as Record<string, unknown>;
    if (typeof name !== "string" || typeof value !== "number") return undefined;
    if (id !== undefined && (typeof id !== "string" || !word.test(id))) return undefined;
    const vital = Object.hasOwn(ranges, name);
    const range = vital ? ranges[name] : Object.hasOwn(metrics, name) ? metrics[name] : undefined;
    if (!range || !within(value, range) || (vital && id !== undefined)) return undefined;
    told.push({ name, value, id });
  }
  return { id, deployment, values: told };
}

const within = (value: number, range: Range) =>
  range === "rate" ? value === 0 || value === 1 : value >= range[0] && value <= range[1];

/** visitorOf is who the edge says it is. It is a claim of the browser's all the same: the cookie is not signed. */
function visitorOf(headers: Headers): string | undefined {
  const cookie = new RegExp(`(?:^|;\\s*)${visitorCookie}=([\\w-]{1,128})(?:;|$)`).exec(headers.get("cookie") ?? "");
  return headers.get(visitorHeader) || cookie?.[1] || undefined;
}

/** unnamed makes a name that tells visitors apart and does not say who they are. */
async function unnamed(who: string): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(`slipway:vitals:${who}`));
  return Array.from(new Uint8Array(hash, 0, 16), (b) => b.toString(16).padStart(2, "0")).join("");
}
