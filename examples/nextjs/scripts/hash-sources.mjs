// Prints one hash over everything that a build of the shop is made from: its sources, the lock file and the settings
// given as arguments. build.sh compares it with the hash inside a finished build.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const parts = ["app", "assets", "components", "lib", "public"];
const files = [
  "build.sh",
  "instrumentation.ts",
  "next.config.ts",
  "package.json",
  "package-lock.json",
  "proxy.ts",
  "tsconfig.json",
];

for (const part of parts) {
  for (const entry of readdirSync(path.join(root, part), { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) files.push(path.relative(root, path.join(entry.parentPath ?? entry.path, entry.name)));
  }
}

// The package of Slipway is part of the repository and changes without the lock file.
const sdk = "../../sdk/nextjs";
files.push(`${sdk}/package.json`);
for (const name of readdirSync(path.join(root, sdk, "src"))) files.push(`${sdk}/src/${name}`);

const hash = createHash("sha256");
for (const setting of [process.version, process.platform, process.arch, ...process.argv.slice(2)])
  hash.update(`${setting}\n`);
for (const file of files.sort())
  hash.update(`${file}\n`).update(
    createHash("sha256")
      .update(readFileSync(path.join(root, file)))
      .digest(),
  );
console.log(hash.digest("hex"));
