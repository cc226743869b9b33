import { SlipwayFlags } from "@slipwayhq/nextjs/server";
import { cookies } from "next/headers";
import { order, removeFromCart } from "@/app/cart/actions";
import { OrderButton } from "@/components/order-button";
import { Visit } from "@/components/visit";
import { bill, parse } from "@/lib/cart";
import { find, money } from "@/lib/catalog";
import { newCheckout } from "@/lib/flags";
import { second } from "@/lib/release";

type Query = { searchParams: Promise<{ ordered?: string }> };

export default async function CartPage({ searchParams }: Query) {
  const { ordered } = await searchParams;
  const lines = parse((await cookies()).get("cart")?.value).filter((line) => find(line.slug, second));
  const due = bill(lines, second);
  const express = await newCheckout();
  const { SLIPWAY_FLAGS_URL: url, SLIPWAY_FLAGS_PUBLIC_KEY: publicKey } = process.env;
  return (
    <>
      {!ordered && <Visit filled={lines.length > 0} />}
      <h1>{second ? "Your basket" : "Your cart"}</h1>
      {ordered && (
        <p className="note">Thank you. Nothing was charged and nothing will arrive: this shop is an example.</p>
      )}
      {lines.length === 0 && <p id="empty">There is nothing in it yet.</p>}
      <ul className="lines">
        {lines.map((line) => (
          <li key={line.slug}>
            <span>
              {`${line.count} × ${find(line.slug, second)?.name}`}{" "}
              <b>{money((find(line.slug, second)?.price ?? 0) * line.count)}</b>
            </span>
            <form action={removeFromCart}>
              <input type="hidden" name="slug" value={line.slug} />
              <button type="submit" className="quiet">
                Remove
              </button>
            </form>
          </li>
        ))}
      </ul>
      {lines.length > 0 && (
        <form action={order} id="order" data-checkout={express ? "new" : "old"}>
          {express && <p className="small">Your address and card are known: one step is left.</p>}
          <p>
            Delivery {money(due.delivery)}, together <b id="total">{money(due.total)}</b>
          </p>
          <SlipwayFlags live={url && publicKey ? { url, publicKey } : undefined}>
            <OrderButton />
          </SlipwayFlags>
        </form>
      )}
    </>
  );
}
