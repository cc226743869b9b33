import assert from "node:assert/strict";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { read, readVital, report } from "../../lib/report";

test("a beacon becomes a conversion, and an abandonment when the cart was filled", () => {
  const id = "look-12345678";
  assert.deepEqual(read({ id, bought: true, filled: false }), [{ metric: "conversion", value: 1, visitor: id }]);
  assert.deepEqual(read({ id, bought: false, filled: true }), [
    { metric: "conversion", value: 0, visitor: id },
    { metric: "session_abandonment", value: 1, visitor: id },
  ]);
});

test("what is no beacon is left out", () => {
  for (const body of [
    null,
    1,
    {},
    { id: "x", bought: true },
    { id: "look-12345678" },
    { id: "<b>12345678", bought: true },
  ])
    assert.deepEqual(read(body), [], JSON.stringify(body));
});

test("events reach Slipway together, with the version and the token", async () => {
  const got = new Promise<{ request: IncomingMessage; body: string }>((resolve) => {
    const server = createServer((request, answer) => {
      let body = "";
      request.on("data", (part) => {
        body += part;
      });
      request.on("end", () => {
        answer.end("{}");
        server.close();
        resolve({ request, body });
      });
    });
    server.listen(0, "127.0.0.1", () => {
      process.env.SLIPWAY_URL = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      process.env.SLIPWAY_TOKEN = "slp_test";
      report({ metric: "conversion", value: 1, visitor: "a" });
      report({ metric: "conversion", value: 0, visitor: "b" });
    });
  });
  const { request, body } = await got;
  assert.equal(request.url, "/api/v1/metrics");
  assert.equal(request.headers.authorization, "Bearer slp_test");
  const { values } = JSON.parse(body) as { values: { value: number; version: string }[] };
  assert.deepEqual(
    values.map(({ value, version }) => [value, version]),
    [
      [1, "v1"],
      [0, "v1"],
    ],
  );
});

test("what a browser measured is read by its name, and nothing else is", () => {
  const id = "0123456789";
  assert.deepEqual(readVital({ id, name: "LCP", value: 1234.5 }), { metric: "lcp", value: 1234.5, visitor: id });
  assert.deepEqual(readVital({ id, name: "CLS", value: 0.03 }), { metric: "cls", value: 0.03, visitor: id });
  for (const body of [
    null,
    { id, name: "FID", value: 1 },
    { id, name: "LCP", value: -1 },
    { id, name: "LCP", value: "1" },
    { id, name: "LCP", value: Number.NaN },
    { id: "x", name: "LCP", value: 1 },
  ]) {
    assert.equal(readVital(body), undefined);
  }
});
