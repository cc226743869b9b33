// How often one address may tell something. Memory is bounded, however many there are.

type Tokens = { left: number; at: number };

const mostAddresses = 10_000;

export class Limit {
  #young = new Map<string, Tokens>();
  #old = new Map<string, Tokens>();

  constructor(readonly perMinute: number) {}

  /** take says whether one more is within the limit. */
  take(who: string, now: number): boolean {
    const had = this.#young.get(who) ?? this.#old.get(who) ?? { left: this.perMinute, at: now };
    if (!this.#young.has(who) && this.#young.size >= mostAddresses) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    const left = Math.min(this.perMinute, had.left + (Math.max(now - had.at, 0) * this.perMinute) / 60_000);
    this.#young.set(who, { left: left < 1 ? left : left - 1, at: now });
    return left >= 1;
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }
}
