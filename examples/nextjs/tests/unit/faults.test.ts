import assert from "node:assert/strict";
import { test } from "node:test";
import { diceOf, type Fault, faultOf, shiftOf, suffer } from "../../lib/faults";

test("only the faulty version has a fault of its own", () => {
  const none: Fault = { rate: 0, delay: 0 };
  assert.deepEqual(faultOf("v1", {}), none);
  assert.deepEqual(faultOf("v2", {}), none);
  assert.deepEqual(faultOf("v2-faulty", {}), { rate: 0.3, delay: 250 });
});

test("the environment changes the fault within its limits", () => {
  const cases: [Record<string, string>, Fault][] = [
    [
      { SHOP_FAULT_RATE: "0.05", SHOP_FAULT_DELAY_MS: "40" },
      { rate: 0.05, delay: 40 },
    ],
    [
      { SHOP_FAULT_RATE: "1.5", SHOP_FAULT_DELAY_MS: "-1" },
      { rate: 0, delay: 0 },
    ],
    [
      { SHOP_FAULT_RATE: "often", SHOP_FAULT_DELAY_MS: " " },
      { rate: 0, delay: 0 },
    ],
  ];
  for (const [env, want] of cases) assert.deepEqual(faultOf("v1", env), want, JSON.stringify(env));
});

test("pages move by so many pixels, and by none where nothing is said", () => {
  assert.deepEqual(
    [{}, { SHOP_FAULT_SHIFT_PX: "200" }, { SHOP_FAULT_SHIFT_PX: "-1" }].map((env) => shiftOf(env)),
    [0, 200, 0],
  );
});

test("chance below the rate fails, and every request waits", async () => {
  const fault: Fault = { rate: 0.3, delay: 30 };
  const start = performance.now();
  assert.equal(await suffer(fault, () => 0.29), true);
  assert.equal(await suffer(fault, () => 0.3), false);
  assert.ok(performance.now() - start >= 55, "two requests wait 30 ms each");
  assert.equal(await suffer({ rate: 0, delay: 0 }, () => 0), false);
});

test("with a seed the same requests fail at every start, as often as the rate says", () => {
  const throws = (seed: string) => Array.from({ length: 5000 }, diceOf(seed));
  const failing = throws("v1").filter((x) => x < 0.1).length;
  assert.deepEqual(throws("v1"), throws("v1"));
  assert.notDeepEqual(throws("v1"), throws("v2"));
  assert.ok(failing > 430 && failing < 570, `${failing} of 5000 at a rate of 0.1`);
  assert.equal(diceOf(undefined), Math.random);
});
