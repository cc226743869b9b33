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
  return { generation: generation as number, salt, share, stable, canary, banned };
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

/** Reader keeps the newest table of a Global Config: one request in so many milliseconds, and the last good table while
 * nobody answers. */
export class Reader {
  #table: Table | undefined;
  #asked = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | undefined;

  constructor(
    readonly connection: string | undefined,
    readonly poll: number,
    readonly timeout: number,
    readonly get: typeof fetch,
  ) {}

  /** table returns the newest table that is known. Only the first request waits for one. */
  async table(): Promise<Table | undefined> {
    const now = performance.now();
    if (this.connection && !this.#asking && now - this.#asked >= this.poll) {
      this.#asked = now;
      this.#asking = this.#ask().finally(() => {
        this.#asking = undefined;
      });
    }
    if (!this.#table) await this.#asking;
    return this.#table;
  }

  async #ask(): Promise<void> {
    try {
      const at = new URL(this.connection as string);
      const token = at.searchParams.get("token") ?? "";
      const res = await this.get(`${at.origin}${at.pathname.replace(/\/+$/, "")}/item/slipway?version=1`, {
        headers: { authorization: `Bearer ${token}` },
        signal: AbortSignal.timeout(this.timeout),
        cache: "no-store",
      });
      if (res.status === 404) return; // nothing was ever routed
      if (!res.ok) throw new Error(`Global Config answers ${res.status}`);
      const next = parse(await res.json());
      // A copy of the configuration may be seconds behind another: what was seen is never undone by it.
      if (next && next.generation >= (this.#table?.generation ?? 0)) this.#table = next;
    } catch {
      // The last good table stays; without one, the build that was reached serves.
    }
  }
}
