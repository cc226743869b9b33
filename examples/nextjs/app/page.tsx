import Image from "next/image";
import Link from "next/link";
import { pictures } from "@/components/pictures";
import { money, products } from "@/lib/catalog";
import { second } from "@/lib/release";

// The catalog is the static page: it is rendered when the shop is built.
export const dynamic = "force-static";

export default function Catalog() {
  return (
    <>
      <div className="hero">
        <Image src="/harbor.png" alt="Boats in a harbor at dusk" width={960} height={320} priority />
        <h1>{second ? "Good things, and a kettle" : "Good things for a plain room"}</h1>
      </div>
      <ul className="catalog">
        {products(second).map((product) => (
          <li key={product.slug}>
            <Link href={`/products/${product.slug}`}>
              <Image src={pictures[product.slug] ?? ""} alt={product.name} width={320} height={240} />
              <span>{product.name}</span>
              <span className="price">{money(product.price)}</span>
            </Link>
          </li>
        ))}
      </ul>
    </>
  );
}
