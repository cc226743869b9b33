import { generatePermutations, getPrecomputed } from "flags/next";
import { notFound } from "next/navigation";
import { deliveryFlags, newCheckout, plain } from "@/lib/flags";

// Static, once for every value of the flag: proxy.ts chooses.
export const dynamic = "force-static";

type Params = { params: Promise<{ code: string }> };

export async function generateStaticParams(): Promise<{ code: string }[]> {
  const codes = process.env.FLAGS_SECRET ? await generatePermutations(deliveryFlags) : [];
  return [plain, ...codes].map((code) => ({ code }));
}

async function read(code: string): Promise<boolean> {
  if (code === plain) return false;
  return getPrecomputed(newCheckout, deliveryFlags, code).catch(() => notFound());
}

export default async function Delivery({ params }: Params) {
  const { code } = await params;
  const express = await read(code);
  return (
    <>
      <h1>Delivery</h1>
      <p id="delivery" data-checkout={express ? "new" : "old"}>
        {express ? "Pay in one step, and it leaves the same day." : "Order, and it leaves within two days."}
      </p>
    </>
  );
}
