// In the browser: what a page measured, told to the application's own server. No cookie, no storage, no script of its
// own: a policy of connect-src 'self' is enough, and no other origin is asked.

type Value = { name: string; value: number; id?: string };

/** Measured is what Next tells of a web vital. */
export type Measured = { id: string; name: string; value: number };

const vitals = ["LCP", "INP", "CLS", "FCP", "TTFB"];
const most = 20; // values of one beacon, as the server takes it
const wait = 5000; // ms that a page gathers before it tells

/** Beacons gathers the values of one page, and tells them after a while and when the page is left. */
export class Beacons {
  readonly #address: string;
  readonly #page = id();
  readonly #told = new Set<string>();
  #waiting: Value[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #leaving = false;

  /** The build that served the page goes along twice: in the address, so that a proxy or a platform has that build
   * answer, and in the beacon, so that another one does not take the values for its own. */
  constructor(
    path: string,
    readonly deployment: string,
  ) {
    this.#address = deployment ? `${path}?dpl=${encodeURIComponent(deployment)}` : path;
    // The first and the last to hear that the page is hidden: what web vitals become then goes together.
    addEventListener("visibilitychange", () => this.#hidden(true), true);
    addEventListener("visibilitychange", () => this.#hidden(false));
    addEventListener("pagehide", () => this.flush());
  }

  #hidden(before: boolean): void {
    this.#leaving = before && document.visibilityState === "hidden";
    if (!before && document.visibilityState === "hidden") this.flush();
  }

  /** vital takes one of Next's measures, each once: what a page has become when it is first left is its number. */
  vital({ id, name, value }: Measured): void {
    if (!vitals.includes(name) || this.#told.has(id) || this.#told.size >= 1000) return;
    this.#told.add(id);
    this.tell(name, value);
  }

  tell(name: string, value: number, id?: string): void {
    if (!Number.isFinite(value)) return;
    this.#waiting.push(id === undefined ? { name, value } : { name, value, id });
    const hidden = document.visibilityState === "hidden" && !this.#leaving;
    if (hidden || this.#waiting.length >= most) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), wait);
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const values = this.#waiting.splice(0, most);
    if (values.length === 0) return;
    const body = JSON.stringify({ id: this.#page, deployment: this.deployment, values });
    if (navigator.sendBeacon?.(this.#address, body)) return;
    const headers = { "content-type": "text/plain" };
    fetch(this.#address, { method: "POST", body, headers, keepalive: true }).catch(() => {}); // lost: the page goes on
  }
}

/** id is a name that says nothing of whom it is of. Pages without TLS have no randomUUID. */
export function id(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(16).padStart(2, "0")).join("");
}
