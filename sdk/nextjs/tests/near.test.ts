import assert from "node:assert/strict";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { after, test } from "node:test";
import { EdgeVM } from "@edge-runtime/vm";
import { build } from "esbuild";
import { Flags, type Options } from "../src/client.js";
import { optionsFrom } from "../src/index.js";
import { checkout, Site, until } from "./server.js";

/** published are flags of a generation, as Slipway writes them. */
const published = (variant: string, generation: number) =>
  JSON.stringify({
    ...JSON.parse(checkout(variant)),
    metadata: { flagSetId: "shop/production", version: String(generation) },
  });

/** Store is a Global Config that answers over HTTP, as its read host does. */
class Store {
  items: Record<string, string> = {};
  asked: string[] = [];
  auth: string | undefined;
  status = 200;
  unchanged = 0;
  #held: ServerResponse[] = [];
  hang = false;
  #server = createServer((req, res) => {
    this.asked.push(req.url ?? "");
    this.auth = req.headers.authorization;
    if (this.hang) return void this.#held.push(res);
    const item = this.items[/^\/ecfg_1\/item\/([\w-]+)\?version=1$/.exec(req.url ?? "")?.[1] ?? ""];
    const etag = `"${item?.length}-${/"version":"(\d+)"/.exec(item ?? "")?.[1]}"`;
    if (this.status !== 200 || item === undefined) {
      res.writeHead(this.status === 200 ? 404 : this.status).end(`{"error":{"code":"x"}}`);
    } else if (req.headers["if-none-match"] === etag) {
      this.unchanged++;
      res.writeHead(304, { etag }).end();
    } else {
      res.writeHead(200, { "content-type": "application/json", etag }).end(item);
    }
  });

  static async open(item?: string): Promise<Store> {
    const s = new Store();
    if (item) s.items["slipway-flags-production"] = item;
    await new Promise<void>((done) => s.#server.listen(0, "127.0.0.1", done));
    after(() => s.close());
    return s;
  }
  get connection() {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/ecfg_1?token=t`;
  }
  put(item: string) {
    this.items["slipway-flags-production"] = item;
  }
  close() {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

const flags = (s: Store, more: Options = {}) => new Flags({ connection: s.connection, ...more });

test("flags of a Global Config are evaluated here, by one request for many", async () => {
  const s = await Store.open(published("old", 7));
  const f = flags(s);
  assert.ok(f.local);
  const got = await Promise.all(
    Array.from({ length: 10 }, (_, i) => f.value("checkout", false, i % 2 ? { plan: "pro" } : {})),
  );
  assert.deepEqual(got, [false, true, false, true, false, true, false, true, false, true]);
  assert.deepEqual(Object.keys(await f.forPage({})), ["checkout", "banner"]);
  assert.deepEqual(s.asked, ["/ecfg_1/item/slipway-flags-production?version=1"]);
  assert.equal(s.auth, "Bearer t");
});

test("a change is seen, and a copy that is behind undoes nothing", async () => {
  const s = await Store.open(published("old", 7));
  const f = flags(s, { poll: 0 });
  assert.equal(await f.value("checkout", true, {}), false);
  s.put(published("new", 8));
  await until("the change is seen", () => f.value("checkout", false, {}));
  s.put(published("old", 7));
  await f.refresh();
  await f.refresh();
  assert.equal(await f.value("checkout", false, {}), true);
  s.put(published("new", 8));
  await f.refresh();
  const before = s.unchanged;
  await f.refresh();
  assert.equal(s.unchanged, before + 1, "what has not changed is sent again");
});

test("the last good flags stay, whatever the store says", async () => {
  const s = await Store.open(published("new", 7));
  const errors: string[] = [];
  const f = flags(s, { poll: 0, timeout: 200, onError: (e) => errors.push(e.message) });
  assert.equal(await f.value("checkout", false, {}), true);
  for (const bad of ["null", "{", "[]", '{"flags":7,"metadata":{"version":"9"}}', '{"flags":{}}', '"text"']) {
    s.put(bad);
    await f.refresh();
    assert.equal(await f.value("checkout", false, {}), true, bad);
  }
  s.put(published("new", 9));
  await f.refresh(); // what was not taken has not hidden what is newer
  for (const status of [404, 500, 401]) {
    s.status = status;
    await f.refresh();
    assert.equal(await f.value("checkout", false, {}), true, String(status));
  }
  s.hang = true;
  const began = performance.now();
  assert.equal(await f.value("checkout", false, {}), true);
  assert.ok(performance.now() - began < 150, "a page waited for a store that hangs");
  s.close();
  await f.refresh();
  assert.equal(await f.value("checkout", false, {}), true);
  assert.ok(errors.length > 5 && !errors.join().includes("token"), errors.join());
});

test("without flags, or without a store, every flag is its fallback", async () => {
  const s = await Store.open();
  const none = await flags(s).details("checkout", true, {});
  assert.deepEqual([none.value, none.errorCode], [true, "PROVIDER_NOT_READY"]);
  const said: string[] = [];
  const wrong = new Flags({ connection: "no address?token=secret", onError: (e) => said.push(e.message) });
  assert.equal(await wrong.value("checkout", true, {}), true);
  assert.ok(said.length === 1 && !said[0]?.includes("secret"), said.join());
});

test("another environment is another item", async () => {
  const s = await Store.open(published("old", 7));
  s.items["slipway-flags-staging"] = published("new", 3);
  assert.equal(await flags(s, { environment: "staging" }).value("checkout", false, {}), true);
});

test("usage is told to Slipway where there is one, and nothing else is asked of it", async () => {
  const s = await Store.open(published("old", 7));
  const site = await new Site().open();
  after(() => site.close());
  const f = flags(s, { url: site.url, key: "slwf_srv_a", stream: true, report: 0 });
  await f.value("checkout", true, {});
  await f.flush();
  assert.deepEqual(site.asked, ["POST /flags/v1/usage"]);
  await flags(s).flush(); // to nobody
});

test("the environment names the store, unless it names a server", () => {
  const env = { GLOBAL_CONFIG: "https://g/ecfg_1?token=t", SLIPWAY_FLAGS_ENVIRONMENT: "staging" };
  assert.equal(optionsFrom(env).connection, env.GLOBAL_CONFIG);
  assert.equal(optionsFrom(env).environment, "staging");
  assert.equal(optionsFrom({ EDGE_CONFIG: "https://e/ecfg_1?token=t" }).connection, "https://e/ecfg_1?token=t");
  assert.equal(optionsFrom({ ...env, SLIPWAY_FLAGS_URL: "https://s", SLIPWAY_FLAGS_KEY: "k" }).connection, undefined);
});

// As in an edge's middleware: no Node, and no code made from text.
test("an edge that forbids generated code reads and evaluates them", async () => {
  const s = await Store.open(published("new", 7));
  const made = await build({
    stdin: {
      contents: `export * from ${JSON.stringify(path.resolve("src", "client.ts"))}`,
      resolveDir: process.cwd(),
    },
    bundle: true,
    write: false,
    format: "iife",
    globalName: "slipway",
    platform: "browser",
    target: "es2022",
    logLevel: "silent",
  });
  const vm = new EdgeVM({ codeGeneration: { strings: false, wasm: false } });
  vm.evaluate(`${made.outputFiles[0]?.text ?? ""}; globalThis.slipway = slipway;`);
  const got = await vm.evaluate(
    `new slipway.Flags({ connection: ${JSON.stringify(s.connection)} }).value("checkout", false, {})`,
  );
  assert.equal(got, true);
});
