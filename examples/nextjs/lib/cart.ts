// A cart is a list of slugs and counts that lives in one cookie ("mug:2,lamp:1"): the shop keeps nothing, so any copy
// of any version can serve the next request.

import { find } from "./catalog";

/** Line is one product in the cart and how many of it. */
export type Line = { slug: string; count: number };

const most = 99;

/** parse reads a cookie's value; whatever is not a line is left out, for the value comes from the visitor. */
export function parse(text: string | undefined): Line[] {
  const lines: Line[] = [];
  for (const part of (text ?? "").slice(0, 2000).split(",")) {
    const match = /^([a-z]{1,20}):([1-9][0-9]?)$/.exec(part);
    if (match?.[1] && !lines.some((line) => line.slug === match[1])) {
      lines.push({ slug: match[1], count: Number(match[2]) });
    }
  }
  return lines;
}

/** format writes a cart as the cookie's value. */
export function format(lines: Line[]): string {
  return lines.map((line) => `${line.slug}:${line.count}`).join(",");
}

/** add puts one more of a product into the cart. */
export function add(lines: Line[], slug: string): Line[] {
  if (!lines.some((line) => line.slug === slug)) return [...lines, { slug, count: 1 }];
  return lines.map((line) => (line.slug === slug ? { slug, count: Math.min(line.count + 1, most) } : line));
}

/** remove takes a product out of the cart. */
export function remove(lines: Line[], slug: string): Line[] {
  return lines.filter((line) => line.slug !== slug);
}

/** Bill is what the cart costs, in cents. */
export type Bill = { goods: number; delivery: number; total: number };

/** bill adds the cart up: delivery costs €4.90, and nothing in the second edition from €40 on. */
export function bill(lines: Line[], second: boolean): Bill {
  const goods = lines.reduce((sum, line) => sum + (find(line.slug, second)?.price ?? 0) * line.count, 0);
  const delivery = goods === 0 || (second && goods >= 4000) ? 0 : 490;
  return { goods, delivery, total: goods + delivery };
}
