// On the server: what was measured goes to Slipway's intake, with the version that measured it and with a token that no
// browser sees.

/** Measure is one value of a metric that the strategy's guard names. */
export type Measure = {
  metric: string;
  /** Of a rate: 1 it happened, 0 it did not. Of durations: milliseconds. */
  value: number;
  /** Whom it is of: each counts once. */
  visitor?: string;
};

export type ReportOptions = {
  /** Address of Slipway; SLIPWAY_URL where nothing is said. Without it nothing is sent. */
  url?: string;
  /** With the scope metric:write; SLIPWAY_TOKEN where nothing is said. */
  token?: string;
  /** This version's name; SLIPWAY_VERSION where nothing is said. */
  version?: string;
  /** This build's id; NEXT_DEPLOYMENT_ID or VERCEL_DEPLOYMENT_ID where nothing is said. */
  deployment?: string;
  /** How long values are gathered, in ms. 1,000 where nothing is said. */
  every?: number;
  fetch?: typeof fetch;
  /** Hears what went wrong, never with a token in it. */
  onError?: (error: Error) => void;
};

type Value = Measure & { at: string; version?: string; deployment?: string };
type Batch = { key: string; values: Value[]; tries: number };

const most = 1000; // values that wait, and that Slipway takes at once
const tries = 3; // afterwards a batch is lost: Slipway takes nothing that is older than its sources' late

/** Reporter gathers values of this process and sends them together. What Slipway does not take for the moment is sent
 * again, under the same key, so that it counts once. */
export class Reporter {
  readonly #o: ReportOptions;
  readonly #fetch: typeof fetch;
  #waiting: Value[] = [];
  #held: Batch | undefined;
  #soon: Promise<void> | undefined;
  #sending: Promise<void> | undefined;

  constructor(options: ReportOptions = {}) {
    const env = process.env;
    this.#o = {
      ...options,
      url: (options.url ?? env.SLIPWAY_URL)?.replace(/\/+$/, ""),
      token: options.token ?? env.SLIPWAY_TOKEN,
      version: options.version ?? env.SLIPWAY_VERSION,
      deployment: options.deployment ?? (process.env.NEXT_DEPLOYMENT_ID || env.VERCEL_DEPLOYMENT_ID),
    };
    // Next replaces fetch with one that makes a page static or dynamic: what is sent here belongs to no page.
    const own = globalThis.fetch as typeof fetch & { _nextOriginalFetch?: typeof fetch };
    this.#fetch = options.fetch ?? own._nextOriginalFetch ?? own;
  }

  /** on says whether there is somebody to tell, and something to name this version by. */
  get on(): boolean {
    return Boolean(this.#o.url && this.#o.token && (this.#o.version || this.#o.deployment));
  }

  /** add keeps values until they are sent: all of them, or none where there is no room. */
  add(measures: Measure[]): boolean {
    if (!this.on) return true;
    if (this.#waiting.length + measures.length > most) return false;
    const { version, deployment } = this.#o;
    const at = new Date().toISOString();
    for (const m of measures) this.#waiting.push({ ...m, at, version, deployment });
    return true;
  }

  /** soon is done when what waits now was sent. Who asks meanwhile gets the same answer. */
  soon(): Promise<void> {
    const wait = (this.#o.every ?? 1000) * (this.#held ? 5 * this.#held.tries : 1);
    this.#soon ??= new Promise<void>((done) => setTimeout(done, wait)).then(() => {
      this.#soon = undefined;
      return this.flush();
    });
    return this.#soon;
  }

  /** flush sends what waits, one batch after another. */
  async flush(): Promise<void> {
    while (this.#sending) await this.#sending;
    this.#held ??=
      this.#waiting.length > 0
        ? { key: crypto.randomUUID(), values: this.#waiting.splice(0, most), tries: 0 }
        : undefined;
    const batch = this.#held;
    if (!batch) return;
    this.#sending = this.#send(batch);
    await this.#sending;
    this.#sending = undefined;
    if (this.#held || this.#waiting.length > 0) await this.soon();
  }

  async #send(batch: Batch): Promise<void> {
    let problem = "";
    try {
      const res = await this.#fetch(`${this.#o.url}/api/v1/metrics`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${this.#o.token}`,
          "content-type": "application/json",
          "idempotency-key": batch.key,
        },
        body: JSON.stringify({ values: batch.values }),
        signal: AbortSignal.timeout(5000),
        cache: "no-store",
      });
      await res.text(); // or its connection is not used again
      if (!res.ok) problem = `Slipway answers ${res.status} to ${batch.values.length} values`;
      if (res.status < 500 && res.status !== 429) this.#held = undefined; // taken, or refused for good
    } catch (e) {
      problem = `Slipway cannot be told of ${batch.values.length} values: ${(e as Error).name}`;
    }
    if (this.#held && ++batch.tries >= tries) this.#held = undefined;
    if (problem) this.#o.onError?.(new Error(problem));
  }
}

const held = Symbol.for("slipway.reporter");

/** slipwayReporter returns this process's reporter. Bundles of one program share it. */
export function slipwayReporter(options?: ReportOptions): Reporter {
  const world = globalThis as { [held]?: Reporter };
  world[held] ??= new Reporter(options);
  return world[held];
}

/** report tells one value from the server: `report("conversion", 1, visitor)`. It never throws and never waits. */
export function report(metric: string, value: number, visitor?: string, to: Reporter = slipwayReporter()): void {
  to.add([{ metric, value, visitor }]);
  to.soon().catch(() => {});
}
