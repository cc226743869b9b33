import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { EdgeVM } from "@edge-runtime/vm";
import { build } from "esbuild";
import { checkout } from "./server.js";

// As in an edge's middleware: no Node, and no code made from text.
test("an edge that forbids generated code evaluates the same", async () => {
  const entry = path.resolve("src", "evaluate.ts");
  const made = await build({
    stdin: { contents: `export * from ${JSON.stringify(entry)}`, resolveDir: process.cwd() },
    bundle: true,
    write: false,
    format: "iife",
    globalName: "slipway",
    platform: "browser",
    target: "es2022",
    logLevel: "silent",
  });
  const vm = new EdgeVM({ codeGeneration: { strings: false, wasm: false } });
  vm.evaluate(`${made.outputFiles[0]?.text ?? ""}; globalThis.slipway = slipway;`);
  assert.throws(() => vm.evaluate('new Function("return 1")()'), /Code generation|disallowed/);
  const ask = (context: object) =>
    JSON.parse(
      vm.evaluate(
        `JSON.stringify(new slipway.Snapshot(${JSON.stringify(checkout("old"))})` +
          `.evaluate("checkout", false, ${JSON.stringify(context)}))`,
      ),
    );
  assert.deepEqual(ask({ plan: "pro" }), { value: true, variant: "new", reason: "TARGETING_MATCH" });
  assert.deepEqual(ask({}), { value: false, variant: "old", reason: "DEFAULT" });
});
