import { SlipwayVitals } from "@slipwayhq/nextjs/vitals";
import type { Metadata } from "next";
import Link from "next/link";
import type { ReactNode } from "react";
import { deployment, second, version } from "@/lib/release";
import "./style.css";

export const metadata: Metadata = { title: "Quay Street Goods", description: "A small shop that Slipway releases." };

export default function Layout({ children }: { children: ReactNode }) {
  return (
    <html lang="en" data-version={version} className={second ? "second" : "first"}>
      <body>
        <SlipwayVitals />
        {second && <p className="banner">Free delivery from €40 on</p>}
        <header>
          <Link href="/" className="name">
            Quay Street Goods
          </Link>
          <nav>
            <Link href="/">Catalog</Link>
            <Link href="/reviews">Reviews</Link>
            <Link href="/cart">{second ? "Basket" : "Cart"}</Link>
          </nav>
        </header>
        <main>{children}</main>
        <footer>
          Version <b id="version">{version}</b>, deployment <b id="deployment">{deployment}</b>
        </footer>
      </body>
    </html>
  );
}
