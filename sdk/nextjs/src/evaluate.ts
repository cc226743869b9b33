// One document of definitions, ready to be evaluated. It never changes: a new document is a new Snapshot.

import type { JsonValue } from "@openfeature/core";
import { FlagdCore } from "@openfeature/flagd-core";

/** Json is any value that JSON can say. */
export type Json = JsonValue;

/** Context is whom a flag is evaluated for. */
export type Context = { targetingKey?: string; [attribute: string]: Json | undefined };

/** Served is what a flag is for somebody, and why. `errorCode` is there when the value is the fallback by mistake. */
export type Served<T = Json> = {
  value: T;
  variant?: string;
  reason: string;
  errorCode?: string;
  errorDetails?: string;
};

/** Definition is a flag as the document tells it, in flagd's format. */
export type Definition = {
  state: "ENABLED" | "DISABLED";
  variants: Record<string, Json>;
  defaultVariant?: string | null;
  targeting?: unknown;
  metadata?: Record<string, string | number | boolean>;
};

type Kind = "boolean" | "string" | "number" | "object";

const silent = { error() {}, warn() {}, info() {}, debug() {} };

export class Snapshot {
  readonly definitions: Record<string, Definition>;
  readonly metadata: Record<string, string | number | boolean>;
  readonly #core: FlagdCore;

  /** It throws when the text is no document: whoever has a good one keeps it. */
  constructor(readonly text: string) {
    const read = JSON.parse(text) as { flags?: Record<string, Definition>; metadata?: Snapshot["metadata"] } | null;
    if (!read || typeof read.flags !== "object" || read.flags === null || Array.isArray(read.flags)) {
      throw new Error("this is no document of flags");
    }
    this.definitions = read.flags;
    this.metadata = read.metadata ?? {};
    // The interpreter and not generated code, which proxy.ts and the edge forbid: there flagd-core would serve
    // defaults without a word. (It makes the storage itself: one that is handed to it would not know of the option.)
    this.#core = new FlagdCore(undefined, silent, { disableDynamicCodeGeneration: true });
    this.#core.setConfigurations(text);
  }

  /** evaluate returns what a flag is for a context. The fallback is served for whatever goes wrong, and for a flag
   * that is off. */
  evaluate<T extends Json | undefined>(key: string, fallback: T, context: Context): Served<T> {
    const found = Object.hasOwn(this.definitions, key) ? this.definitions[key] : undefined;
    if (!found) return failed(fallback, "FLAG_NOT_FOUND", `there is no flag ${key}`);
    if (found.state === "DISABLED") return { value: fallback, reason: "DISABLED" };
    if ((found.metadata?.bucketing ?? 2) !== 2) {
      return failed(fallback, "GENERAL", `the bucketing of ${key} is newer than this package`);
    }
    const kind = kindOf(fallback === undefined || fallback === null ? Object.values(found.variants)[0] : fallback);
    try {
      const got = this.#core.resolve(kind, key, fallback as boolean, context as Record<string, Json>);
      if (got.errorCode) return failed(fallback, got.errorCode, got.errorMessage);
      if (got.variant === undefined) return { value: fallback, reason: got.reason ?? "DEFAULT" };
      return { value: got.value as T, variant: got.variant, reason: got.reason ?? "UNKNOWN" };
    } catch (e) {
      const code = (e as { code?: string }).code;
      return failed(fallback, code ?? "GENERAL", e instanceof Error ? e.message : String(e));
    }
  }

  /** all evaluates every flag, or only those that pages may see. Those that are off or fail are left out. */
  all(context: Context, which: { client?: boolean } = {}): Record<string, Served> {
    const out: Record<string, Served> = {};
    for (const [key, definition] of Object.entries(this.definitions)) {
      if (which.client && definition.metadata?.client !== true) continue;
      const got = this.evaluate(key, undefined, context);
      if (got.value !== undefined) out[key] = got as unknown as Served;
    }
    return out;
  }
}

export function failed<T>(value: T, errorCode: string, errorDetails?: string): Served<T> {
  return { value, reason: "ERROR", errorCode, errorDetails };
}

export function kindOf(value: unknown): Kind {
  const kind = typeof value;
  return kind === "boolean" || kind === "string" || kind === "number" ? kind : "object";
}
