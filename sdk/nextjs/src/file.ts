// A store for servers with a disk; not for the edge.

import { randomUUID } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import type { Store } from "./client.js";

/** fileStore keeps the last good document in a file that only its owner reads: rules may name people. */
export function fileStore(file: string): Store {
  return {
    load: () => readFile(file, "utf8").catch(() => undefined),
    save: async (text) => {
      await mkdir(path.dirname(file), { recursive: true });
      const half = `${file}.${randomUUID()}`;
      try {
        await writeFile(half, text, { mode: 0o600 });
        await rename(half, file); // all of it or nothing
      } catch (e) {
        await rm(half, { force: true });
        throw e;
      }
    },
  };
}
