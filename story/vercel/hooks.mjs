// Loads @vercel/sdk's schemas a second time, under ?strict, with strict.mjs' parts in place of its lax ones.
const parts = new URL('./schema.mjs', import.meta.url).href;

export async function resolve(specifier, context, next) {
  const found = await next(specifier, context);
  const inside = found.url.includes('/@vercel/sdk/') && context.parentURL?.endsWith('?strict');
  if (!inside || found.url.includes('?')) return found;
  if (/\/types\/(primitives|smartUnion)\.js$/.test(found.url)) return { ...found, url: parts, shortCircuit: true };
  return { ...found, url: `${found.url}?strict`, shortCircuit: true };
}
