// The parts of a built shop, each asked over HTTP.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { start } from "./shop.mjs";

let shop;
before(async () => {
  shop = await start();
});
after(() => shop.stop());

test("health tells version and deployment, and they agree with the headers", async () => {
  for (const path of ["/api/health", "/api/health/canary"]) {
    const answer = await fetch(shop.url + path);
    const body = await answer.json();
    assert.equal(answer.status, 200, path);
    assert.equal(body.status, "ok");
    assert.equal(answer.headers.get("cache-control"), "no-store");
    assert.equal(answer.headers.get("x-app-version"), body.version);
    assert.equal(answer.headers.get("x-app-deployment"), body.deployment);
    assert.equal(body.deployment, `dpl-${body.version.replaceAll(".", "-")}`);
  }
});

test("the API lists the goods", async () => {
  const { products } = await (await fetch(`${shop.url}/api/products`)).json();
  assert.ok(products.some((product) => product.slug === "mug" && product.price === 1400));
});

test("documents name their deployment and ask for that deployment's assets", async () => {
  const { deployment } = await (await fetch(`${shop.url}/api/health`)).json();
  const html = await (await fetch(shop.url)).text();
  assert.ok(html.includes(`data-dpl-id="${deployment}"`));
  const script = /src="(\/_next\/static\/chunks\/[^"]+\.js\?dpl=([^"]+))"/.exec(html);
  assert.equal(script?.[2], deployment);
  const answer = await fetch(shop.url + script[1]);
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get("cache-control"), /immutable/);
});

test("pictures are made smaller and turned into WebP", async () => {
  const answer = await fetch(`${shop.url}/_next/image?url=%2Fharbor.png&w=384&q=75`, {
    headers: { Accept: "image/webp" },
  });
  const body = Buffer.from(await answer.arrayBuffer());
  assert.equal(answer.headers.get("content-type"), "image/webp");
  assert.equal(body.subarray(8, 12).toString(), "WEBP");
});

test("the reviews page arrives in parts", async () => {
  const answer = await fetch(`${shop.url}/reviews`);
  const text = new TextDecoder();
  const parts = [];
  for await (const part of answer.body) parts.push(text.decode(part, { stream: true }));
  const first = parts.findIndex((part) => part.includes("Fetching"));
  const last = parts.findLastIndex((part) => part.includes("Six chairs"));
  assert.ok(first >= 0 && last > first, `the frame in part ${first}, the last review in part ${last}`);
});

test("stock arrives as events", async () => {
  const answer = await fetch(`${shop.url}/api/stock`);
  assert.equal(answer.headers.get("content-type"), "text/event-stream");
  const events = (await answer.text()).trim().split("\n\n");
  assert.match(events[0], /^id: 1\nevent: stock\ndata: \{/);
  assert.ok(events.length >= 6);
});

test("a large photo arrives whole", async () => {
  const photo = randomBytes(12 << 20);
  const answer = await fetch(`${shop.url}/api/photos`, { method: "POST", body: photo });
  const body = await answer.json();
  assert.equal(answer.status, 201);
  assert.equal(body.bytes, photo.length);
  assert.equal(body.sha256, createHash("sha256").update(photo).digest("hex"));
});
