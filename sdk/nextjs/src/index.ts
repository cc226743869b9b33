// The adapter for the Flags SDK, and what an application makes once.

import type { Adapter, ApiData, ProviderData } from "flags";
import { Flags, type Options } from "./client.js";
import type { Context, Json } from "./evaluate.js";
import { contextOf } from "./visitor.js";

export { Flags, type Options, type Store } from "./client.js";
export { type Context, type Definition, type Json, type Served, Snapshot } from "./evaluate.js";
export { contextOf, visitorCookie, visitorHeader, visitorOf } from "./visitor.js";

type Environment = Record<string, string | undefined>;

/** optionsFrom reads SLIPWAY_FLAGS_URL and SLIPWAY_FLAGS_KEY; where there are none, the flags of
 * SLIPWAY_FLAGS_ENVIRONMENT (production) are read from GLOBAL_CONFIG, or EDGE_CONFIG. Without any of them every flag is
 * its fallback. It listens for changes where a server lives long: not while it is built, not at an edge, not in a
 * function of a cloud. */
export function optionsFrom(env: Environment): Options {
  const short = env.NEXT_PHASE === "phase-production-build" || env.NEXT_RUNTIME === "edge";
  const cloud = Boolean(env.VERCEL || env.AWS_LAMBDA_FUNCTION_NAME);
  const asks = { url: env.SLIPWAY_FLAGS_URL, key: env.SLIPWAY_FLAGS_KEY, stream: !short && !cloud };
  if (asks.url && asks.key) return asks;
  return {
    ...asks,
    connection: env.GLOBAL_CONFIG ?? env.EDGE_CONFIG,
    environment: env.SLIPWAY_FLAGS_ENVIRONMENT || undefined,
  };
}

const held = Symbol.for("slipway.flags");

/** slipwayFlags returns this process's flags. Bundles of one program share them, so that they ask once. */
export function slipwayFlags(options?: Options): Flags {
  const world = globalThis as { [held]?: Flags };
  const from = optionsFrom(process.env);
  if (options?.url) delete from.connection; // who names a server means it
  world[held] ??= new Flags({ ...from, ...options });
  return world[held];
}

const adapterId = Symbol.for("slipway.adapter");

/** slipwayAdapter is the adapter for `flag({ key, adapter })`. The targeting key is the visitor whom the edge names;
 * a flag's own `identify` replaces it. A flag that is off is its `defaultValue`. */
export function slipwayAdapter<T extends Json = boolean>(flags: Flags = slipwayFlags()): Adapter<T, Context> {
  const value = async (key: string, fallback: unknown, context: Context | undefined) =>
    (await flags.details(key, fallback as T | undefined, context ?? {})).value as T;
  return {
    adapterId: flags === slipwayFlags() ? adapterId : Symbol("slipway.adapter"),
    config: { reportValue: true },
    identify: ({ headers, cookies }) => contextOf(headers, cookies),
    decide: ({ key, entities, defaultValue }) => value(key, defaultValue, entities),
    bulkDecide: async ({ flags: wanted, entities }) =>
      Object.fromEntries(
        await Promise.all(wanted.map(async (f) => [f.key, await value(f.key, f.defaultValue, entities)] as const)),
      ),
  };
}

/** discoveryOf returns for `createFlagsDiscoveryEndpoint` what the toolbar shows: the flags of the document, and under
 * the same keys what the code declares (`getProviderData(flags)`). Rules are not told. */
export async function discoveryOf(declared?: ProviderData, flags: Flags = slipwayFlags()): Promise<ApiData> {
  const snapshot = await flags.snapshot();
  const definitions: NonNullable<ApiData["definitions"]> = {};
  for (const [key, d] of Object.entries(snapshot?.definitions ?? {})) {
    const description = d.metadata?.description;
    definitions[key] = {
      options: Object.entries(d.variants).map(([label, value]) => ({ label, value })),
      ...(typeof description === "string" ? { description } : {}),
    };
  }
  const hints = [...(declared?.hints ?? [])];
  if (!snapshot) hints.push({ key: "slipway", text: "Slipway's definitions are not here: needs a server key." });
  for (const [key, d] of Object.entries(declared?.definitions ?? {})) definitions[key] = { ...definitions[key], ...d };
  return { definitions, hints };
}
