import assert from "node:assert/strict";
import { test } from "node:test";
import { add, bill, format, type Line, parse, remove } from "../../lib/cart";

test("a cart survives its cookie", () => {
  const lines: Line[] = [
    { slug: "mug", count: 2 },
    { slug: "lamp", count: 1 },
  ];
  assert.equal(format(lines), "mug:2,lamp:1");
  assert.deepEqual(parse(format(lines)), lines);
});

test("what is not a line is left out", () => {
  const cases: [string | undefined, Line[]][] = [
    [undefined, []],
    ["", []],
    ["mug:0", []],
    ["mug:100", []],
    ["mug:-1,<b>:2,lamp:3", [{ slug: "lamp", count: 3 }]],
    ["mug:1,mug:5", [{ slug: "mug", count: 1 }]],
    [`${"x".repeat(3000)},mug:1`, []],
  ];
  for (const [text, want] of cases) assert.deepEqual(parse(text), want, String(text).slice(0, 40));
});

test("adding counts up to 99 and removing takes the line", () => {
  let lines = add([], "mug");
  assert.deepEqual(lines, [{ slug: "mug", count: 1 }]);
  for (let i = 0; i < 120; i++) lines = add(lines, "mug");
  assert.deepEqual(add(lines, "lamp"), [
    { slug: "mug", count: 99 },
    { slug: "lamp", count: 1 },
  ]);
  assert.deepEqual(remove(lines, "mug"), []);
});

test("delivery is free in the second edition from 40 euros on", () => {
  const lamp: Line[] = [{ slug: "lamp", count: 1 }];
  const mug: Line[] = [{ slug: "mug", count: 1 }];
  assert.deepEqual(bill(lamp, false), { goods: 5900, delivery: 490, total: 6390 });
  assert.deepEqual(bill(lamp, true), { goods: 5900, delivery: 0, total: 5900 });
  assert.deepEqual(bill(mug, true), { goods: 1400, delivery: 490, total: 1890 });
  assert.deepEqual(bill([], false), { goods: 0, delivery: 0, total: 0 });
});
