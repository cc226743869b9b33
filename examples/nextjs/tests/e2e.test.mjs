// One customer's way through a built shop, as a browser without script walks it: look, put into the cart, remove,
// order.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { form, start } from "./shop.mjs";

let shop;
before(async () => {
  shop = await start();
});
after(() => shop.stop());

test("a customer buys a lamp", async () => {
  let cookie = "";
  const get = async (path) => (await fetch(shop.url + path, { headers: { cookie } })).text();
  const send = async (path, body) => {
    const options = { method: "POST", body, redirect: "manual", headers: { cookie, Origin: shop.url } };
    const answer = await fetch(shop.url + path, options);
    assert.equal(answer.status, 303, `${path}: ${await answer.text()}`);
    for (const text of answer.headers.getSetCookie()) cookie = text.split(";")[0];
    return answer.headers.get("location");
  };

  assert.match(await get("/"), /href="\/products\/lamp"/);
  for (const slug of ["lamp", "mug"]) {
    const page = await get(`/products/${slug}`);
    const button = /<button type="submit">([^<]*)</.exec(page)?.[1];
    assert.equal(await send(`/products/${slug}`, form(page, button)), "/cart");
  }
  const cart = await get("/cart");
  assert.match(cart, /1 × Desk lamp/);
  assert.match(cart, /1 × Mug/);

  const items = cart.match(/<li>.*?<\/li>/gs);
  const mug = items.find((item) => item.includes("Mug"));
  assert.equal(await send("/cart", form(mug, "Remove")), "/cart");

  const rest = await get("/cart");
  assert.doesNotMatch(rest, /1 × Mug/);
  const total = /id="total">€([0-9.]+)</.exec(rest)?.[1];
  assert.ok(["63.90", "59.00"].includes(total), `the total is ${total}`);
  assert.equal(await send("/cart", form(rest, "Order")), "/cart?ordered=1");
  const done = await get("/cart?ordered=1");
  assert.match(done, /Thank you/);
  assert.match(done, /nothing in it yet/);
});

test("a page that is not there is a 404 with a way back", async () => {
  const answer = await fetch(`${shop.url}/products/none`);
  assert.equal(answer.status, 404);
  assert.match(await answer.text(), /Back to the catalog/);
});

test("an order from another site is refused", async () => {
  const page = await (await fetch(`${shop.url}/products/mug`)).text();
  const button = /<button type="submit">([^<]*)</.exec(page)?.[1];
  const options = { method: "POST", body: form(page, button), headers: { Origin: "http://elsewhere.example" } };
  const answer = await fetch(`${shop.url}/products/mug`, { ...options, redirect: "manual" });
  assert.equal(answer.status, 500);
  assert.equal(answer.headers.get("set-cookie"), null);
});
