import assert from "node:assert/strict";
import { test } from "node:test";
import { find, money, products } from "../../lib/catalog";

test("only the second edition sells a kettle", () => {
  assert.equal(find("kettle", false), undefined);
  assert.equal(find("kettle", true)?.name, "Kettle");
  assert.equal(products(true).length, products(false).length + 1);
});

test("slugs are unique and fit the cart's cookie", () => {
  const slugs = products(true).map((product) => product.slug);
  assert.equal(new Set(slugs).size, slugs.length);
  for (const slug of slugs) assert.match(slug, /^[a-z]{1,20}$/);
});

test("cents are written as euros", () => {
  assert.equal(money(0), "€0.00");
  assert.equal(money(905), "€9.05");
  assert.equal(money(12900), "€129.00");
});
