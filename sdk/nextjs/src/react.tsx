"use client";

// Flags in components. The values were evaluated on the server for this request: the first paint is right, and
// nothing is asked for. With a public key the page may follow changes afterwards.

import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from "react";
import { readBulk } from "./client.js";
import { type Context, type Json, kindOf, type Served } from "./evaluate.js";

/** Live says how a page follows changes: with a public key, never a server key. */
export type Live = { url: string; publicKey: string; context: Context; poll?: number };

type Page = { flags: Record<string, Served>; exposed: (key: string, variant: string | undefined) => void };

const Values = createContext<Page>({ flags: {}, exposed: () => {} });

type ProviderProps = { flags: Record<string, Served>; live?: Live; children: ReactNode };

/** SlipwayProvider gives the components below it what the server evaluated. */
export function SlipwayProvider({ flags, live, children }: ProviderProps) {
  const [newer, setNewer] = useState<{ of: Record<string, Served>; flags: Record<string, Served> }>();
  const settings = live && JSON.stringify(live);
  useEffect(
    () => (settings ? follow(JSON.parse(settings), (got) => setNewer({ of: flags, flags: got })) : undefined),
    [settings, flags],
  );
  const exposed = useMemo(() => exposures(settings ? JSON.parse(settings) : undefined), [settings]);
  // What the server says in a later answer is newer than what was asked for before it.
  const now = newer && newer.of === flags ? newer.flags : flags;
  const page = useMemo(() => ({ flags: now, exposed }), [now, exposed]);
  return <Values.Provider value={page}>{children}</Values.Provider>;
}

/** useFlagDetails returns what a flag is here, and why. */
export function useFlagDetails<T extends Json>(name: string, fallback: T): Served<T> {
  const { flags, exposed } = useContext(Values);
  const got = Object.hasOwn(flags, name) ? flags[name] : undefined;
  const variant = got?.variant;
  const there = got !== undefined;
  useEffect(() => {
    if (there) exposed(name, variant);
  }, [there, exposed, name, variant]);
  if (!got || got.value === undefined) return { value: fallback, reason: "DEFAULT" };
  if (kindOf(got.value) !== kindOf(fallback)) return { value: fallback, reason: "ERROR", errorCode: "TYPE_MISMATCH" };
  return got as Served<T>;
}

/** useFlag returns a flag's value, and the fallback when it is off, unknown or of another type. */
export function useFlag(name: string, fallback: boolean): boolean;
export function useFlag(name: string, fallback: string): string;
export function useFlag(name: string, fallback: number): number;
export function useFlag<T extends Json>(name: string, fallback: T): T;
export function useFlag(name: string, fallback: Json): Json {
  return useFlagDetails(name, fallback).value;
}

type FlagProps = { name: string; fallback?: ReactNode; children: ReactNode };

/** Flag shows its children while a boolean flag is true, and the fallback otherwise. */
export function Flag({ name, fallback = null, children }: FlagProps) {
  return useFlag(name, false) ? children : fallback;
}

/** FlagOff shows its children while a boolean flag is not true. */
export function FlagOff({ name, children }: { name: string; children: ReactNode }) {
  return useFlag(name, false) ? null : children;
}

/** Variant shows its children while a flag has this value. `value` may be the name of the variant, too. */
export function Variant({ name, value, children }: { name: string; value: Json; children: ReactNode }) {
  const got = useFlagDetails<Json>(name, value);
  if (got.reason === "DEFAULT" || got.errorCode) return null;
  return got.value === value || got.variant === value ? children : null;
}

type Streams = { eventStreams?: { url?: string; endpoint?: { origin?: string; requestUri: string } }[] };

/** follow asks for the flags again when Slipway says so, when the page is looked at again, and where there is no stream
 * at an interval. It returns what ends it. */
export function follow(live: Live, got: (flags: Record<string, Served>) => void): () => void {
  const end = new AbortController();
  let etag: string | null = null;
  let stream: EventSource | undefined;
  const ask = async (): Promise<void> => {
    try {
      const res = await fetch(`${live.url}/ofrep/v1/evaluate/flags`, {
        method: "POST",
        signal: end.signal,
        body: JSON.stringify({ context: live.context }),
        headers: {
          "content-type": "application/json",
          authorization: `Bearer ${live.publicKey}`,
          ...(etag ? { "if-none-match": etag } : {}),
        },
      });
      if (res.status !== 200) return;
      etag = res.headers.get("etag");
      const body = (await res.json()) as Streams;
      got(readBulk(body));
      const s = body.eventStreams?.[0];
      const address = s?.url ?? (s?.endpoint && (s.endpoint.origin ?? live.url) + s.endpoint.requestUri);
      if (address && !stream && typeof EventSource !== "undefined" && !end.signal.aborted) {
        stream = new EventSource(address);
        stream.onmessage = again;
      }
    } catch {
      // The last values stay.
    }
  };
  const again = () => void ask();
  const seen = () => {
    if (document.visibilityState === "visible") again();
  };
  // EventSource gives up for good when it is refused, so there is always an interval behind it.
  const timer = setInterval(again, live.poll ?? 30_000);
  document.addEventListener("visibilitychange", seen);
  again();
  return () => {
    end.abort();
    stream?.close();
    clearInterval(timer);
    document.removeEventListener("visibilitychange", seen);
  };
}

/** exposures tells, once a page, which variants were shown. */
function exposures(live: Live | undefined): Page["exposed"] {
  const told = new Set<string>();
  let items: { flag: string; variant: string; exposures: number }[] = [];
  return (flag, variant = "") => {
    if (!live || told.has(`${flag}\n${variant}`)) return;
    told.add(`${flag}\n${variant}`);
    items.push({ flag, variant, exposures: 1 });
    if (items.length > 1) return;
    setTimeout(() => {
      const body = JSON.stringify({ items });
      items = [];
      fetch(`${live.url}/flags/v1/usage`, {
        method: "POST",
        keepalive: true,
        body,
        headers: { "content-type": "application/json", authorization: `Bearer ${live.publicKey}` },
      }).catch(() => {});
    }, 1000);
  };
}
