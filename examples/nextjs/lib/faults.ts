// The faulty edition: a part of its requests fails and all of them are slow. Which requests fail is left to chance, as
// it is in life, so a judge has to tell a difference in rates and can't learn a pattern. With SHOP_FAULT_SEED it is the
// same chance at every start, so that a test goes as it went before: which request fails depends on how many came
// before it, and not on who asks.

/** Fault is how a build misbehaves: the part of requests that fail, and the milliseconds that each one waits. */
export type Fault = { rate: number; delay: number };

/** faultOf reads the fault of a version; SHOP_FAULT_RATE and SHOP_FAULT_DELAY_MS change it when the shop is started. */
export function faultOf(version: string, env: Record<string, string | undefined>): Fault {
  const own: Fault = version.endsWith("-faulty") ? { rate: 0.3, delay: 250 } : { rate: 0, delay: 0 };
  return {
    rate: within(env.SHOP_FAULT_RATE, 0, 1, own.rate),
    delay: within(env.SHOP_FAULT_DELAY_MS, 0, 30_000, own.delay),
  };
}

/** shiftOf is by how many pixels product pages move when they were painted already: SHOP_FAULT_SHIFT_PX. */
export function shiftOf(env: Record<string, string | undefined>): number {
  return within(env.SHOP_FAULT_SHIFT_PX, 0, 2000, 0);
}

/** suffer waits as long as the fault says and tells whether this request is to fail. */
export async function suffer(fault: Fault, chance: () => number = dice): Promise<boolean> {
  if (fault.delay > 0) await new Promise((done) => setTimeout(done, fault.delay));
  return chance() < fault.rate;
}

/** diceOf gives the throws that decide which requests fail: by chance, or with a seed the same ones at every start. */
export function diceOf(seed: string | undefined): () => number {
  if (seed === undefined || seed.trim() === "") return Math.random;
  let state = 0;
  for (const letter of seed) state = (Math.imul(state, 31) + (letter.codePointAt(0) ?? 0)) | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let x = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
    return ((x ^ (x >>> 15)) >>> 0) / 2 ** 32;
  };
}

const dice = diceOf(process.env.SHOP_FAULT_SEED);

function within(text: string | undefined, low: number, high: number, otherwise: number): number {
  if (text === undefined || text.trim() === "") return otherwise;
  const value = Number(text);
  return value >= low && value <= high ? value : otherwise;
}
