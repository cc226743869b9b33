"use server";

import { cookies } from "next/headers";
import { redirect } from "next/navigation";
import { add, format, type Line, parse, remove } from "@/lib/cart";
import { find } from "@/lib/catalog";
import { second } from "@/lib/release";

/** addToCart puts the form's product into the visitor's cart and shows the cart. It works without script. */
export async function addToCart(form: FormData): Promise<void> {
  const slug = String(form.get("slug") ?? "");
  if (find(slug, second)) await change((lines) => add(lines, slug));
  redirect("/cart");
}

/** removeFromCart takes the form's product out of the visitor's cart and shows the cart. */
export async function removeFromCart(form: FormData): Promise<void> {
  const slug = String(form.get("slug") ?? "");
  await change((lines) => remove(lines, slug));
  redirect("/cart");
}

/** order empties the cart and shows the thanks. */
export async function order(): Promise<void> {
  await change(() => []);
  redirect("/cart?ordered=1");
}

async function change(edit: (lines: Line[]) => Line[]): Promise<void> {
  const jar = await cookies();
  const lines = edit(parse(jar.get("cart")?.value));
  jar.set("cart", format(lines), { httpOnly: true, sameSite: "lax", path: "/", maxAge: 7 * 24 * 3600 });
}
