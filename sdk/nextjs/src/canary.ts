// For proxy.ts: sends each visitor to the deployment that Slipway's table in Global Config names.

import { type NextRequest, NextResponse } from "next/server.js";
import { type Arm, chosen, Reader, type Table } from "./table.js";
import { visitorCookie, visitorHeader } from "./visitor.js";

export type CanaryOptions = {
  /** Connection string of the Global Config; GLOBAL_CONFIG, or EDGE_CONFIG, where nothing is said. */
  connection?: string;
  /** Vercel's id of this build; VERCEL_DEPLOYMENT_ID where nothing is said. */
  deployment?: string;
  /** This deployment's own host name; VERCEL_URL where nothing is said. Who comes by it gets this build. */
  address?: string;
  /** The secret that opens protected deployments; VERCEL_AUTOMATION_BYPASS_SECRET where nothing is said. */
  bypass?: string;
  /** How old the table may grow before it is asked for again, in ms. 2,000 where nothing is said. */
  poll?: number;
  /** How long a request waits for the table at most, in ms: the first one, and one before which nobody has asked for
   * ten seconds. 1,000 where nothing is said. */
  timeout?: number;
  fetch?: typeof fetch;
};

/** Own is the application's own proxy. `headers` are the request's as the application is to get them: pass them on with
 * `NextResponse.next({ request: { headers } })`. */
export type Own = (request: NextRequest, headers: Headers) => Response | Promise<Response>;

const hopHeader = "x-slipway-hop";
const forceHeader = "x-slipway-force";
const servedHeader = "x-slipway-deployment";
const bypassHeader = "x-vercel-protection-bypass";
const crawlers = /bot|crawl|spider|slurp|facebookexternalhit|mediapartners/i; // as at Slipway's own edge
const pass: Own = (_, headers) => NextResponse.next({ request: { headers } });

/** canaryProxy returns a proxy that decides who gets which deployment, and leaves the rest to `own`, which runs in the
 * deployment that serves the request. */
export function canaryProxy(own: Own = pass, options: CanaryOptions = {}): (request: NextRequest) => Promise<Response> {
  const env = process.env;
  const native = globalThis.fetch as typeof fetch & { _nextOriginalFetch?: typeof fetch };
  const reader = new Reader(options.connection ?? env.GLOBAL_CONFIG ?? env.EDGE_CONFIG, {
    poll: options.poll ?? 2000,
    timeout: options.timeout ?? 1000,
    get: options.fetch ?? native._nextOriginalFetch ?? native,
  });
  const here = options.deployment ?? env.VERCEL_DEPLOYMENT_ID ?? "";
  const address = options.address ?? env.VERCEL_URL ?? "";
  const preview = options.deployment === undefined && (env.VERCEL_ENV ?? "production") !== "production";
  const bypass = options.bypass ?? env.VERCEL_AUTOMATION_BYPASS_SECRET ?? "";
  if (reader.connection && here) quiet();
  return async (request) => {
    // Nowhere on Vercel: an edge in front, if there is one, has said who the visitor is.
    if (!reader.connection || !here) return own(request, new Headers(request.headers));
    const claims = taken(request);
    const hop = claims.get(hopHeader);
    if (hop) {
      void reader.table(here); // it is known when this build is promoted
      const headers = told(request, await arrived(request, hop, claims, bypass));
      return unshared(request, passed(await own(request, headers), headers)); // another has decided
    }
    const who = visitor(request);
    const headers = told(request, who);
    const asked = preview || (address !== "" && address === hostOf(request)); // for this build, by its own address
    const table = asked ? undefined : await reader.table(here);
    const to = table ? await decide(request, table, who, here, claims.get(forceHeader), bypass) : { id: here, url: "" };
    if (to === "gone") {
      return new NextResponse(null, { status: 409, headers: { "x-nextjs-action-not-found": "1" } });
    }
    const res =
      to.id === here ? passed(await own(request, headers), headers) : await sent(request, to, headers, bypass);
    const named = unshared(request, res);
    if (!isDocument(request)) return named;
    named.headers.set(servedHeader, to.id);
    if (who.fresh) named.headers.append("set-cookie", cookie(who.id, request));
    return named;
  };
}

/** taken takes out of a request what only Slipway may say, and the secret: the application never sees them, and what
 * it shows of a request gives nobody a signature that opens something. They are returned. */
function taken(request: NextRequest): Headers {
  const claims = new Headers();
  for (const [name, value] of [...request.headers]) {
    if (name.startsWith("x-slipway-")) claims.set(name, value);
    else if (name !== bypassHeader) continue;
    request.headers.delete(name);
  }
  return claims;
}

/** passed has the application get the headers that were made for it, also where its own proxy has forgotten them: Next
 * hands on what the visitor sent then. */
function passed(res: Response, headers: Headers): Response {
  const on = res.headers.has("x-middleware-next") || res.headers.has("x-middleware-rewrite");
  if (!on || res.headers.has("x-middleware-override-headers")) return res;
  const out = new Response(res.body, res);
  for (const [name, value] of NextResponse.next({ request: { headers } }).headers) {
    if (name === "x-middleware-override-headers" || name.startsWith("x-middleware-request-"))
      out.headers.set(name, value);
  }
  return out;
}

/** hostOf is the host that a request was made to. */
function hostOf(request: NextRequest): string {
  return request.headers.get("x-forwarded-host") ?? request.headers.get("host") ?? "";
}

/** unshared keeps a page from caches that many visitors share, unless the application has said something itself: one
 * address has as many answers as there are builds. Next says s-maxage of prepared pages, but of none that has another
 * word already, and what is set here is its own word for all other pages. What another deployment answers has its own
 * headers, which replace these: it says the same here. */
function unshared(request: NextRequest, res: Response): Response {
  if (!isDocument(request) && !request.nextUrl.searchParams.has("_rsc")) return res;
  const own = new Response(res.body, res); // headers of an answer that was fetched cannot be changed
  if (!own.headers.has("cache-control"))
    own.headers.set("cache-control", "private, no-cache, no-store, max-age=0, must-revalidate");
  return own;
}

/** quiet lets answers have the eleven listeners that Next itself gives one that another deployment serves: from eleven
 * on Node warns of a leak, in the log of every such answer. */
function quiet(): void {
  const http = process.getBuiltinModule?.("node:http"); // no import: an edge runtime has none
  const answers = http?.ServerResponse.prototype;
  if (answers && answers.getMaxListeners() < 16) answers.setMaxListeners(16);
}

type Visitor = { id: string; fresh: boolean };

/** visitor is who a request is from: by the cookie, or new with this page. Crawlers, and whatever has no cookie and is
 * no page, are nobody. */
function visitor(request: NextRequest, make = true): Visitor {
  if (crawlers.test(request.headers.get("user-agent") ?? "")) return { id: "", fresh: false };
  const known = request.cookies.get(visitorCookie)?.value;
  if (known && isVisitor(known)) return { id: known, fresh: false };
  if (!make || !isDocument(request)) return { id: "", fresh: false };
  return { id: hex(crypto.getRandomValues(new Uint8Array(16))), fresh: true };
}

const isVisitor = (id: string) => /^[A-Za-z0-9_-]{1,128}$/.test(id);

/** isDocument says whether a page is asked for. Next takes its own headers out before a proxy sees the request, so this
 * is told by what the browser says of the request. */
function isDocument(request: NextRequest): boolean {
  const dest = request.headers.get("sec-fetch-dest");
  if (dest) return dest === "document" || dest === "iframe";
  const method = request.method === "GET" || request.method === "HEAD";
  return (
    method && (request.headers.get("accept") ?? "").includes("text/html") && !request.headers.get("x-deployment-id")
  );
}

async function decide(
  request: NextRequest,
  table: Table,
  who: Visitor,
  here: string,
  order: string | null,
  bypass: string,
): Promise<Arm | "gone"> {
  const arms = table.canary ? [table.stable, table.canary] : [table.stable];
  const forced = await force(order, arms, bypass);
  if (forced) return forced;
  const page = isDocument(request);
  const pinned = request.headers.get("x-deployment-id") ?? (page ? null : request.nextUrl.searchParams.get("dpl"));
  if (pinned) {
    const arm = arms.find((a) => a.id === pinned) ?? table.kept.find((a) => a.id === pinned && Date.now() < a.until);
    const banned = table.banned.includes(pinned);
    if (arm && !banned) return arm;
    if (!banned && pinned === here) return { id: here, url: "" }; // a page of an older build, kept by skew protection
    if (request.headers.get("next-action")) return "gone";
  }
  return who.id === "" ? table.stable : chosen(table, who.id);
}

/** force returns the deployment that a signed header names. */
async function force(value: string | null, arms: Arm[], bypass: string): Promise<Arm | undefined> {
  const id = value && (await signed("force", value, bypass));
  return arms.find((a) => a.id === id);
}

/** told are the headers as the application gets them: with the visitor's id, and nobody else's word for it. The request
 * itself says the same, for what reads it by next/headers in the proxy. */
function told(request: NextRequest, who: Visitor): Headers {
  if (who.id) request.headers.set(visitorHeader, who.id);
  return new Headers(request.headers);
}

/** sent has another deployment serve the request. Address, host and everything that Next says of it stay. The secret
 * goes over no line that others can read. */
async function sent(request: NextRequest, to: Arm, headers: Headers, bypass: string): Promise<NextResponse> {
  const host = hostOf(request);
  const address = new URL(to.url); // not resolved against it: a path such as //evil.example would name another host
  const here = ["127.0.0.1", "[::1]", "localhost"].includes(address.hostname);
  const secret = address.protocol === "https:" || here ? bypass : "";
  headers.set(hopHeader, secret ? await sign("hop", host, secret) : "1");
  headers.set("x-forwarded-host", host);
  if (secret) headers.set(bypassHeader, secret);
  const asked = new URL(request.url);
  address.pathname = asked.pathname;
  address.search = asked.search;
  return NextResponse.rewrite(address, { request: { headers } });
}

/** arrived is the visitor of a request that another deployment has sent here. What stands between the two names this
 * deployment's own host, and a server action is refused whose page has another: the visitor's host is put back, if the
 * other deployment has signed it. Who the visitor is it has said as well; without a secret anybody can say so, and gets
 * no further than with a cookie. Where there is a secret and the hop is not signed by it, only the cookie counts. */
async function arrived(request: NextRequest, hop: string, claims: Headers, bypass: string): Promise<Visitor> {
  const host = await signed("hop", hop, bypass);
  if (host) request.headers.set("x-forwarded-host", host);
  if (!host && bypass) return visitor(request, false);
  const id = claims.get(visitorHeader) ?? "";
  return { id: isVisitor(id) ? id : "", fresh: false };
}

const text = new TextEncoder();

function keyOf(bypass: string): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", text.encode(bypass), { name: "HMAC", hash: "SHA-256" }, false, [
    "sign",
    "verify",
  ]);
}

/** sign returns TEXT.MAC, which signed takes apart again. */
async function sign(use: string, what: string, bypass: string): Promise<string> {
  const mac = await crypto.subtle.sign("HMAC", await keyOf(bypass), text.encode(`${use}:${what}`));
  return `${what}.${hex(new Uint8Array(mac))}`;
}

async function signed(use: string, value: string, bypass: string): Promise<string | undefined> {
  const dot = value.lastIndexOf(".");
  const mac = value.slice(dot + 1);
  if (!bypass || dot < 1 || !/^[0-9a-f]{64}$/.test(mac)) return undefined;
  const what = value.slice(0, dot);
  const bytes = Uint8Array.from(mac.match(/../g) ?? [], (h) => Number.parseInt(h, 16));
  const good = await crypto.subtle.verify("HMAC", await keyOf(bypass), bytes, text.encode(`${use}:${what}`));
  return good ? what : undefined;
}

const hex = (bytes: Uint8Array) => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");

function cookie(id: string, request: NextRequest): string {
  const secure = request.nextUrl.protocol === "https:" ? "; Secure" : "";
  return `${visitorCookie}=${id}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax${secure}`;
}
