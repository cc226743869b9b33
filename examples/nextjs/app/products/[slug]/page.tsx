import Image from "next/image";
import { notFound } from "next/navigation";
import { addToCart } from "@/app/cart/actions";
import { BuyButton } from "@/components/buy-button";
import { Late } from "@/components/late";
import { pictures } from "@/components/pictures";
import { find, money } from "@/lib/catalog";
import { stock } from "@/lib/database";
import { faultOf, shiftOf, suffer } from "@/lib/faults";
import { second, version } from "@/lib/release";

// The product page is the dynamic one: it is rendered for every request.
export const dynamic = "force-dynamic";

export default async function ProductPage({ params }: { params: Promise<{ slug: string }> }) {
  const { slug } = await params;
  const product = find(slug, second);
  if (!product) notFound();
  if (await suffer(faultOf(version, process.env))) throw new Error(`the price of ${slug} could not be read`);
  const left = await stock(slug, process.env);
  const shift = shiftOf(process.env);
  return (
    <>
      {shift > 0 && <Late height={shift} />}
      <article className="product">
        <Image src={pictures[slug] ?? ""} alt={product.name} width={640} height={480} priority />
        <div>
          <h1>{product.name}</h1>
          <p className="price">{money(product.price)}</p>
          <p>{product.text}</p>
          {left !== undefined && <p id="stock">{left} left</p>}
          <form action={addToCart}>
            <input type="hidden" name="slug" value={slug} />
            <BuyButton />
          </form>
          <p className="small">
            Price read at <time id="rendered">{new Date().toISOString()}</time>
          </p>
        </div>
      </article>
    </>
  );
}
