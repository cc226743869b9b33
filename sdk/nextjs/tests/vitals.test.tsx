import assert from "node:assert/strict";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { after, afterEach, before, beforeEach, mock, test } from "node:test";
import { Beacons } from "../src/beacons.js";
import { Limit } from "../src/limit.js";
import { Reporter, report } from "../src/report.js";
import { type VitalsOptions, vitalsRoute } from "../src/vitals-route.js";
import { until } from "./server.js";

type Got = { url: string | undefined; headers: IncomingMessage["headers"]; values: Record<string, unknown>[] };

/** slipway is an intake over HTTP; it answers with the next of `answers`, and 200 when there is none. */
const slipway = { url: "", got: [] as Got[], answers: [] as number[] };
const server = createServer((req, res) => {
  let body = "";
  req.on("data", (part) => {
    body += part;
  });
  req.on("end", () => {
    slipway.got.push({ url: req.url, headers: req.headers, values: JSON.parse(body).values });
    res.writeHead(slipway.answers.shift() ?? 200).end("{}");
  });
});
before(async () => {
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  slipway.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => {
  server.close();
  server.closeAllConnections();
});
beforeEach(() => {
  slipway.got = [];
  slipway.answers = [];
});

const to = () => ({ url: slipway.url, token: "slp_secret", version: "v2", deployment: "dpl-v2", every: 1 });
const id = "0123456789abcdef";
const lcp = { name: "LCP", value: 1234.5 };
const beacon = (values: unknown[] = [lcp], more: object = {}) =>
  JSON.stringify({ id, deployment: "dpl-v2", values, ...more });

function ask(body: BodyInit | null, headers: Record<string, string> = {}): Request {
  return new Request("http://shop.example/api/vitals?dpl=dpl-v2", {
    method: "POST",
    body,
    headers: { host: "shop.example", origin: "http://shop.example", ...headers },
  });
}

/** door is a route over a reporter that sends when it is told to. */
function door(options: VitalsOptions = {}) {
  const reporter = new Reporter(to());
  reporter.soon = async () => {}; // no timer: the test flushes
  const post = vitalsRoute({ deployment: "dpl-v2", ...options, reporter });
  const sent = async () => {
    await reporter.flush();
    return slipway.got.flatMap((g) => g.values);
  };
  return { post, sent };
}

test("what a page of this build measured goes on, as this build's and with the token", async () => {
  const { post, sent } = door({ metrics: { conversion: "rate", basket: [0, 10_000] } });
  const values = [lcp, { name: "CLS", value: 0 }, { name: "conversion", value: 1 }, { name: "basket", value: 59.9 }];
  const res = await post(ask(beacon(values, { version: "v1" })));
  assert.equal(res.status, 204);
  assert.equal(res.headers.get("cache-control"), "no-store");
  const got = await sent();
  assert.deepEqual(
    got.map(({ metric, value, version, deployment }) => [metric, value, version, deployment]),
    [
      ["lcp", 1234.5, "v2", "dpl-v2"],
      ["cls", 0, "v2", "dpl-v2"],
      ["conversion", 1, "v2", "dpl-v2"],
      ["basket", 59.9, "v2", "dpl-v2"],
    ],
  );
  assert.equal(slipway.got[0]?.url, "/api/v1/metrics");
  assert.equal(slipway.got[0]?.headers.authorization, "Bearer slp_secret");
  for (const v of got) assert.ok(Math.abs(Date.parse(String(v.at)) - Date.now()) < 60_000, "the time is the server's");
});

test("a page of another build, and one that names none, count for nobody", async () => {
  const { post, sent } = door();
  for (const deployment of ["dpl-v1", "", "v2", "dpl-v2 "])
    assert.equal((await post(ask(beacon([lcp], { deployment })))).status, 204, deployment);
  assert.deepEqual(await sent(), []);
});

test("a visitor is told from another, and who it is is not told", async () => {
  const { post, sent } = door({ metrics: { conversion: "rate" } });
  const sold = { name: "conversion", value: 1 };
  await post(ask(beacon([lcp]), { cookie: "a=b; slipway_id=ann; c=d" }));
  await post(ask(beacon([lcp], { id: "another-page" }), { cookie: "slipway_id=ann" }));
  await post(ask(beacon([lcp]), { "x-slipway-visitor": "bob", cookie: "slipway_id=ann" }));
  await post(ask(beacon([lcp])));
  await post(ask(beacon([sold, { ...sold, id: "order-0001" }, { ...sold, id: "order-0002" }])));
  const who = (await sent()).map((v) => String(v.visitor));
  assert.equal(who[0], who[1], "two pages of one visitor");
  assert.equal(new Set(who.slice(1, 4)).size, 3, "ann, bob, and a page of nobody");
  assert.equal(who[3], who[4], "without a name of its own a value is its visitor's");
  assert.equal(new Set(who.slice(4)).size, 3, "two orders");
  assert.ok(who.every((w) => /^[0-9a-f]{32}$/.test(w)));
});

const hostile: [string, BodyInit | null, number][] = [
  ["nothing", null, 400],
  ["no JSON", "LCP=1", 400],
  ["no object", "null", 400],
  ["no UTF-8", new Uint8Array([0x22, 0xff, 0x22]), 400],
  ["no values", beacon([]), 400],
  ["21 values", beacon(new Array(21).fill(lcp)), 400],
  ["values that are none", JSON.stringify({ id, deployment: "dpl-v2", values: { length: 1, 0: lcp } }), 400],
  ["no id", beacon([lcp], { id: undefined }), 400],
  ["markup as id", beacon([lcp], { id: "<script>alert(1)</script>" }), 400],
  ["a long id", beacon([lcp], { id: "a".repeat(65) }), 400],
  ["no build", beacon([lcp], { deployment: undefined }), 400],
  ["a long build", beacon([lcp], { deployment: "d".repeat(129) }), 400],
  ["an old measure", beacon([{ name: "FID", value: 1 }]), 400],
  ["an unknown metric", beacon([{ name: "errors", value: 1 }]), 400],
  ["a metric of every object", beacon([{ name: "constructor", value: 1 }]), 400],
  ["the prototype", beacon([{ name: "__proto__", value: 1 }]), 400],
  ["a value below", beacon([{ name: "LCP", value: -1 }]), 400],
  ["a value beyond", beacon([{ name: "LCP", value: 600_001 }]), 400],
  ["an infinite value", beacon().replace("1234.5", "1e999"), 400],
  ["a layout shift in ms", beacon([{ name: "CLS", value: 250 }]), 400],
  ["a value as text", beacon([{ name: "LCP", value: "1" }]), 400],
  ["a list as value", beacon([{ name: "LCP", value: [1] }]), 400],
  ["half a conversion", beacon([{ name: "conversion", value: 0.5 }]), 400],
  ["a vital with a name of its own", beacon([{ ...lcp, id: "order-0001" }]), 400],
  ["one wrong beside a right one", beacon([lcp, { name: "LCP", value: -1 }]), 400],
  ["5 KB", beacon([lcp], { more: "x".repeat(5000) }), 413],
];

for (const [what, body, want] of hostile) {
  test(`hostile: ${what} is answered with ${want} and not passed on`, async () => {
    const { post, sent } = door({ metrics: { conversion: "rate" } });
    assert.equal((await post(ask(body))).status, want);
    assert.deepEqual(await sent(), []);
  });
}

test("a body without an end is not read to its end", async () => {
  const { post, sent } = door();
  let given = 0;
  const endless = new ReadableStream({
    pull(c) {
      given += 1024;
      c.enqueue(new Uint8Array(1024).fill(32));
    },
  });
  const request = new Request("http://shop.example/api/vitals", {
    method: "POST",
    body: endless,
    headers: { host: "shop.example" },
    duplex: "half",
  } as RequestInit);
  assert.equal((await post(request)).status, 413);
  assert.ok(given < 64 << 10, `${given} bytes were read`);
  assert.equal((await post(ask("x", { "content-length": "99999" }))).status, 413);
  assert.deepEqual(await sent(), []);
});

test("a body that stops in the middle is given up", async () => {
  const { post, sent } = door();
  let released = false;
  const stuck = new ReadableStream({
    start(c) {
      c.enqueue(new TextEncoder().encode('{"id":'));
    },
    cancel() {
      released = true;
    },
  });
  const request = new Request("http://shop.example/api/vitals", {
    method: "POST",
    body: stuck,
    headers: { host: "shop.example" },
    duplex: "half",
  } as RequestInit);
  mock.timers.enable({ apis: ["setTimeout"] });
  const answer = post(request);
  mock.timers.tick(10_000);
  assert.equal((await answer).status, 408);
  assert.ok(released, "the connection is let go");
  mock.timers.reset();
  assert.deepEqual(await sent(), []);
});

test("another site can't have its visitors speak", async () => {
  const { post, sent } = door();
  const foreign: Record<string, string>[] = [
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "same-site" },
    { origin: "http://evil.example" },
    { origin: "null" },
  ];
  for (const headers of foreign)
    assert.equal((await post(ask(beacon(), headers))).status, 403, JSON.stringify(headers));
  assert.equal((await post(ask(beacon(), { host: "127.0.0.1:3001", "x-forwarded-host": "shop.example" }))).status, 204);
  assert.equal(
    (await post(ask(beacon(), { origin: "http://else.example", "sec-fetch-site": "same-origin" }))).status,
    204,
  );
  assert.equal((await sent()).length, 2);
});

test("an address may tell only so much, whatever it calls itself", async () => {
  const statuses = async (options: VitalsOptions, from: (n: number) => string) => {
    const { post, sent } = door({ perMinute: 10, ...options });
    let taken = 0;
    for (let n = 0; n < 30; n++) {
      const headers = { "x-forwarded-for": from(n), cookie: `slipway_id=visitor-${n}` };
      if ((await post(ask(beacon([lcp], { id: `page-${1000 + n}` }), headers))).status === 204) taken++;
    }
    assert.equal((await sent()).length, taken);
    slipway.got = [];
    return taken;
  };
  assert.equal(await statuses({}, () => "203.0.113.7"), 10);
  assert.equal(await statuses({}, (n) => `198.51.100.${n}, 203.0.113.7`), 10, "what the client says of itself");
  assert.equal(await statuses({}, (n) => `203.0.113.7:${4000 + n}`), 10, "one address, with ports");
  assert.equal(await statuses({}, (n) => `[2001:db8:1:2::1]:${4000 + n}`), 10, "likewise");
  assert.equal(await statuses({}, (n) => `2001:db8:1:2:${n}::1`), 10, "a network");
  assert.equal(await statuses({}, (n) => `2001:db8:${n}::1`), 30, "networks");
  assert.equal(await statuses({}, (n) => `::ffff:203.0.113.${n}`), 30, "addresses of IPv4");
  assert.equal(await statuses({ proxies: 2 }, (n) => `203.0.113.${n}, 192.0.2.1`), 30, "behind a network for delivery");
  assert.equal(await statuses({ proxies: 2 }, (n) => `198.51.100.${n}, 203.0.113.7, 192.0.2.1`), 10);
});

test("limits fill again, and their memory is bounded", () => {
  const l = new Limit(60);
  let taken = 0;
  for (let n = 0; n < 100; n++) if (l.take("a", 0)) taken++;
  assert.equal(taken, 60);
  assert.ok(l.take("a", 1000) && !l.take("a", 1000));
  assert.ok(!l.take("a", 0), "a clock that goes back gives nothing");
  for (let n = 0; n < 50_000; n++) l.take(`b${n}`, 1000);
  assert.ok(l.size <= 20_000, `${l.size} are remembered`);
});

test("only what is asked for is passed on", async () => {
  const { post, sent } = door({ vitals: ["cls"] });
  assert.equal((await post(ask(beacon([lcp, { name: "CLS", value: 0.1 }])))).status, 204);
  assert.deepEqual(
    (await sent()).map((v) => v.metric),
    ["cls"],
  );
});

test("what does not fit is refused whole, and the application goes on", async () => {
  const r = new Reporter({ ...to(), every: 1e6 });
  const many = (n: number) => new Array(n).fill({ metric: "lcp", value: 1 });
  assert.ok(r.add(many(990)));
  assert.ok(!r.add(many(11)));
  assert.ok(r.add(many(10)));
  await r.flush();
  assert.equal(slipway.got[0]?.values.length, 1000);
});

test("what Slipway does not take is sent again under the same key, and not for ever", async () => {
  const errors: string[] = [];
  const r = new Reporter({ ...to(), onError: (e) => errors.push(e.message) });
  slipway.answers = [503, 429, 200];
  report("conversion", 1, "ann", r);
  await until("it was taken", () => slipway.got.length === 3);
  const keys = new Set(slipway.got.map((g) => g.headers["idempotency-key"]));
  assert.equal(keys.size, 1);
  report("conversion", 0, "bob", r);
  await until("the next is sent", () => slipway.got.length === 4);
  assert.notEqual(slipway.got[3]?.headers["idempotency-key"], [...keys][0]);
  assert.equal(slipway.got[3]?.values.length, 1);

  slipway.answers = [500, 500, 500, 403, 200];
  report("conversion", 1, "cid", r); // lost after three times
  await r.soon();
  assert.equal(slipway.got.length, 7);
  report("conversion", 1, "dan", r); // refused for good
  await r.soon();
  report("conversion", 1, "eve", r);
  await r.soon();
  assert.deepEqual(
    slipway.got.slice(7).map((g) => g.values.map((v) => v.visitor)),
    [["dan"], ["eve"]],
  );
  assert.equal(errors.length, 6);
  assert.ok(!errors.join().includes("slp_"));
});

test("without an address, a token or a name nothing is kept", async () => {
  const env = { ...process.env };
  for (const o of [
    { ...to(), url: "" },
    { ...to(), token: "" },
    { ...to(), version: "", deployment: "" },
  ]) {
    const r = new Reporter(o);
    for (let n = 0; n < 5; n++) assert.ok(r.add(new Array(1000).fill({ metric: "lcp", value: 1 })));
    await r.flush();
  }
  assert.deepEqual(slipway.got, []);
  assert.deepEqual({ ...process.env }, env);
});

/** Page is what Beacons know of a browser's page. */
class Page {
  visibilityState = "visible";
  readonly #first = new EventTarget(); // the window, before the document
  readonly #last = new EventTarget(); // the window, after it
  told: { url: string; body: { id: string; deployment: string; values: { name: string; value: number }[] } }[] = [];
  full = false;
  beacons: Beacons;

  constructor(deployment = "dpl-v2") {
    const note = (url: string, body: string) => this.told.push({ url, body: JSON.parse(body) });
    const sendBeacon = (url: string, body: string) => !this.full && note(url, body) > 0;
    const world: Record<string, unknown> = {
      document: this,
      navigator: { sendBeacon },
      addEventListener: (type: string, hear: () => void, capture = false) =>
        (capture ? this.#first : this.#last).addEventListener(type, hear),
      fetch: async (url: string, init: RequestInit) => {
        assert.ok(init.keepalive);
        note(url, String(init.body));
      },
    };
    for (const [name, value] of Object.entries(world))
      Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
    this.beacons = new Beacons("/api/vitals", deployment);
  }

  /** leave hides the page; `last` is what is measured while it is told so. */
  leave(last: () => void = () => {}): void {
    this.visibilityState = "hidden";
    this.fire("visibilitychange", last);
  }

  fire(type: string, atDocument: () => void = () => {}): void {
    this.#first.dispatchEvent(new Event(type));
    atDocument();
    this.#last.dispatchEvent(new Event(type));
  }

  names(): string[][] {
    return this.told.map((t) => t.body.values.map((v) => v.name));
  }
}

const own = ["document", "navigator", "addEventListener", "fetch"].map(
  (name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)] as const,
);
afterEach(() => {
  mock.timers.reset();
  for (const [name, had] of own) {
    if (had) Object.defineProperty(globalThis, name, had);
    else Reflect.deleteProperty(globalThis, name);
  }
});

test("a page tells after a while, and the rest together when it is left", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const p = new Page();
  p.beacons.vital({ id: "1", name: "TTFB", value: 20 });
  p.beacons.vital({ id: "2", name: "FCP", value: 90 });
  p.beacons.vital({ id: "x", name: "Next.js-hydration", value: 5 });
  assert.equal(p.told.length, 0);
  mock.timers.tick(5000);
  assert.deepEqual(p.names(), [["TTFB", "FCP"]]);
  p.beacons.tell("conversion", 1);
  p.leave(() => {
    p.beacons.vital({ id: "3", name: "LCP", value: 120 });
    p.beacons.vital({ id: "4", name: "CLS", value: 0.1 });
  });
  assert.deepEqual(p.names().slice(1), [["conversion", "LCP", "CLS"]]);
  assert.equal(p.told[0]?.url, "/api/vitals?dpl=dpl-v2");
  assert.equal(p.told[0]?.body.deployment, "dpl-v2");
  assert.equal(p.told[0]?.body.id, p.told[1]?.body.id);
  p.beacons.vital({ id: "5", name: "INP", value: 8 }); // later still: nobody may come by again
  assert.equal(p.told.length, 3);
  p.fire("pagehide");
  mock.timers.tick(60_000);
  assert.equal(p.told.length, 3);
});

test("a measure is told once, however often its page is left", () => {
  const p = new Page("");
  p.leave(() => p.beacons.vital({ id: "1", name: "CLS", value: 0.1 }));
  p.visibilityState = "visible";
  p.fire("visibilitychange");
  p.leave(() => p.beacons.vital({ id: "1", name: "CLS", value: 0.3 }));
  assert.deepEqual(p.names(), [["CLS"]]);
  assert.equal(p.told[0]?.url, "/api/vitals");
});

test("many values are several beacons, and a full queue is not the end", () => {
  const p = new Page();
  p.full = true; // the browser takes no more beacons: fetch does it
  for (let n = 0; n < 25; n++) p.beacons.tell("basket", n);
  p.beacons.tell("basket", Number.NaN);
  p.leave();
  assert.deepEqual(
    p.told.map((t) => t.body.values.length),
    [20, 5],
  );
});

test("what a page sends is what the route takes", async () => {
  const { post, sent } = door({ metrics: { conversion: "rate" } });
  const p = new Page();
  p.beacons.tell("conversion", 1, "order-0001");
  p.beacons.vital({ id: "1", name: "INP", value: 16 });
  p.leave();
  const [told] = p.told;
  assert.ok(told);
  globalThis.fetch = own.find(([name]) => name === "fetch")?.[1]?.value ?? globalThis.fetch;
  assert.equal((await post(ask(JSON.stringify(told.body)))).status, 204);
  assert.equal((await sent()).length, 2);
});
