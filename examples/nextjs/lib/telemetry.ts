// Watches every answer of the process: counted for /api/metrics, and sent by OpenTelemetry where it is set up by its
// usual environment variables (OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS, OTEL_METRIC_EXPORT_INTERVAL).

import { type IncomingMessage, Server, type ServerResponse } from "node:http";
import { answers, routeOf } from "./answers";
import type { Sender } from "./otel";

/** watch begins to count. It is at the server itself, so an answer counts that no page has seen. */
export async function watch(): Promise<void> {
  let sender: Sender | undefined;
  if (process.env.OTEL_EXPORTER_OTLP_ENDPOINT) {
    const { open } = await import("./otel");
    sender = open();
  }
  const emit = Server.prototype.emit;
  Server.prototype.emit = function (this: Server, event: string, ...rest: unknown[]): boolean {
    if (event === "request") note(rest[0] as IncomingMessage, rest[1] as ServerResponse, sender);
    return Reflect.apply(emit, this, [event, ...rest]);
  } as typeof emit;
}

function note(request: IncomingMessage, response: ServerResponse, sender: Sender | undefined): void {
  const route = routeOf(request.url ?? "/");
  if (route === "") return;
  const begin = performance.now();
  response.once("close", () => {
    if (!response.headersSent) return; // the visitor left before there was an answer
    const seconds = (performance.now() - begin) / 1000;
    answers().note(response.statusCode, seconds);
    sender?.answered(request.method ?? "GET", route, response.statusCode, seconds);
  });
}
