// The table in Global Config: docs/vercel-proxy-table.md says what stands in it.

/** Arm is a deployment that visitors can be sent to. */
export type Arm = { id: string; url: string };

export type Table = {
  generation: number;
  salt: string;
  /** percent of the visitors that the canary gets */
  share: number;
  stable: Arm;
  canary?: Arm;
  banned: string[];
  /** builds that pages may still be open of, and until when (ms) they keep them */
  kept: (Arm & { until: number })[];
};

const size = 10000;

/** bucket returns the point of a visitor in [0, 10000): MurmurHash3 x86 32-bit, seed 0, as everywhere in Slipway. */
export function bucket(salt: string, visitor: string): number {
  return Number((BigInt(murmur(new TextEncoder().encode(salt + visitor))) * BigInt(size)) >> 32n);
}

function murmur(data: Uint8Array): number {
  const scramble = (k: number) => Math.imul(rotate(Math.imul(k, 0xcc9e2d51), 15), 0x1b873593);
  let h = 0;
  const whole = data.length - (data.length % 4);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  for (let i = 0; i < whole; i += 4) {
    h = (Math.imul(rotate(h ^ scramble(view.getUint32(i, true)), 13), 5) + 0xe6546b64) | 0;
  }
  let k = 0;
  for (let i = data.length - 1; i >= whole; i--) k = (k << 8) | (data[i] ?? 0);
  h ^= scramble(k) ^ data.length;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

const rotate = (x: number, by: number) => (x << by) | (x >>> (32 - by));

/** chosen is whose the visitor is. */
export function chosen(table: Table, visitor: string): Arm {
  return table.canary && bucket(table.salt, visitor) < table.share * (size / 100) - 1e-9 ? table.canary : table.stable;
}

/** parse reads a table, and nothing that is not one: a broken table routes nobody. */
export function parse(raw: unknown): Table | undefined {
  const t = raw as Record<string, unknown> | null;
  if (typeof t !== "object" || t === null || t.v !== 1) return undefined;
  const { generation, salt, share } = t;
  const stable = arm(t.stable);
  const canary = arm(t.canary);
  if (
    !Number.isSafeInteger(generation) ||
    typeof salt !== "string" ||
    typeof share !== "number" ||
    !(share >= 0 && share <= 100) ||
    !stable ||
    (t.canary !== undefined && !canary)
  ) {
    return undefined;
  }
  const banned = Array.isArray(t.banned) ? t.banned.filter((id): id is string => typeof id === "string") : [];
  const kept = (Array.isArray(t.kept) ? t.kept : []).flatMap((raw) => {
    const a = arm(raw);
    const until = (raw as { until?: unknown } | null)?.until;
    return a && typeof until === "number" ? [{ ...a, until }] : [];
  });
  return { generation: generation as number, salt, share, stable, canary, banned, kept };
}

function arm(raw: unknown): Arm | undefined {
  const a = raw as Record<string, unknown> | undefined;
  if (typeof a?.id !== "string" || a.id === "" || typeof a.url !== "string") return undefined;
  try {
    const { protocol, origin } = new URL(a.url);
    return protocol === "https:" || protocol === "http:" ? { id: a.id, url: origin } : undefined;
  } catch {
    return undefined;
  }
}

/** idle is after how long without a question a copy is too old to be used without asking: Slipway counts on that copies
 * differ for no more than ten seconds. */
const idle = 10_000;

/** kept is how long a table is used that nobody confirms. What it says may have been taken back meanwhile. */
const kept = 600_000;

const again = 100; // ms between two tries while requests wait

export type ReaderOptions = {
  /** How old the table may grow before it is asked for again, in ms. */
  poll: number;
  /** How long requests wait for the table at most, in ms. */
  timeout: number;
  get: typeof fetch;
  /** ms of a clock that is never put back. */
  now?: () => number;
  /** The platform's own copy, which is read where Global Config does not answer; the id is the configuration's. */
  local?: (id: string) => Promise<unknown>;
};

/** Reader keeps the newest table of a Global Config: one request in so many milliseconds, and the last good table for a
 * while when nobody answers. */
export class Reader {
  #table: Table | undefined;
  #confirmed = Number.NEGATIVE_INFINITY; // when #table was last what Global Config has
  #asked = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | undefined;
  #waits = Number.NEGATIVE_INFINITY; // until when requests wait
  #trouble = "";
  readonly #now: () => number;

  constructor(
    readonly connection: string | undefined,
    readonly o: ReaderOptions,
  ) {
    this.#now = o.now ?? (() => performance.now());
  }

  /** table returns the newest table that is known; none where that is too old, but for a build that it bans. A request
   * waits for it only after a time in which nobody asked, as the first one does. */
  async table(here: string): Promise<Table | undefined> {
    const now = this.#now();
    if (this.connection && !this.#asking && now - this.#asked >= this.o.poll) {
      if (now - this.#asked > idle) this.#waits = now + this.o.timeout;
      this.#asked = now;
      this.#asking = this.#ask().finally(() => {
        this.#asking = undefined;
        this.#waits = Number.NEGATIVE_INFINITY;
      });
    }
    if (this.#asking && now < this.#waits) await within(this.#asking, this.#waits - now);
    const table = this.#table;
    if (!table || this.#now() - this.#confirmed <= kept) return table;
    return table.banned.includes(here) ? { ...table, canary: undefined } : undefined;
  }

  async #ask(): Promise<void> {
    for (;;) {
      try {
        const left = this.#waits - this.#now();
        const timeout = left > 0 ? left : this.o.timeout;
        const raw = await within(this.#read(timeout), timeout);
        if (raw === late) throw new Error("Global Config does not answer");
        const known = raw === undefined || this.#take(raw);
        this.#say(known ? "" : "what Global Config has is no table that this version knows");
        return;
      } catch (e) {
        if (this.#now() + again < this.#waits) {
          await new Promise((done) => setTimeout(done, again));
          continue;
        }
        if (!this.#table) await this.#copy();
        this.#say(e instanceof Error ? e.message : String(e));
        return;
      }
    }
  }

  /** read returns what Global Config has, and nothing when nothing was ever routed. */
  async #read(timeout: number): Promise<unknown> {
    const at = new URL(this.connection as string);
    const token = at.searchParams.get("token") ?? "";
    const res = await this.o.get(`${at.origin}${at.pathname.replace(/\/+$/, "")}/item/slipway?version=1`, {
      headers: { authorization: `Bearer ${token}`, "cache-control": `stale-if-error=${kept / 1000}` },
      signal: AbortSignal.timeout(Math.ceil(timeout)),
      cache: "no-store",
    });
    if (res.status === 404) return undefined;
    if (!res.ok) throw new Error(`Global Config answers ${res.status}`);
    return await res.json();
  }

  /** take says whether it was a table. A copy of the configuration may be seconds behind another: what was seen is not
   * undone by it, unless that is long ago. */
  #take(raw: unknown): boolean {
    const next = parse(raw);
    if (!next) return false;
    const now = this.#now();
    if (next.generation >= (this.#table?.generation ?? 0) || now - this.#confirmed > kept) {
      this.#table = next;
      this.#confirmed = now;
    }
    return true;
  }

  /** copy takes what the platform has put beside the function, as Vercel's own client does. */
  async #copy(): Promise<void> {
    const id = new URL(this.connection as string).pathname.split("/").filter(Boolean).at(-1) ?? "";
    const held = (await (this.o.local ?? vercelCopy)(id).catch(() => undefined)) as { items?: unknown } | undefined;
    const items = held?.items as Record<string, unknown> | undefined;
    if (!this.#table) this.#take(items?.slipway);
  }

  /** say tells the log once what keeps the table from being read, and that it is read again. */
  #say(trouble: string): void {
    if (trouble === this.#trouble) return;
    this.#trouble = trouble;
    if (!trouble) console.warn("slipway: the table is read again.");
    else if (this.#table)
      console.warn(`slipway: the table cannot be read, the last one is used for a while: ${trouble}`);
    else console.warn(`slipway: the table cannot be read, this build serves everybody whom it is asked by: ${trouble}`);
  }
}

const late = Symbol("late");

/** within waits for a promise, but not longer. */
async function within<T>(promise: Promise<T>, ms: number): Promise<T | typeof late> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const end = new Promise<typeof late>((done) => {
    timer = setTimeout(done, ms, late);
  });
  try {
    return await Promise.race([promise, end]);
  } finally {
    clearTimeout(timer);
  }
}

/** vercelCopy is the copy of a Global Config in a function on Vercel, where @vercel/global-config looks first. */
async function vercelCopy(id: string): Promise<unknown> {
  const own = Reflect.get(globalThis, Symbol.for("privateEdgeConfig"));
  const held = typeof own?.get === "function" ? await own.get(id) : undefined;
  if (held || !process.env.AWS_LAMBDA_FUNCTION_NAME || !/^ecfg_[A-Za-z0-9]+$/.test(id)) return held;
  const fs = process.getBuiltinModule?.("node:fs/promises"); // no import: where there is no Node, nothing is read
  return fs && JSON.parse(await fs.readFile(`/opt/edge-config/${id}.json`, "utf8"));
}
