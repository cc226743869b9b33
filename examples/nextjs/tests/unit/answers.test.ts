import assert from "node:assert/strict";
import { test } from "node:test";
import { Answers, routeOf } from "../../lib/answers";

test("pages and calls count under few names, files and machines do not", () => {
  assert.equal(routeOf("/"), "/");
  assert.equal(routeOf("/products/mug?_rsc=1"), "/products/[slug]");
  assert.equal(routeOf("/products/../../etc"), "other");
  assert.equal(routeOf("/api/products"), "/api/products");
  assert.equal(routeOf("/wp-login.php"), "other");
  for (const url of ["/_next/static/x.js", "/_next/image?url=x", "/api/health/canary", "/api/metrics", "/api/vitals"]) {
    assert.equal(routeOf(url), "");
  }
});

test("answers are written as Prometheus reads them", () => {
  const answers = new Answers();
  assert.match(answers.text("v1"), /^http_requests_total\{version="v1",status="200"\} 0$/m);
  answers.note(200, 0.02);
  answers.note(200, 0.4);
  answers.note(500, 99);
  const text = answers.text("v1");
  assert.match(text, /^http_requests_total\{version="v1",status="200"\} 2$/m);
  assert.match(text, /^http_requests_total\{version="v1",status="500"\} 1$/m);
  assert.match(text, /^http_request_duration_seconds_bucket\{version="v1",le="0.025"\} 1$/m);
  assert.match(text, /^http_request_duration_seconds_bucket\{version="v1",le="0.5"\} 2$/m);
  assert.match(text, /^http_request_duration_seconds_bucket\{version="v1",le="\+Inf"\} 3$/m);
  assert.match(text, /^http_request_duration_seconds_count\{version="v1"\} 3$/m);
});
