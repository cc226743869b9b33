// The database that both versions of the shop share, when there is one: SHOP_DATABASE_URL names it. It is asked how
// many pieces are left; scripts/database.mjs plays it, and becomes slow when it is told to.

/** stock asks how many pieces of a product are left: undefined without a database. A late or wrong answer is thrown. */
export async function stock(slug: string, env: Record<string, string | undefined>): Promise<number | undefined> {
  const at = env.SHOP_DATABASE_URL;
  if (!at) return undefined;
  const patience = Number(env.SHOP_DATABASE_TIMEOUT_MS ?? "1000");
  const answer = await fetch(`${at}/stock/${encodeURIComponent(slug)}`, {
    cache: "no-store",
    signal: AbortSignal.timeout(patience),
  });
  if (!answer.ok) throw new Error(`the database answered ${answer.status}`);
  const { left } = (await answer.json()) as { left: number };
  return left;
}
