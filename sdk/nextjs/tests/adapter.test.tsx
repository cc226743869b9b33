import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createAccessProof } from "flags";
import {
  createFlagsDiscoveryEndpoint,
  evaluate,
  flag,
  generatePermutations,
  getPrecomputed,
  getProviderData,
  serialize,
} from "flags/next";
import { renderToString } from "react-dom/server";
import { discoveryOf, Flags, optionsFrom, slipwayAdapter } from "../src/index.js";
import { Flag, FlagOff, SlipwayProvider, useFlag, Variant } from "../src/react.js";
import { Site } from "./server.js";

const secret = Buffer.alloc(32, 7).toString("base64url");
let site: Site;
let flags: Flags;
before(async () => {
  site = await new Site().open();
  flags = new Flags({ url: site.url, key: "slwf_srv_a", report: 0 });
});
after(async () => {
  await flags.close();
  site.close();
});

const request = (headers: Record<string, string>) => new Request("http://shop.example/", { headers });

test("the Flags SDK evaluates through the adapter, for the visitor whom the edge names", async () => {
  const adapter = slipwayAdapter<number>(flags);
  const price = flag<number>({ key: "price", adapter, defaultValue: 0 });
  const gone = flag<number>({ key: "gone", adapter, defaultValue: 9 });
  for (const id of ["u1", "u2", "u3", "u4", "u5"]) {
    const want = await flags.value("price", 0, { targetingKey: id });
    const header = request({ "x-slipway-visitor": id, cookie: "slipway_id=other" });
    assert.deepEqual(await evaluate([price, gone], header), [want, 9]);
    assert.deepEqual(await evaluate([price], request({ cookie: `slipway_id=${id}` })), [want]);
  }
  const pro = flag<boolean>({
    key: "checkout",
    adapter: slipwayAdapter<boolean>(flags),
    defaultValue: false,
    identify: () => ({ plan: "pro" }),
  });
  assert.deepEqual(await evaluate([pro], request({})), [true]);
  assert.deepEqual(site.asked, ["GET /flags/v1/document"]);
});

test("static pages are made for every permutation", async () => {
  const checkout = flag<boolean>({ key: "checkout", adapter: slipwayAdapter<boolean>(flags), defaultValue: false });
  const codes = await generatePermutations([checkout], null, secret);
  assert.equal(codes.length, 2);
  const code = await serialize([checkout], [true], secret);
  assert.ok(codes.includes(code));
  assert.equal(await getPrecomputed(checkout, [checkout], code, secret), true);
});

test("the toolbar learns of the document's flags, and of no rule", async () => {
  const checkout = flag<boolean>({
    key: "checkout",
    description: "The new one",
    adapter: slipwayAdapter(flags),
    defaultValue: false,
  });
  const get = createFlagsDiscoveryEndpoint(() => discoveryOf(getProviderData({ checkout }), flags), { secret });
  const ask = async (authorization: string) => {
    const res = await get(request({ authorization }) as never);
    return { status: res.status, body: await res.text() };
  };
  assert.equal((await ask("Bearer no")).status, 401);
  const got = await ask(`Bearer ${await createAccessProof(secret)}`);
  assert.equal(got.status, 200);
  const { definitions } = JSON.parse(got.body);
  assert.equal(definitions.checkout.description, "The new one");
  assert.deepEqual(definitions.banner.options, [
    { label: "red", value: "red" },
    { label: "blue", value: "blue" },
  ]);
  assert.doesNotMatch(got.body, /targeting|plan/);
});

test("settings come from the environment, and nothing listens where a process does not live", () => {
  const env = { SLIPWAY_FLAGS_URL: "http://a", SLIPWAY_FLAGS_KEY: "k" };
  assert.deepEqual(optionsFrom(env), { url: "http://a", key: "k", stream: true });
  for (const more of [{ NEXT_PHASE: "phase-production-build" }, { NEXT_RUNTIME: "edge" }, { VERCEL: "1" }]) {
    assert.equal(optionsFrom({ ...env, ...more }).stream, false);
  }
});

const Hook = () => (
  <i>
    {useFlag("banner", "none")}
    {useFlag("price", 3)}
  </i>
);

test("components show what the server evaluated", () => {
  const flags = {
    checkout: { value: true, variant: "new", reason: "SPLIT" },
    banner: { value: "blue", variant: "b", reason: "STATIC" },
    price: { value: "dear", variant: "x", reason: "STATIC" },
  };
  const page = (
    <SlipwayProvider flags={flags}>
      <Flag name="checkout" fallback="old">
        new
      </Flag>
      <Flag name="nothing" fallback="-fallback">
        !
      </Flag>
      <Flag name="banner">!</Flag>
      <FlagOff name="checkout">!</FlagOff>
      <FlagOff name="nothing">-off</FlagOff>
      <Variant name="banner" value="blue">
        -value
      </Variant>
      <Variant name="banner" value="b">
        -name
      </Variant>
      <Variant name="banner" value="red">
        !
      </Variant>
      <Variant name="nothing" value={true}>
        !
      </Variant>
      <Hook />
    </SlipwayProvider>
  );
  const html = renderToString(page).replaceAll("<!-- -->", "");
  assert.equal(html, "new-fallback-off-value-name<i>blue3</i>");
});
