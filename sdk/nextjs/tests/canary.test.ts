import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { EventEmitter } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, IncomingMessage, ServerResponse } from "node:http";
import { type AddressInfo, Socket } from "node:net";
import { after, test } from "node:test";
import { NextRequest, NextResponse } from "next/server.js";
import { canaryProxy, type Own } from "../src/canary.js";
import { bucket, chosen, parse, Reader } from "../src/table.js";

const table = (more: object = {}) => ({
  v: 1,
  generation: 7,
  app: "shop",
  salt: "rel_1",
  share: 50,
  stable: { id: "dpl_base", url: "https://base.example" },
  canary: { id: "dpl_can", url: "https://can.example" },
  banned: ["dpl_bad"],
  ...more,
});

/** Store is a Global Config that answers over HTTP, as its read host does. */
class Store {
  item: unknown;
  status = 200;
  asked = 0;
  auth: string | undefined;
  #server = createServer((req, res) => {
    this.asked++;
    this.auth = req.headers.authorization;
    const found = req.url === "/ecfg_1/item/slipway?version=1" && this.item !== undefined;
    res.writeHead(this.status === 200 && !found ? 404 : this.status, { "content-type": "application/json" });
    res.end(JSON.stringify(this.item ?? null));
  });

  static async open(item: unknown): Promise<Store> {
    const s = new Store();
    s.item = item;
    await new Promise<void>((done) => s.#server.listen(0, "127.0.0.1", done));
    after(() => s.close()); // a test that fails leaves it open
    return s;
  }
  get connection() {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/ecfg_1?token=t`;
  }
  close() {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

const page = { "sec-fetch-dest": "document", accept: "text/html" };
const ask = (path: string, headers: Record<string, string> = {}, init: object = {}) =>
  new NextRequest(`http://shop.example${path}`, { headers: { host: "shop.example", ...headers }, ...init });

const to = (res: Response) => res.headers.get("x-middleware-rewrite");
const header = (res: Response, name: string) => res.headers.get(`x-middleware-request-${name}`);

/** visitorOf looks for a visitor of the stable or of the canary version. */
function visitorOf(want: string): string {
  const t = parse(table());
  assert.ok(t);
  for (let n = 0; ; n++) if (chosen(t, `v${n}`).id === want) return `v${n}`;
}

test("the hash is the one of the edge and of flags", () => {
  const vectors = JSON.parse(readFileSync("tests/buckets.json", "utf8")) as {
    Salt: string;
    Visitor: string;
    Point: number;
  }[];
  assert.ok(vectors.length >= 200);
  for (const v of vectors) assert.equal(bucket(v.Salt, v.Visitor), v.Point, `${v.Salt} ${v.Visitor}`);
});

test("raising the share moves nobody back", () => {
  for (let n = 0; n < 500; n++) {
    let was = false;
    for (const share of [0, 0.01, 5, 25, 50, 100]) {
      const t = parse(table({ share }));
      assert.ok(t);
      const is = chosen(t, `v${n}`).id === "dpl_can";
      assert.ok(is || !was, `v${n} left the canary at ${share}`);
      assert.ok(share > 0 || !is);
      assert.ok(share < 100 || is);
      was = is;
    }
  }
});

test("what is no table routes nobody", () => {
  const bad = [
    null,
    1,
    {},
    table({ v: 2 }),
    table({ share: 101 }),
    table({ share: "5" }),
    table({ stable: undefined }),
  ];
  bad.push(table({ canary: { id: "x", url: "javascript:alert(1)" } }), table({ generation: "7" }), table({ salt: 1 }));
  for (const raw of bad) assert.equal(parse(raw), undefined, JSON.stringify(raw));
  assert.deepEqual(parse(table({ canary: undefined, banned: [1, "x"] }))?.banned, ["x"]);
});

test("a visitor of the canary is sent there, whole", async () => {
  const store = await Store.open(table());
  const proxy = canaryProxy(undefined, { connection: store.connection, deployment: "dpl_base", bypass: "secret" });
  const cookie = `slipway_id=${visitorOf("dpl_can")}`;
  const res = await proxy(ask("/cart?a=1&_rsc=x", { ...page, cookie, "x-slipway-visitor": "forged" }));
  assert.equal(to(res), "https://can.example/cart?a=1&_rsc=x");
  assert.equal(header(res, "x-vercel-protection-bypass"), "secret");
  assert.equal(header(res, "x-forwarded-host"), "shop.example");
  assert.equal(header(res, "x-slipway-visitor"), visitorOf("dpl_can"));
  assert.match(header(res, "x-slipway-hop") ?? "", /^shop\.example\.[0-9a-f]{64}$/);
  assert.equal(res.headers.get("x-slipway-deployment"), "dpl_can");
  assert.ok(!res.headers.get("set-cookie"));
  assert.ok(!(to(res) ?? "").includes("secret"), "a secret stands in an address");
  assert.equal(store.auth, "Bearer t");
  const stays = await proxy(ask("/cart", { ...page, cookie: `slipway_id=${visitorOf("dpl_base")}` }));
  assert.equal(to(stays), null);
  assert.equal(stays.headers.get("x-slipway-deployment"), "dpl_base");
  store.close();
});

test("the secret goes over no line that others can read", async () => {
  for (const [url, goes] of [
    ["https://can.example", true],
    ["http://can.example", false],
    ["http://127.0.0.1:3000", true],
    ["http://127.0.0.1.evil.example", false],
  ] as const) {
    const store = await Store.open(table({ share: 100, canary: { id: "dpl_can", url } }));
    const proxy = canaryProxy(undefined, { connection: store.connection, deployment: "dpl_base", bypass: "secret" });
    const res = await proxy(ask("/", page));
    assert.equal(to(res), `${url}/`);
    assert.equal(header(res, "x-vercel-protection-bypass"), goes ? "secret" : null, url);
    assert.equal(header(res, "x-slipway-hop") === "1", !goes, url);
    store.close();
  }
});

test("no path leads to another host, and none is cut short", async () => {
  const store = await Store.open(table({ share: 100 }));
  const proxy = canaryProxy(undefined, { connection: store.connection, deployment: "dpl_base", bypass: "secret" });
  for (const path of [
    "//evil.example/x?a=1",
    "///evil.example/",
    "/\\\\evil.example/",
    "/%2f%2fevil.example/",
    "/@evil.example",
  ]) {
    const where = new URL(to(await proxy(ask(path, page))) ?? "");
    assert.equal(where.host, "can.example", path);
    assert.equal(where.pathname + where.search, new URL(`http://shop.example${path}`).href.slice(19), path);
  }
  const under = new NextRequest("http://shop.example/docs/cart?a=1", {
    headers: { host: "shop.example", ...page },
    nextConfig: { basePath: "/docs" },
  });
  assert.equal(to(await proxy(under)), "https://can.example/docs/cart?a=1");
  store.close();
});

test("a new visitor gets an id with the page and stays where it puts them", async () => {
  const store = await Store.open(table());
  const proxy = canaryProxy(undefined, { connection: store.connection, deployment: "dpl_base", bypass: "s" });
  let canary = 0;
  for (let n = 0; n < 200; n++) {
    const first = await proxy(ask("/", page));
    const id = /slipway_id=([0-9a-f]{32});.*HttpOnly; SameSite=Lax/.exec(first.headers.get("set-cookie") ?? "")?.[1];
    assert.ok(id);
    const again = await proxy(ask("/", { ...page, cookie: `slipway_id=${id}` }));
    assert.equal(again.headers.get("x-slipway-deployment"), first.headers.get("x-slipway-deployment"));
    const data = await proxy(ask("/api/cart", { cookie: `slipway_id=${id}`, "sec-fetch-dest": "empty" }));
    assert.equal(to(data) !== null, first.headers.get("x-slipway-deployment") === "dpl_can");
    assert.ok(!data.headers.get("set-cookie"));
    if (to(first)) canary++;
  }
  assert.ok(canary > 60 && canary < 140, `${canary} of 200 at 50 %`);
  store.close();
});

test("open pages stay with their build, and leave a banned one", async () => {
  const store = await Store.open(table());
  const on = (deployment: string) => canaryProxy(undefined, { connection: store.connection, deployment, bypass: "s" });
  const stable = { cookie: `slipway_id=${visitorOf("dpl_base")}`, "sec-fetch-dest": "empty" };
  assert.equal(
    to(await on("dpl_base")(ask("/x", { ...stable, "x-deployment-id": "dpl_can" }))),
    "https://can.example/x",
  );
  assert.equal(to(await on("dpl_base")(ask("/x?dpl=dpl_can", stable))), "https://can.example/x?dpl=dpl_can");
  const link = await on("dpl_base")(ask("/x?dpl=dpl_can", { ...stable, ...page }));
  assert.equal(to(link), null, "a link chose the version");
  const bad = await on("dpl_bad")(ask("/x", { ...stable, "x-deployment-id": "dpl_bad" }));
  assert.equal(to(bad), "https://base.example/x");
  const action = { ...stable, "x-deployment-id": "dpl_bad", "next-action": "a1" };
  const gone = await on("dpl_bad")(ask("/x", action, { method: "POST" }));
  assert.equal(gone.status, 409);
  assert.equal(gone.headers.get("x-nextjs-action-not-found"), "1");
  const old = await on("dpl_old")(ask("/x", { ...stable, "x-deployment-id": "dpl_old" }));
  assert.equal(to(old), null, "an older build's page was torn from it");
  store.close();
});

test("no cache that visitors share keeps a page", async () => {
  const store = await Store.open(table({ share: 0 }));
  const on = (own?: Own) => canaryProxy(own, { connection: store.connection, deployment: "dpl_base", bypass: "s" });
  const says = async (request: NextRequest, own?: Own) => (await on(own)(request)).headers.get("cache-control");
  const unshared = "private, no-cache, no-store, max-age=0, must-revalidate";
  assert.equal(await says(ask("/", page)), unshared);
  assert.equal(await says(ask("/", { ...page, "user-agent": "Googlebot/2.1" })), unshared);
  assert.equal(await says(ask("/?_rsc=1", { "sec-fetch-dest": "empty" })), unshared);
  assert.equal(await says(ask("/", { ...page, "x-slipway-hop": "1" })), unshared, "it does not arrive with the hop");
  assert.equal(await says(ask("/_next/static/chunks/a.js", { "sec-fetch-dest": "script" })), null);
  assert.equal(await says(ask("/api/x", { "sec-fetch-dest": "empty" })), null);
  const own: Own = () => new Response("", { headers: { "cache-control": "no-store" } });
  assert.equal(await says(ask("/", page), own), "no-store");
  assert.equal(await says(ask("/", { ...page, "x-slipway-hop": "1" }), own), "no-store");
  store.close();
});

test("an answer may have the listeners that Next gives it", () => {
  const answer = () => new ServerResponse(new IncomingMessage(new Socket()));
  canaryProxy(undefined, { connection: "http://127.0.0.1:1/ecfg_1?token=t", deployment: "dpl_base" });
  assert.equal(answer().getMaxListeners(), 16);
  assert.equal(new EventEmitter().getMaxListeners(), 10, "what others count is changed, too");
});

test("crawlers and what is nobody's get the stable version", async () => {
  const store = await Store.open(table({ share: 100 }));
  const proxy = canaryProxy(undefined, { connection: store.connection, deployment: "dpl_can", bypass: "s" });
  const robot = await proxy(ask("/", { ...page, "user-agent": "Googlebot/2.1" }));
  assert.equal(to(robot), "https://base.example/");
  assert.ok(!robot.headers.get("set-cookie"));
  assert.equal(to(await proxy(ask("/api/x", { "sec-fetch-dest": "empty" }))), "https://base.example/api/x");
  store.close();
});

test("one hop, whatever the tables say", async () => {
  const store = await Store.open(table({ share: 100 }));
  const proxy = canaryProxy(undefined, { connection: store.connection, deployment: "dpl_base", bypass: "s" });
  assert.equal(to(await proxy(ask("/", { ...page, "x-slipway-hop": "1" }))), null);
  store.close();
});

test("the visitor's host arrives with the hop, if it is signed", async () => {
  const store = await Store.open(table({ share: 100 }));
  const on = (deployment: string, bypass: string) =>
    canaryProxy(undefined, { connection: store.connection, deployment, bypass });
  const first = await on("dpl_base", "s")(ask("/cart", page));
  const hop = header(first, "x-slipway-hop") ?? "";
  const arrives = (hop: string, bypass = "s") =>
    on(
      "dpl_can",
      bypass,
    )(ask("/cart", { ...page, host: "can.example", "x-forwarded-host": "can.example", "x-slipway-hop": hop }));
  const there = await arrives(hop);
  assert.equal(header(there, "x-forwarded-host"), "shop.example");
  assert.equal(to(there), null);
  assert.equal(header(await arrives("1"), "x-forwarded-host"), "can.example");
  assert.equal(header(await arrives(hop, "t"), "x-forwarded-host"), "can.example");
  assert.equal(header(await arrives(hop.replace("shop", "evil")), "x-forwarded-host"), "can.example");
  const named = await on("dpl_base", "s")(ask("/", { ...page, host: "dpl_base" }));
  const force = header(named, "x-slipway-hop") ?? ""; // what is signed for one use is good for no other
  assert.ok(to(await on("dpl_base", "s")(ask("/", { ...page, "x-slipway-force": force }))));
  store.close();
});

test("nobody's word but a proven deployment's arrives with a hop", async () => {
  const store = await Store.open(table());
  type Seen = { visitor: string | null; host: string | null; rest: string[]; told: string[] };
  const arrives = async (bypass: string, headers: Record<string, string>): Promise<Seen> => {
    let seen: Seen | undefined;
    const names = (h: Headers) => [...h.keys()].filter((n) => /^x-slipway-|bypass/.test(n)).sort();
    const own: Own = (request, h) => {
      const visitor = h.get("x-slipway-visitor");
      assert.equal(request.headers.get("x-slipway-visitor"), visitor, "what next/headers reads differs");
      seen = { visitor, host: h.get("x-forwarded-host"), rest: names(h), told: names(request.headers) };
      return new Response();
    };
    await canaryProxy(own, { connection: store.connection, deployment: "dpl_can", bypass })(
      ask("/cart", { ...page, host: "can.example", "x-forwarded-host": "can.example", ...headers }),
    );
    assert.ok(seen);
    return seen;
  };
  const v = visitorOf("dpl_can");
  const cookie = `slipway_id=${v}`;
  const on = canaryProxy(undefined, { connection: store.connection, deployment: "dpl_base", bypass: "s" });
  const first = await on(ask("/cart", { ...page, cookie }));
  const hop = header(first, "x-slipway-hop") ?? "";
  const forged = { "x-slipway-visitor": "forged", "x-slipway-flags": "a=b", "x-slipway-force": "dpl_can.0" };
  const proven = { "x-slipway-hop": hop, "x-slipway-visitor": v, "x-vercel-protection-bypass": "s" };
  const only = ["x-slipway-visitor"];
  // Proven: the visitor is who the other deployment says, and neither its signature nor the secret goes any further.
  assert.deepEqual(await arrives("s", proven), { visitor: v, host: "shop.example", rest: only, told: only });
  for (const bad of ["1", `${hop}0`, hop.replace("shop", "evil"), "shop.example."]) {
    const got = await arrives("s", { ...forged, cookie, "x-slipway-hop": bad });
    assert.deepEqual(got, { visitor: v, host: "can.example", rest: only, told: only }, bad);
    const nobody = await arrives("s", { ...forged, "x-slipway-hop": bad });
    assert.deepEqual(nobody, { visitor: null, host: "can.example", rest: [], told: [] }, bad);
  }
  // Without a secret nothing can be proven: an id is one, or it is dropped.
  assert.equal((await arrives("", { "x-slipway-hop": "1", "x-slipway-visitor": "v1" })).visitor, "v1");
  for (const id of ["a b", "x".repeat(129), '{"admin":true}', "é"]) {
    const got = await arrives("", { ...forged, "x-slipway-visitor": id, "x-slipway-hop": "1" });
    assert.deepEqual(got, { visitor: null, host: "can.example", rest: [], told: [] }, id);
  }
  store.close();
});

test("an own proxy that forgets the headers passes on nothing forged", async () => {
  const store = await Store.open(table({ share: 0 }));
  const forged = { "x-slipway-visitor": "forged", "x-slipway-anything": "1", "x-vercel-protection-bypass": "s" };
  for (const own of [
    () => NextResponse.next(),
    () => NextResponse.rewrite("http://shop.example/other"),
  ] satisfies Own[]) {
    for (const hop of [{}, { "x-slipway-hop": "1" }] as Record<string, string>[]) {
      const proxy = canaryProxy(own, { connection: store.connection, deployment: "dpl_base", bypass: "s" });
      const res = await proxy(ask("/", { ...page, ...forged, ...hop, cookie: "slipway_id=v1", "x-kept": "1" }));
      assert.equal(header(res, "x-slipway-visitor"), "v1");
      const names = res.headers.get("x-middleware-override-headers")?.split(",") ?? [];
      assert.ok(names.includes("x-kept"), "what the visitor sent is lost");
      assert.deepEqual(
        names.filter((n) => /^x-slipway-|bypass/.test(n)),
        ["x-slipway-visitor"],
      );
    }
  }
  store.close();
});

test("who asks for a build by its own address, or in a preview, gets that build", async () => {
  const store = await Store.open(table({ share: 100 }));
  const o = { connection: store.connection, bypass: "s" };
  const at = (host: string) => ask("/api/health", { host, "x-forwarded-host": host, "sec-fetch-dest": "empty" });
  const staged = canaryProxy(undefined, { ...o, deployment: "dpl_new", address: "new.example" });
  assert.equal(to(await staged(at("new.example"))), null, "a probe of a build was answered by another");
  assert.equal(to(await staged(ask("/", { ...page, host: "new.example" }))), null);
  assert.equal(to(await staged(at("shop.example"))), "https://base.example/api/health");
  assert.equal(
    to(await canaryProxy(undefined, { ...o, deployment: "dpl_new" })(at(""))),
    "https://base.example/api/health",
  );
  process.env.VERCEL_DEPLOYMENT_ID = "dpl_new";
  after(() => {
    delete process.env.VERCEL_DEPLOYMENT_ID;
    delete process.env.VERCEL_ENV;
  });
  for (const [env, want] of [
    ["preview", null],
    ["production", "https://can.example/"],
  ] as const) {
    process.env.VERCEL_ENV = env;
    const cookie = `slipway_id=${visitorOf("dpl_can")}`;
    assert.equal(to(await canaryProxy(undefined, o)(ask("/", { ...page, cookie }))), want, env);
  }
  store.close();
});

test("pages that are open of a build that was replaced keep it for a while", async () => {
  const old = { id: "dpl_old", url: "https://old.example", until: Date.now() + 60_000 };
  const store = await Store.open(
    table({
      stable: { id: "dpl_new", url: "https://new.example" },
      canary: undefined,
      share: 0,
      kept: [old, { ...old, id: "dpl_gone", until: Date.now() - 1 }, { ...old, id: "dpl_bad" }, null, { id: "dpl_x" }],
    }),
  );
  const proxy = canaryProxy(undefined, { connection: store.connection, deployment: "dpl_new", bypass: "s" });
  const data = { "sec-fetch-dest": "empty" };
  assert.equal(to(await proxy(ask("/a.js?dpl=dpl_old", data))), "https://old.example/a.js?dpl=dpl_old");
  const action = { ...data, "x-deployment-id": "dpl_old", "next-action": "a1" };
  assert.equal(to(await proxy(ask("/x", action, { method: "POST" }))), "https://old.example/x");
  assert.equal(to(await proxy(ask("/x?dpl=dpl_old", page))), null, "a new page came from the old build");
  for (const id of ["dpl_gone", "dpl_bad", "dpl_x"])
    assert.equal(to(await proxy(ask(`/a.js?dpl=${id}`, data))), null, id);
  store.close();
});

test("a build that served as canary knows the table when it is promoted", async () => {
  let asked = 0;
  let silent = false;
  const proxy = canaryProxy(undefined, {
    connection: "https://config.example/ecfg_1?token=t",
    deployment: "dpl_can",
    bypass: "s",
    timeout: 1,
    fetch: async () => {
      asked++;
      return silent ? new Promise<Response>(() => {}) : answers(table());
    },
  });
  await proxy(ask("/", { ...page, "x-slipway-hop": "1" }));
  await settled();
  assert.equal(asked, 1);
  silent = true;
  const res = await proxy(ask("/a.js?dpl=dpl_base", { "sec-fetch-dest": "script" }));
  assert.equal(to(res), "https://base.example/a.js?dpl=dpl_base", "an asset of the other build was looked for here");
});

test("flags in the proxy hear of nobody but the visitor", async () => {
  const store = await Store.open(table({ share: 0 }));
  let seen: string | null = "";
  const own = (request: NextRequest) => {
    seen = request.headers.get("x-slipway-visitor");
    return new Response();
  };
  const proxy = canaryProxy(own, { connection: store.connection, deployment: "dpl_base", bypass: "s" });
  await proxy(ask("/", { ...page, cookie: "slipway_id=v1", "x-slipway-visitor": "forged" }));
  assert.equal(seen, "v1");
  await proxy(ask("/api/x", { "sec-fetch-dest": "empty", "x-slipway-visitor": "forged" }));
  assert.equal(seen, null);
  store.close();
});

test("only a signed header forces a version", async () => {
  const store = await Store.open(table({ share: 0 }));
  const proxy = canaryProxy(undefined, { connection: store.connection, deployment: "dpl_base", bypass: "s" });
  const mac = (id: string, key = "s") => createHmac("sha256", key).update(`force:${id}`).digest("hex");
  const forced = (value: string) => proxy(ask("/", { ...page, "x-slipway-force": value }));
  assert.equal(to(await forced(`dpl_can.${mac("dpl_can")}`)), "https://can.example/");
  for (const wrong of [
    "dpl_can",
    `dpl_can.${mac("dpl_can", "t")}`,
    `dpl_bad.${mac("dpl_bad")}`,
    `dpl_can.${mac("dpl_base")}`,
  ]) {
    assert.equal(to(await forced(wrong)), null, wrong);
  }
  store.close();
});

/** clock is a Reader's time, which a test moves. */
function clock() {
  const c = { at: 0, now: () => c.at };
  return c;
}

const answers = (item: unknown, status = 200) => new Response(JSON.stringify(item), { status });
const settled = () => new Promise((done) => setImmediate(done));

test("a table that was read stays while nobody answers, and a copy that is behind changes nothing", async () => {
  const c = clock();
  let next: () => Response = () => answers(table());
  const reader = new Reader("https://config.example/ecfg_1?token=t", {
    poll: 2000,
    timeout: 500,
    now: c.now,
    get: async () => next(),
  });
  const later = async (ms: number) => {
    c.at += ms;
    await reader.table("dpl_base");
    await settled();
    return reader.table("dpl_base");
  };
  assert.equal((await reader.table("dpl_base"))?.generation, 7);
  next = () => answers(table({ generation: 6, share: 100 }));
  assert.equal((await later(2000))?.share, 50);
  next = () => answers(null, 500);
  for (let n = 0; n < 3; n++) assert.equal((await later(2000))?.generation, 7);
  next = () => answers({ v: 2 });
  assert.equal((await later(2000))?.generation, 7);
  next = () => answers(null, 404);
  assert.equal((await later(2000))?.generation, 7);
});

test("a table that nobody confirms is used for ten minutes, and then only for what it bans", async () => {
  const c = clock();
  let next: () => Response = () => answers(table());
  const reader = new Reader("https://config.example/ecfg_1?token=t", {
    poll: 2000,
    timeout: 500,
    now: c.now,
    get: async () => next(),
  });
  await reader.table("dpl_base");
  next = () => answers(null, 500);
  const asks = async (to: number) => {
    while (c.at < to) {
      c.at = Math.min(c.at + 9000, to);
      await reader.table("dpl_base");
      await settled();
    }
  };
  await asks(600_000);
  assert.equal((await reader.table("dpl_base"))?.share, 50);
  await asks(600_001);
  assert.equal(await reader.table("dpl_base"), undefined);
  assert.equal(await reader.table("dpl_can"), undefined);
  const banned = await reader.table("dpl_bad");
  assert.equal(banned?.stable.id, "dpl_base");
  assert.equal(banned?.canary, undefined);
  next = () => answers(table({ generation: 3, share: 10 })); // what was brought back from a backup is older
  await asks(610_000);
  assert.equal((await reader.table("dpl_base"))?.share, 10);
});

test("a request waits for the table, and not for long", async () => {
  const begin = performance.now();
  const silent = canaryProxy(undefined, {
    connection: "https://config.example/ecfg_1?token=t",
    deployment: "dpl_base",
    timeout: 200,
    fetch: () => new Promise(() => {}), // it does not even heed the signal
  });
  const cookie = `slipway_id=${visitorOf("dpl_can")}`;
  const both = await Promise.all([silent(ask("/", { ...page, cookie })), silent(ask("/", { ...page, cookie }))]);
  for (const res of both) assert.equal(to(res), null);
  assert.ok(performance.now() - begin >= 190, "nobody waited");
  // Not again while requests come: if this one waited, it would never be answered. The next one asks again.
  assert.equal(to(await silent(ask("/", { ...page, cookie }))), null);

  let tries = 0;
  const slow = canaryProxy(undefined, {
    connection: "https://config.example/ecfg_1?token=t",
    deployment: "dpl_base",
    bypass: "s",
    timeout: 60_000,
    fetch: async () => (++tries < 3 ? Promise.reject(new Error("refused")) : answers(table())),
  });
  assert.equal(to(await slow(ask("/", { ...page, cookie }))), "https://can.example/");
  assert.equal(tries, 3, "the first request asks until it is answered");
});

test("a function that slept asks before it answers", async () => {
  const c = clock();
  let item = table();
  const reader = new Reader("https://config.example/ecfg_1?token=t", {
    poll: 2000,
    timeout: 60_000,
    now: c.now,
    get: async () => answers(item),
  });
  await reader.table("dpl_base");
  item = table({ generation: 8, canary: undefined, banned: ["dpl_can"] });
  c.at = 10_001;
  assert.deepEqual((await reader.table("dpl_base"))?.banned, ["dpl_can"], "a banned build was served after a sleep");
  item = table({ generation: 9 });
  c.at += 9_000; // somebody asked not long ago: this request gets what is there, and has it renewed
  assert.equal((await reader.table("dpl_base"))?.generation, 8);
});

test("where Global Config never answers, Vercel's own copy is taken", async () => {
  const c = clock();
  const asked: string[] = [];
  const reader = new Reader("https://config.example/ecfg_1?token=t", {
    poll: 2000,
    timeout: 50,
    now: () => c.at++, // the wait is over after some looks at the clock
    get: () => Promise.reject(new Error("refused")),
    local: async (id) => {
      asked.push(id);
      return { digest: "d", items: { slipway: table({ share: 30 }) } };
    },
  });
  assert.equal((await reader.table("dpl_base"))?.share, 30);
  assert.deepEqual(asked, ["ecfg_1"]);
  const at = Symbol.for("privateEdgeConfig");
  Reflect.set(globalThis, at, { get: async (id: string) => id === "ecfg_1" && { items: { slipway: table() } } });
  after(() => Reflect.deleteProperty(globalThis, at));
  const proxy = canaryProxy(undefined, {
    connection: "http://127.0.0.1:1/ecfg_1?token=t",
    deployment: "dpl_base",
    bypass: "s",
    timeout: 50,
  });
  const cookie = `slipway_id=${visitorOf("dpl_can")}`;
  assert.equal(to(await proxy(ask("/", { ...page, cookie }))), "https://can.example/");
});

test("what keeps the table from being read is said once, and no secret is in it", async () => {
  const c = clock();
  let next: () => Promise<Response> = () => Promise.reject(new Error("refused"));
  const said: string[] = [];
  const warn = console.warn;
  console.warn = (text: string) => said.push(text);
  after(() => {
    console.warn = warn;
  });
  const reader = new Reader("https://config.example/ecfg_1?token=sesame", {
    poll: 2000,
    timeout: 0,
    now: c.now,
    get: () => next(),
  });
  const later = async () => {
    c.at += 2000;
    await reader.table("dpl_base");
    await settled();
  };
  for (let n = 0; n < 3; n++) await later();
  next = async () => answers(table());
  for (let n = 0; n < 3; n++) await later();
  next = async () => answers(null, 500);
  await later();
  console.warn = warn;
  assert.match(said[0] ?? "", /this build serves everybody whom it is asked by/);
  assert.match(said[1] ?? "", /is read again/);
  assert.match(said[2] ?? "", /the last one is used for a while: Global Config answers 500/);
  assert.equal(said.length, 3);
  assert.ok(!said.join().includes("sesame"));
});

test("where no table is read, the proxy changes nothing", async () => {
  for (const unset of [{ deployment: "d" }, { connection: "http://127.0.0.1:1/ecfg_1?token=t" }]) {
    const res = await canaryProxy(undefined, unset)(ask("/", { ...page, "x-slipway-visitor": "of-the-edge" }));
    assert.equal(to(res), null);
    assert.equal(header(res, "x-slipway-visitor"), "of-the-edge");
    assert.ok(!res.headers.get("set-cookie"));
  }
});
