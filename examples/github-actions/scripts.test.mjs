// Runs the scripts against a server that stands in for Slipway: node --test examples/github-actions/scripts.test.mjs
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
let server;
let calls;
let answer;

before(async () => {
  server = createServer(async (request, response) => {
    let body = "";
    for await (const part of request) body += part;
    const { authorization, "idempotency-key": key } = request.headers;
    const call = { method: request.method, url: request.url, authorization, key, body: JSON.parse(body) };
    calls.push(call);
    const { status, json } = answer(call);
    response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(json));
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
});
after(() => server.close());
beforeEach(() => {
  calls = [];
  answer = () => ({ status: 200, json: { id: "rel_1" } });
});

function run(script, args, env = {}) {
  const child = spawn(path.join(here, script), args, {
    env: {
      PATH: process.env.PATH,
      SLIPWAY_URL: `http://127.0.0.1:${server.address().port}`,
      SLIPWAY_TOKEN: "a-token",
      VERSION: "v2.17",
      COMMIT: "0123456789abcdef",
      RETRY_DELAY: "1",
      ...env,
    },
  });
  let out = "";
  let err = "";
  child.stdout.on("data", (data) => (out += data));
  child.stderr.on("data", (data) => (err += data));
  return new Promise((done) => child.once("close", (code) => done({ code, out, err })));
}

test("a check that passes is reported as running and then as passed", async () => {
  const words = "echo one; printf '\\033[32mall \"good\"\\033[0m\\n\\n'";
  const done = await run("slipway-check", ["unit", "sh", "-c", words]);
  assert.equal(done.code, 0, done.err);
  assert.match(done.out, /one\n/);
  assert.deepEqual(
    calls.map((call) => call.body.status),
    ["running", "passed"],
  );
  const [first, last] = calls;
  assert.equal(`${last.method} ${last.url}`, "POST /api/v1/checks");
  assert.equal(last.authorization, "Bearer a-token");
  assert.notEqual(first.key, last.key);
  const { summary, ...rest } = last.body;
  assert.match(summary, /^exit 0 after \d+ s: all "good"$/);
  assert.deepEqual(rest, { version: "v2.17", commit: "0123456789abcdef", name: "unit", status: "passed", url: "" });
});

test("a check that fails is reported as failed and fails the job with the same code", async () => {
  const done = await run("slipway-check", ["e2e", "sh", "-c", "echo '2 of 9 failed' >&2; exit 3"]);
  assert.equal(done.code, 3, done.err);
  assert.equal(calls[1].body.status, "failed");
  assert.match(calls[1].body.summary, /^exit 3 after \d+ s: 2 of 9 failed$/);
});

test("coverage counts the lines of the files that are asked for", async () => {
  const lcov = path.join(mkdtempSync(path.join(tmpdir(), "lcov-")), "lcov.info");
  writeFileSync(lcov, "SF:lib/a.ts\nLF:30\nLH:20\nend_of_record\nSF:tests/a.ts\nLF:100\nLH:100\nend_of_record\n");
  const done = await run("slipway-check", ["--coverage", lcov, "lib/", "unit", "true"]);
  assert.equal(done.code, 0, done.err);
  assert.equal(calls[1].body.coverage, 66.7);
  assert.equal("coverage" in calls[0].body, false);
});

test("a busy server is asked again with the same key", async () => {
  answer = () => (calls.length === 2 ? { status: 503, json: {} } : { status: 200, json: {} });
  const done = await run("slipway-check", ["lint", "true"]);
  assert.equal(done.code, 0, done.err);
  assert.deepEqual(
    calls.map((call) => call.body.status),
    ["running", "passed", "passed"],
  );
  assert.equal(calls[1].key, calls[2].key);
});

test("a result that is refused fails the job although the check passed", async () => {
  answer = () => ({ status: 403, json: { detail: "the token may not report checks" } });
  const done = await run("slipway-check", ["lint", "true"]);
  assert.equal(done.code, 70);
  assert.match(done.err, /the token may not report checks/);
});

test("a release is started once, however often it is asked for", async () => {
  const env = { BUILD_ID: "dpl-v2-17", REASON: 'Tag "v2.17"' };
  const first = await run("slipway-release", ["http://127.0.0.1:3117"], env);
  const again = await run("slipway-release", ["http://127.0.0.1:3117"], env);
  await run("slipway-release", ["http://127.0.0.1:3118"], env);
  assert.equal(first.code, 0, first.err);
  assert.equal(first.out, "rel_1\n");
  assert.equal(again.out, "rel_1\n");
  assert.equal(calls[0].url, "/api/v1/releases");
  assert.equal(calls[0].key, calls[1].key);
  assert.notEqual(calls[0].key, calls[2].key);
  assert.deepEqual(calls[0].body, {
    version: "v2.17",
    commit: "0123456789abcdef",
    deployment_url: "http://127.0.0.1:3117",
    build_ids: ["dpl-v2-17"],
    unscheduled_reason: 'Tag "v2.17"',
  });
});

test("a release that is refused fails the job and says why", async () => {
  answer = () => ({ status: 409, json: { detail: "v2.17 is already on its way" } });
  const done = await run("slipway-release", ["http://127.0.0.1:3117"]);
  assert.equal(done.code, 1);
  assert.match(done.err, /already on its way/);
});
