"use client";

// What browsers measure, for Slipway: web vitals by themselves, and what else the application tells.

import { useReportWebVitals } from "next/web-vitals.js";
import { useMemo } from "react";
import { Beacons, type Measured } from "./beacons.js";

type Props = {
  /** Where `vitalsRoute` answers; /api/vitals where nothing is said. */
  path?: string;
  /** Next's id of the build (`deploymentId`); known where nothing is said. */
  deployment?: string;
};

const open = new Map<string, Beacons>();

function beacons({ path = "/api/vitals", deployment = process.env.NEXT_DEPLOYMENT_ID || "" }: Props): Beacons {
  const key = `${path}\n${deployment}`;
  const had = open.get(key) ?? new Beacons(path, deployment);
  open.set(key, had);
  return had;
}

/** SlipwayVitals tells LCP, INP, CLS, FCP and TTFB of every page below it: once, in the root layout. */
export function SlipwayVitals({ path, deployment }: Props) {
  // The same function for as long as the page is open: Next would listen again for another one.
  const told = useMemo(() => (m: Measured) => beacons({ path, deployment }).vital(m), [path, deployment]);
  useReportWebVitals(told);
  return null;
}

/** tell tells one value of a custom metric that the route allows: `tell("conversion", 1)`. Slipway counts a visitor
 * once for each metric; with an `id` of its own (8 to 64 letters, digits, - or _), each visit or order. */
export function tell(metric: string, value: number, { id, ...to }: Props & { id?: string } = {}): void {
  beacons(to).tell(metric, value, id);
}
