// The goods of the shop. Prices are whole cents.

/** Product is one thing on sale. */
export type Product = { slug: string; name: string; price: number; text: string };

const goods: readonly Product[] = [
  {
    slug: "mug",
    name: "Mug",
    price: 1400,
    text: "Stoneware, 300 ml, glazed by hand. Keeps tea warm for as long as a chapter.",
  },
  {
    slug: "lamp",
    name: "Desk lamp",
    price: 5900,
    text: "One arm, one joint, one warm light. The switch is where the hand is.",
  },
  {
    slug: "clock",
    name: "Wall clock",
    price: 4200,
    text: "Thirty centimeters of quiet: a sweeping hand that does not tick.",
  },
  { slug: "chair", name: "Chair", price: 12900, text: "Solid ash, four legs and a back. Six of them stack." },
  { slug: "plant", name: "Plant in a pot", price: 2600, text: "Asks for water once a week and for nothing else." },
  { slug: "notebook", name: "Notebook", price: 900, text: "Ninety-six dotted pages that lie flat." },
];

const kettle: Product = {
  slug: "kettle",
  name: "Kettle",
  price: 6800,
  text: "New in the second edition: enameled steel, 1.2 liters, whistles when it is done.",
};

/** products lists what an edition sells: the second one sells a kettle as well. */
export function products(second: boolean): readonly Product[] {
  return second ? [kettle, ...goods] : goods;
}

/** find gives the product of a slug, or undefined when the edition does not sell it. */
export function find(slug: string, second: boolean): Product | undefined {
  return products(second).find((product) => product.slug === slug);
}

/** money writes cents as euros: 1400 becomes "€14.00". */
export function money(cents: number): string {
  return `€${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, "0")}`;
}
