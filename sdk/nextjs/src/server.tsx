// For server components, route handlers and server actions.

import { cookies, headers } from "next/headers.js";
import type { ReactNode } from "react";
import type { Flags } from "./client.js";
import type { Context, Json, Served } from "./evaluate.js";
import { slipwayFlags } from "./index.js";
import { type Live, SlipwayProvider } from "./react.js";
import { contextOf } from "./visitor.js";

/** visitorContext is the context of this request's visitor, with what else is known of them. */
export async function visitorContext(more: Context = {}): Promise<Context> {
  return { ...contextOf(await headers(), await cookies()), ...more };
}

/** flagDetails returns what a flag is for this request's visitor, and why. */
export async function flagDetails<T extends Json>(
  name: string,
  fallback: T,
  context?: Context,
  flags: Flags = slipwayFlags(),
): Promise<Served<T>> {
  return flags.details(name, fallback, await visitorContext(context));
}

/** flagValue returns what a flag is for this request's visitor. */
export async function flagValue<T extends Json>(name: string, fallback: T, context?: Context): Promise<T> {
  return (await flagDetails(name, fallback, context)).value;
}

/** ServerFlag shows its children while a boolean flag is true; what is not shown does not leave the server. */
export async function ServerFlag(props: { name: string; fallback?: ReactNode; children: ReactNode }) {
  return (await flagValue<boolean>(props.name, false)) ? props.children : (props.fallback ?? null);
}

type PageProps = { context?: Context; live?: Omit<Live, "context">; children: ReactNode };

/** SlipwayFlags evaluates for this request the flags that pages may see and gives them to the components below it. */
export async function SlipwayFlags({ context, live, children }: PageProps) {
  const who = await visitorContext(context);
  const flags = await slipwayFlags().forPage(who);
  return (
    <SlipwayProvider flags={flags} live={live && { ...live, context: who }}>
      {children}
    </SlipwayProvider>
  );
}
