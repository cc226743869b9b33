import assert from "node:assert/strict";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { Flags, type Options } from "../src/client.js";
import { fileStore } from "../src/file.js";
import { checkout, Site, until } from "./server.js";

describe("flags", () => {
  let site: Site;
  const open: Flags[] = [];
  before(async () => {
    site = await new Site().open();
  });
  beforeEach(() => {
    site.document = checkout("old");
    site.version++;
    site.down = false;
    site.asked = [];
    site.headers = [];
    site.reports = [];
  });
  after(async () => {
    for (const f of open) await f.close();
    site.close();
  });
  const flags = (more: Options = {}): Flags => {
    const made = new Flags({ url: `${site.url}/`, key: "slwf_srv_a", report: 0, ...more });
    open.push(made);
    return made;
  };

  test("ten flags of a page are one request, and of the next page none", async () => {
    const f = flags();
    const keys = Array.from({ length: 10 }, (_, i) => (i % 2 ? "checkout" : "banner"));
    await Promise.all(keys.map((key) => f.details(key, undefined, { targetingKey: "u" })));
    await f.details("checkout", false, {});
    assert.deepEqual(site.asked, ["GET /flags/v1/document"]);
    assert.equal(site.headers[0]?.authorization, "Bearer slwf_srv_a");
  });

  test("values have a type, a variant and a reason; what goes wrong is the fallback", async () => {
    const f = flags();
    for (const [key, fallback, context, value, variant, why] of [
      ["checkout", false, {}, false, "old", "DEFAULT"],
      ["checkout", false, { plan: "pro" }, true, "new", "TARGETING_MATCH"],
      ["banner", "none", {}, "red", "red", "STATIC"],
      ["banner", 7, {}, 7, undefined, "TYPE_MISMATCH"],
      ["gone", true, {}, true, undefined, "DISABLED"],
      ["gone", undefined, {}, undefined, undefined, "DISABLED"],
      ["nothing", "x", {}, "x", undefined, "FLAG_NOT_FOUND"],
      ["toString", "x", {}, "x", undefined, "FLAG_NOT_FOUND"],
      ["later", false, {}, false, undefined, "GENERAL"],
    ] as const) {
      const got = await f.details(key, fallback, context);
      assert.deepEqual([got.value, got.variant, got.errorCode ?? got.reason], [value, variant, why], key);
    }
    const price = await f.details("price", 0, { targetingKey: "u1" });
    assert.equal(price.reason, "TARGETING_MATCH");
    assert.deepEqual(await f.details("price", 0, { targetingKey: "u1" }), price);
  });

  test("pages see only what they may", async () => {
    assert.deepEqual(Object.keys(await flags().forPage({ plan: "pro" })).sort(), ["banner", "checkout"]);
  });

  test("old definitions are served at once and asked for behind the page", async () => {
    const f = flags({ poll: 1 });
    assert.equal(await f.value("checkout", true, {}), false);
    site.serve(checkout("new"));
    await until("it is new", () => f.value("checkout", false, {}));
    site.asked = [];
    site.headers = [];
    await until("it asked again", async () => (await f.value("checkout", false, {})) && site.asked.length > 0);
    assert.equal(site.headers[0]?.["if-none-match"], `"${site.version}"`);
  });

  test("a change is heard of on the stream", async () => {
    const f = flags({ stream: true, poll: 3_600_000 });
    assert.equal(await f.value("checkout", true, {}), false);
    await until("it listens", () => site.listeners > 0);
    site.serve(checkout("new"));
    await until("it is new", () => f.value("checkout", false, {}));
    assert.equal(site.asked.at(-1), `GET /flags/v1/document?flagConfigEtag=${site.version}`);
    await f.close();
    await until("it has hung up", () => site.listeners === 0);
  });

  test("the last good document stays: nobody answers, or with nonsense", async () => {
    const wrong: string[] = [];
    const f = flags({ poll: 1, onError: (e) => wrong.push(e.message) });
    assert.equal(await f.value("banner", "none", {}), "red");
    site.down = true;
    await f.refresh();
    assert.equal(await f.value("banner", "none", {}), "red");
    site.down = false;
    for (const bad of ["{", "[]", '{"flags":[]}', "null"]) {
      site.serve(bad);
      await f.refresh();
      assert.equal(await f.value("banner", "none", {}), "red", bad);
    }
    assert.ok(wrong.length >= 5);
  });

  test("a new process without Slipway has what the file has, and nothing is its fallback", async () => {
    const dir = await mkdtemp(path.join(tmpdir(), "flags-"));
    try {
      const file = path.join(dir, "deep", "flags.json");
      await flags({ store: fileStore(file) }).refresh();
      assert.equal((await stat(file)).mode & 0o777, 0o600);
      site.down = true;
      assert.equal(await flags({ store: fileStore(file) }).value("banner", "none", {}), "red");
      const empty = await flags({ store: fileStore(path.join(dir, "other")) }).details("banner", "none", {});
      assert.deepEqual([empty.value, empty.errorCode], ["none", "PROVIDER_NOT_READY"]);
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  test("while nobody answers, pages do not wait one after another", async () => {
    site.down = true;
    let tries = 0;
    const f = flags({ onError: () => tries++ });
    for (let i = 0; i < 20; i++) await f.value("checkout", false, {});
    assert.equal(tries, 1);
  });

  test("without Slipway everything is its fallback", async () => {
    for (const options of [{}, { url: site.url }, { key: "slwf_srv_a" }]) {
      const f = new Flags(options);
      assert.deepEqual(await f.details("checkout", true, {}), { value: true, reason: "DEFAULT" });
      assert.deepEqual(await f.forPage({}), {});
    }
    assert.deepEqual(site.asked, []);
  });

  test("a public key asks once for all flags of a visitor", async () => {
    const f = flags({ key: "slwf_pub_a", poll: 30 });
    const context = { targetingKey: "u", plan: "pro" };
    const [a, b, c] = await Promise.all([
      f.value("checkout", false, context),
      f.details("gone", true, context),
      f.details("checkout", "text", context),
    ]);
    assert.deepEqual([a, b.value, b.reason, c.errorCode], [true, true, "DISABLED", "TYPE_MISMATCH"]);
    assert.deepEqual(site.asked, ["POST /ofrep/v1/evaluate/flags"]);
    assert.equal(await f.value("checkout", true, { targetingKey: "v" }), false);
    await until("it asked with its tag", async () => {
      await f.value("checkout", false, context);
      return site.headers.some((h) => h["if-none-match"] === `"${site.version}"`);
    });
    site.down = true;
    assert.equal(await f.value("checkout", false, context), true);
    assert.deepEqual(Object.keys(await f.forPage(context)), ["checkout"]);
  });

  test("usage is told in one report, and kept while nobody takes it", async () => {
    const f = flags();
    await f.details("checkout", false, {});
    await f.details("checkout", false, { plan: "pro" });
    await f.details("checkout", false, { plan: "pro" });
    await f.details("gone", false, {});
    f.exposed("checkout", "new");
    f.failedWith("checkout", "new");
    site.down = true;
    await f.flush();
    site.down = false;
    await f.flush();
    await f.flush();
    assert.deepEqual(site.reports, [
      {
        items: [
          { flag: "checkout", variant: "old", evaluations: 1, exposures: 0, errors: 0 },
          { flag: "checkout", variant: "new", evaluations: 2, exposures: 1, errors: 1 },
          { flag: "gone", variant: "", evaluations: 1, exposures: 0, errors: 0 },
        ],
      },
    ]);
  });
});
