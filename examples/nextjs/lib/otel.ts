// OpenTelemetry's own exporter, set up in code so that it stays small: the histogram that its conventions name for
// servers, and Next's spans where OTEL_TRACES_EXPORTER=otlp asks for them. Slipway takes either.

import { trace } from "@opentelemetry/api";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-proto";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { deployment, version } from "./release";

/** Sender tells OpenTelemetry of an answer. */
export type Sender = { answered(method: string, route: string, status: number, seconds: number): void };

/** open starts to send what is measured: what this build is says the resource, so that versions can be told apart. */
export function open(): Sender {
  const resource = resourceFromAttributes({
    "service.name": "shop",
    "service.version": version,
    "service.instance.id": crypto.randomUUID(),
    "deployment.id": deployment,
  });
  if (process.env.OTEL_TRACES_EXPORTER === "otlp") {
    const spanProcessors = [new BatchSpanProcessor(new OTLPTraceExporter(), { scheduledDelayMillis: 1000 })];
    trace.setGlobalTracerProvider(new BasicTracerProvider({ resource, spanProcessors }));
  }
  if (process.env.OTEL_METRICS_EXPORTER === "none") return { answered() {} };
  const every = Number(process.env.OTEL_METRIC_EXPORT_INTERVAL) || 10_000; // the default of a minute is long
  const reader = new PeriodicExportingMetricReader({
    exporter: new OTLPMetricExporter(),
    exportIntervalMillis: every,
    exportTimeoutMillis: Math.min(every, 5000),
  });
  const meter = new MeterProvider({ resource, readers: [reader] }).getMeter("shop");
  const duration = meter.createHistogram("http.server.request.duration", {
    unit: "s",
    description: "Duration of HTTP server requests.",
    advice: { explicitBucketBoundaries: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2.5, 5, 10] },
  });
  return {
    answered(method, route, status, seconds) {
      duration.record(seconds, {
        "http.request.method": method,
        "http.route": route,
        "http.response.status_code": status,
      });
    },
  };
}
