// The definitions that Slipway has written into a Global Config, read where the request is served.

/** Near reads one environment's item. A copy of the configuration may be seconds behind another: what was seen is never
 * undone by it. */
export class Near {
  readonly #address: string;
  readonly #token: string;
  #etag: string | null = null;
  #generation = 0;

  /** connection is the Global Config's, such as https://edge-config.vercel.com/ecfg_1?token=…. */
  constructor(
    connection: string,
    readonly environment: string,
    readonly get: typeof fetch,
    readonly timeout: number,
  ) {
    const at = new URL(connection);
    const key = encodeURIComponent(`slipway-flags-${environment}`);
    this.#address = `${at.origin}${at.pathname.replace(/\/+$/, "")}/item/${key}?version=1`;
    this.#token = at.searchParams.get("token") ?? "";
  }

  /** newer returns the definitions as text, and nothing when those that were read last are still the newest. `take` is
   * given them before they count as read: what it does not take is read again. */
  async newer(take: (text: string) => void): Promise<string | undefined> {
    const res = await this.get(this.#address, {
      headers: { authorization: `Bearer ${this.#token}`, ...(this.#etag ? { "if-none-match": this.#etag } : {}) },
      signal: AbortSignal.timeout(this.timeout),
      cache: "no-store",
    });
    if (res.status === 304) return undefined;
    if (res.status === 404) throw new Error(`no flags of ${this.environment} were published to the Global Config`);
    if (!res.ok) throw new Error(`Global Config answers ${res.status} when asked for flags`);
    const text = await res.text();
    const generation = generationOf(text);
    if (generation < this.#generation) return undefined;
    take(text);
    this.#generation = generation;
    this.#etag = res.headers.get("etag");
    return text;
  }
}

function generationOf(text: string): number {
  const version = (JSON.parse(text) as { metadata?: { version?: unknown } } | null)?.metadata?.version;
  const generation = Number(version);
  if (!Number.isSafeInteger(generation) || generation < 1) throw new Error("what stands there are no flags of Slipway");
  return generation;
}
