// Who a request is from, as far as flags need to know.

type Headers = { get(name: string): string | null };
type Cookies = { get(name: string): { value: string } | undefined };

/** The edge sets this header on every request and drops a visitor's own. */
export const visitorHeader = "x-slipway-visitor";
/** The cookie by which the edge knows a visitor again. */
export const visitorCookie = "slipway_id";

/** visitorOf returns a visitor's id, or nothing. */
export function visitorOf(headers: Headers, cookies: Cookies): string | undefined {
  return headers.get(visitorHeader) || cookies.get(visitorCookie)?.value || undefined;
}

/** contextOf is the context of a visitor of whom nothing else is known. */
export function contextOf(headers: Headers, cookies: Cookies): { targetingKey?: string } {
  const targetingKey = visitorOf(headers, cookies);
  return targetingKey ? { targetingKey } : {};
}
