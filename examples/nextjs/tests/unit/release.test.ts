import assert from "node:assert/strict";
import { test } from "node:test";
import { deployment, second, version } from "../../lib/release";

test("a shop that was not built for a version is the first edition", () => {
  assert.deepEqual({ version, deployment, second }, { version: "v1", deployment: "dpl-v1", second: false });
});
