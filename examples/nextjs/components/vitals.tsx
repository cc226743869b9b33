"use client";

import { useReportWebVitals } from "next/web-vitals";

type Report = Parameters<typeof useReportWebVitals>[0];

/** The measures that Slipway compares; Next.js tells others as well, which the shop would refuse. */
const compared = ["LCP", "INP", "CLS", "TTFB"];

let page = "";

/** send tells the shop one measure. Its token stays on the server: a browser needs no secret. */
const send: Report = ({ name, value }) => {
  if (!compared.includes(name)) return;
  page ||= crypto.randomUUID?.() ?? String(Math.random()).slice(2);
  navigator.sendBeacon("/api/vitals", JSON.stringify({ id: page, name, value }));
};

/** Vitals tells how fast and how still the page was. It names the look at the page, not the visitor. */
export function Vitals() {
  useReportWebVitals(send);
  return null;
}
