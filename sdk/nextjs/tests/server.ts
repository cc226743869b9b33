// A small real server that answers as Slipway's does.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export const checkout = (variant: string, more: object = {}) =>
  JSON.stringify({
    flags: {
      checkout: {
        state: "ENABLED",
        variants: { old: false, new: true },
        defaultVariant: variant,
        targeting: { if: [{ "==": [{ var: "plan" }, "pro"] }, "new", null] },
        metadata: { client: true },
      },
      banner: {
        state: "ENABLED",
        variants: { red: "red", blue: "blue" },
        defaultVariant: "red",
        metadata: { client: true },
      },
      price: {
        state: "ENABLED",
        variants: { low: 1, high: 2 },
        defaultVariant: "low",
        targeting: {
          fractional: [
            ["low", 50],
            ["high", 50],
          ],
        },
      },
      gone: { state: "DISABLED", variants: { on: true, off: false }, defaultVariant: "on" },
      later: { state: "ENABLED", variants: { on: true }, defaultVariant: "on", metadata: { bucketing: 3 } },
      ...more,
    },
    metadata: { flagSetId: "shop/production", version: 1 },
  });

export class Site {
  document = checkout("old");
  version = 1;
  down = false;
  asked: string[] = [];
  headers: IncomingMessage["headers"][] = [];
  reports: { items: unknown[] }[] = [];
  #streams = new Set<ServerResponse>();
  #server = createServer((req, res) => this.#answer(req, res));
  url = "";

  async open(): Promise<this> {
    await new Promise<void>((done) => this.#server.listen(0, "127.0.0.1", done));
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    return this;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  /** serve changes the document and tells who listens. */
  serve(document: string): void {
    this.document = document;
    this.version++;
    for (const s of this.#streams)
      s.write(`id: ${this.version}\ndata: {"type":"refetchEvaluation","etag":"${this.version}"}\n\n`);
  }

  get listeners(): number {
    return this.#streams.size;
  }

  #answer(req: IncomingMessage, res: ServerResponse): void {
    if (this.down) return void req.socket.destroy();
    const url = new URL(req.url ?? "/", this.url);
    this.asked.push(`${req.method} ${url.pathname}${url.search}`);
    this.headers.push(req.headers);
    const etag = `"${this.version}"`;
    let body = "";
    req.on("data", (part) => {
      body += part;
    });
    req.on("end", () => {
      if (url.pathname === "/flags/v1/events") {
        res.writeHead(200, { "content-type": "text/event-stream" });
        res.write(": alive\n\n");
        this.#streams.add(res);
        res.on("close", () => this.#streams.delete(res));
      } else if (url.pathname === "/flags/v1/usage") {
        this.reports.push(JSON.parse(body));
        res.end("{}");
      } else if (req.headers["if-none-match"] === etag) {
        res.writeHead(304, { etag }).end();
      } else if (url.pathname === "/flags/v1/document") {
        res.writeHead(200, { etag, "content-type": "application/json" }).end(this.document);
      } else {
        const { context } = JSON.parse(body);
        const pro = context.plan === "pro";
        const flags = [
          { key: "checkout", value: pro, variant: pro ? "new" : "old", reason: "TARGETING_MATCH" },
          { key: "gone", reason: "DISABLED" },
        ];
        res.writeHead(200, { etag, "content-type": "application/json" }).end(JSON.stringify({ flags }));
      }
    });
  }
}

/** until waits for something to be true. */
export async function until(what: string, ok: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 10_000;
  while (!(await ok())) {
    if (performance.now() > end) throw new Error(`waited in vain until ${what}`);
    await new Promise((done) => setTimeout(done, 10));
  }
}
