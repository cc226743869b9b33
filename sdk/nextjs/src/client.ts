// The program's side of Slipway's flags. With a server key it has the definitions and evaluates by itself; with a
// public key it asks for all flags at once. What it had last stays when nobody answers.

import { type Context, failed, type Json, kindOf, type Served, Snapshot } from "./evaluate.js";
import { Near } from "./near.js";
import { Usage } from "./usage.js";

/** Store keeps the last good document where the next process finds it. */
export type Store = { load(): Promise<string | undefined>; save(text: string): Promise<void> };

export type Options = {
  /** Address of Slipway; without it, and without a key, every flag is its fallback. */
  url?: string;
  /** `slwf_srv_…` evaluates here, `slwf_pub_…` asks for every context. */
  key?: string;
  /** Connection string of the Global Config that Slipway publishes to: with it, definitions are read there and
   * evaluated here, and Slipway is asked for nothing. Usage is told where there is an address and a key as well. */
  connection?: string;
  /** Whose flags are read from the Global Config; production where nothing is said. */
  environment?: string;
  /** How old the definitions may grow before they are asked for again, in ms. Where nothing is said 10,000, from a
   * Global Config 5,000. */
  poll?: number;
  /** Listen for changes: only in a process that lives long. */
  stream?: boolean;
  /** How long a page waits for an answer at most, in ms. 2,000 where nothing is said. */
  timeout?: number;
  /** How often usage is told, in ms. 10,000 where nothing is said; 0 never tells it. */
  report?: number;
  store?: Store;
  fetch?: typeof fetch;
  /** Hears what went wrong, never with a context in it. */
  onError?: (error: Error) => void;
};

type Answer = { flags: Record<string, Served>; etag: string | null; at: number };

const mostContexts = 1000;
const retryAfter = 1000; // after a failure, so that pages do not wait one after another while nobody answers

export class Flags {
  readonly usage = new Usage();
  readonly #o: Options;
  readonly #fetch: typeof fetch;
  readonly #poll: number;
  readonly #near: Near | undefined;
  #snapshot: Snapshot | undefined;
  #etag: string | null = null;
  #checked = Number.NEGATIVE_INFINITY;
  #tried = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | undefined;
  #answers = new Map<string, Answer>();
  #pending = new Map<string, Promise<Answer | undefined>>();
  #reported = performance.now();
  #stream: AbortController | undefined;
  #closed = false;

  constructor(options: Options = {}) {
    this.#o = { ...options, url: options.url?.replace(/\/+$/, "") };
    // Next replaces fetch with one that makes a page static or dynamic: what is asked here belongs to no page.
    const own = globalThis.fetch as typeof fetch & { _nextOriginalFetch?: typeof fetch };
    this.#fetch = options.fetch ?? own._nextOriginalFetch ?? own;
    if (options.connection) {
      try {
        this.#near = new Near(
          options.connection,
          options.environment ?? "production",
          this.#fetch,
          options.timeout ?? 2000,
        );
      } catch {
        options.onError?.(new Error("the Global Config's connection string is none")); // it has a token in it
      }
    }
    this.#poll = options.poll ?? (this.#near ? 5000 : 10_000);
  }

  /** local says whether flags are evaluated here. */
  get local(): boolean {
    return Boolean(this.#near) || (this.#on && this.#o.key?.startsWith("slwf_pub_") === false);
  }

  /** #any says whether there is anything to ask. */
  get #any(): boolean {
    return this.#on || Boolean(this.#near);
  }

  get #on(): boolean {
    return Boolean(this.#o.url && this.#o.key);
  }

  /** snapshot returns the definitions there are, and asks for newer ones in the background when these are old. Only
   * the first page waits. */
  async snapshot(): Promise<Snapshot | undefined> {
    if (!this.local) return undefined;
    this.#listen();
    const now = performance.now();
    if (now - this.#checked >= this.#poll && now - this.#tried >= Math.min(retryAfter, this.#poll)) {
      this.refresh().catch(() => {});
    }
    if (!this.#snapshot) await this.#asking;
    return this.#snapshot;
  }

  /** refresh asks for the definitions now. Who asks meanwhile gets the same answer. */
  refresh(heard?: string): Promise<void> {
    if (this.#asking && !heard) return this.#asking;
    const before = this.#asking ?? Promise.resolve();
    const asking = before
      .then(() => this.#load(heard))
      .finally(() => {
        if (this.#asking === asking) this.#asking = undefined;
      });
    this.#asking = asking;
    return asking;
  }

  async #load(heard?: string): Promise<void> {
    this.#tried = performance.now();
    try {
      if (this.#near) {
        const text = await this.#near.newer((text) => {
          this.#snapshot = new Snapshot(text);
        });
        if (text) await this.#o.store?.save(text).catch((e: Error) => this.#o.onError?.(e));
        this.#checked = performance.now();
        return;
      }
      const query = heard ? `?flagConfigEtag=${encodeURIComponent(heard)}` : "";
      const res = await this.#ask(`/flags/v1/document${query}`, {
        headers: this.#etag ? { "if-none-match": this.#etag } : {},
      });
      if (res.status === 200) {
        const text = await res.text();
        this.#snapshot = new Snapshot(text); // a bad one throws, and the last good one stays
        this.#etag = res.headers.get("etag");
        await this.#o.store?.save(text).catch((e: Error) => this.#o.onError?.(e));
      } else if (res.status !== 304) {
        throw new Error(`Slipway answers ${res.status} when asked for flags`);
      }
      this.#checked = performance.now();
    } catch (e) {
      this.#o.onError?.(e as Error);
      if (this.#snapshot) return;
      const text = await this.#o.store?.load().catch(() => undefined);
      try {
        if (text) this.#snapshot = new Snapshot(text);
      } catch (bad) {
        this.#o.onError?.(bad as Error);
      }
    }
  }

  #ask(path: string, init: RequestInit): Promise<Response> {
    return this.#fetch(this.#o.url + path, {
      signal: AbortSignal.timeout(this.#o.timeout ?? 2000),
      ...init,
      headers: { authorization: `Bearer ${this.#o.key}`, ...(init.headers as Record<string, string>) },
    });
  }

  /** details returns what a flag is for somebody, and why. It never throws. */
  async details<T extends Json | undefined>(key: string, fallback: T, context: Context): Promise<Served<T>> {
    if (!this.#any) return { value: fallback, reason: "DEFAULT" };
    if (!this.local) {
      const got = (await this.#remote(context))?.flags[key];
      if (!got) return failed(fallback, "FLAG_NOT_FOUND", "no answer names it");
      if (got.value === undefined) return { ...got, value: fallback };
      const fits = fallback === undefined || fallback === null || kindOf(fallback) === kindOf(got.value);
      return fits ? (got as Served<T>) : failed(fallback, "TYPE_MISMATCH", `${key} is no ${kindOf(fallback)}`);
    }
    const got = (await this.snapshot())?.evaluate(key, fallback, context);
    if (!got) return failed(fallback, "PROVIDER_NOT_READY", "there are no definitions yet");
    this.usage.add(key, got.variant, "evaluations");
    this.#tell();
    return got;
  }

  /** value returns what a flag is for somebody. */
  async value<T extends Json>(key: string, fallback: T, context: Context): Promise<T> {
    return (await this.details(key, fallback, context)).value;
  }

  /** forPage returns the flags that pages may see, for one visitor. */
  async forPage(context: Context): Promise<Record<string, Served>> {
    if (!this.#any) return {};
    if (this.local) return (await this.snapshot())?.all(context, { client: true }) ?? {};
    const got = Object.entries((await this.#remote(context))?.flags ?? {});
    return Object.fromEntries(got.filter(([, served]) => served.value !== undefined));
  }

  #remote(context: Context): Promise<Answer | undefined> {
    const body = JSON.stringify({ context });
    const had = this.#answers.get(body);
    if (had && performance.now() - had.at < this.#poll) return Promise.resolve(had);
    const pending = this.#pending.get(body) ?? this.#bulk(body, had).finally(() => this.#pending.delete(body));
    this.#pending.set(body, pending);
    return pending;
  }

  async #bulk(body: string, had: Answer | undefined): Promise<Answer | undefined> {
    try {
      const res = await this.#ask("/ofrep/v1/evaluate/flags", {
        method: "POST",
        body,
        headers: { "content-type": "application/json", ...(had?.etag ? { "if-none-match": had.etag } : {}) },
      });
      if (res.status !== 200 && res.status !== 304)
        throw new Error(`Slipway answers ${res.status} when asked for flags`);
      const flags = res.status === 304 && had ? had.flags : readBulk(await res.json());
      const answer = { flags, etag: res.headers.get("etag") ?? had?.etag ?? null, at: performance.now() };
      this.#answers.delete(body);
      this.#answers.set(body, answer);
      const oldest = this.#answers.keys().next().value;
      if (this.#answers.size > mostContexts && oldest !== undefined) this.#answers.delete(oldest);
      return answer;
    } catch (e) {
      this.#o.onError?.(e as Error);
      return had;
    }
  }

  /** exposed says that somebody really was shown a variant. */
  exposed(key: string, variant?: string): void {
    this.usage.add(key, variant, "exposures");
    this.#tell();
  }

  /** failedWith says that something went wrong for somebody who was shown a variant. */
  failedWith(key: string, variant?: string): void {
    this.usage.add(key, variant, "errors");
    this.#tell();
  }

  #tell(): void {
    const every = this.#o.report ?? 10_000;
    if (every > 0 && performance.now() - this.#reported >= every) this.flush().catch(() => {});
  }

  /** flush tells Slipway what was counted. What does not arrive is kept for the next time. */
  async flush(): Promise<void> {
    this.#reported = performance.now();
    const items = this.usage.take();
    if (!this.#on || items.length === 0) return;
    try {
      const res = await this.#ask("/flags/v1/usage", {
        method: "POST",
        body: JSON.stringify({ items }),
        headers: { "content-type": "application/json" },
      });
      await res.arrayBuffer();
      if (res.status >= 500 || res.status === 429) this.usage.back(items);
    } catch (e) {
      this.usage.back(items);
      this.#o.onError?.(e as Error);
    }
  }

  #listen(): void {
    if (!this.#o.stream || this.#near || this.#stream || this.#closed) return;
    const control = new AbortController();
    this.#stream = control;
    const again = (wait: number): void => {
      if (control.signal.aborted) return;
      const timer = setTimeout(() => this.#follow(control).then(again, () => again(5000)), wait);
      (timer as { unref?: () => void }).unref?.();
    };
    again(0);
  }

  /** follow reads one event stream to its end and returns how long to wait before the next. */
  async #follow(control: AbortController): Promise<number> {
    const res = await this.#ask("/flags/v1/events", {
      signal: control.signal,
      headers: { accept: "text/event-stream" },
    });
    if (res.status !== 200 || !res.body) return 10_000;
    const reader = res.body.getReader();
    const decoder = new TextDecoder();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return 500 + Math.random() * 1000;
      const lines = (rest + decoder.decode(value, { stream: true })).split(/\r?\n/);
      rest = (lines.pop() ?? "").slice(-65_536);
      for (const line of lines) {
        if (line.startsWith("data:")) await this.refresh(etagOf(line.slice(5)));
      }
    }
  }

  /** close ends the stream and tells what was counted. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stream?.abort();
    await this.flush();
  }
}

function etagOf(data: string): string | undefined {
  try {
    const etag = (JSON.parse(data) as { etag?: unknown }).etag;
    return typeof etag === "string" ? etag : undefined;
  } catch {
    return undefined;
  }
}

type Bulk = { flags?: { key: string; value?: Json; variant?: string; reason?: string; errorCode?: string }[] };

/** readBulk reads the answer of OFREP's bulk evaluation. */
export function readBulk(body: unknown): Record<string, Served> {
  const out: Record<string, Served> = {};
  for (const flag of (body as Bulk).flags ?? []) {
    const { key, value, variant, reason, errorCode } = flag;
    out[key] = { value: value as Json, variant, reason: reason ?? "UNKNOWN", errorCode };
  }
  return out;
}
