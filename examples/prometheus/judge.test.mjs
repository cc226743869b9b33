// Runs judge.sh against a server that stands in for Prometheus: node --test examples/prometheus/judge.test.mjs
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
const work = mkdtempSync(path.join(tmpdir(), "judge-sh-"));
const weights = path.join(work, "weights");
const setWeight = path.join(work, "set-weight");
writeFileSync(setWeight, `#!/bin/sh\necho "$1" >>${weights}\n`);
chmodSync(setWeight, 0o755);
execFileSync("go", ["build", "-o", path.join(work, "slipway"), "./cmd/slipway"], { cwd: path.join(here, "..", "..") });

/** prometheus answers with counters that grow by 2,000 requests a look, of which parts fail; v1 starts anew once. */
function prometheus(failing) {
  const counters = { v1: { 200: 7e5, 500: 9e3 }, v2: { 200: 0, 500: 0 } };
  let looks = 0;
  return createServer((_, response) => {
    if (looks++ === 2) counters.v1 = { 200: 0, 500: 0 };
    const share = Number(readFileSync(weights, "utf8").trim().split("\n").at(-1));
    for (const [version, part] of [
      ["v1", 1 - share],
      ["v2", share],
    ]) {
      const n = Math.round(2000 * part);
      const failed = Math.round(n * failing[version]);
      counters[version][200] += n - failed;
      counters[version][500] += failed;
    }
    const result = Object.entries(counters).flatMap(([version, by]) =>
      Object.entries(by).map(([status, n]) => ({ metric: { version, status }, value: [0, String(n)] })),
    );
    response.end(JSON.stringify({ status: "success", data: { resultType: "vector", result } }));
  });
}

async function run(failing, patience) {
  writeFileSync(weights, "");
  const server = prometheus(failing);
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const child = spawn(path.join(here, "judge.sh"), [setWeight], {
    env: {
      ...process.env,
      PATH: `${work}:${process.env.PATH}`,
      PROMETHEUS: `http://127.0.0.1:${server.address().port}`,
      STABLE: "v1",
      CANARY: "v2",
      EVERY: "1",
      APART: "true", // else failures are taken to come together, and are judged in blocks of half a minute
    },
  });
  let out = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (part) => (out += part));
  const timer = setTimeout(() => child.kill(), patience);
  const code = await new Promise((done) => child.on("close", done));
  clearTimeout(timer);
  server.close();
  return { code, out, weights: readFileSync(weights, "utf8").trim().split("\n") };
}

test("a canary that fails ten times as often gets no visitors any more", async () => {
  const { code, out, weights } = await run({ v1: 0.02, v2: 0.2 }, 60_000);
  assert.equal(code, 1, out);
  assert.deepEqual([weights[0], weights.at(-1)], ["0.05", "0"], out);
  assert.match(out, /bad, It fails more often: \d+ % of \d+ requests, 2 % of \d+ on the stable version/);
});

test("a canary that is as good stays, and a counter that begins anew is no failure", async () => {
  const { out, weights } = await run({ v1: 0.02, v2: 0.02 }, 8_000);
  assert.ok(weights.length <= 2 && weights.every((w) => Number(w) > 0), `${weights}\n${out}`);
  assert.doesNotMatch(out, /bad|suspicious|error/);
});
