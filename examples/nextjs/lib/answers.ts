// What the shop answered, added up the way Prometheus reads it. Pages, navigations and API calls count; files of a
// build, health checks and what machines ask for themselves do not, because they say nothing of the code that visitors
// use.

const bounds = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 2.5, 5, 10];
const pages = /^\/(?:cart|reviews|products\/[a-z]{1,20})?$/;
const silent = /^\/(?:_next\/|api\/(?:health|metrics|vitals)(?:\/|$)|favicon\.ico|icon|robots\.txt|harbor\.png)/;

/** routeOf names what was asked for, in few words that no visitor can multiply; empty when it does not count. */
export function routeOf(url: string): string {
  const path = url.split("?", 1)[0] ?? "/";
  if (silent.test(path)) return "";
  if (path.startsWith("/products/") && pages.test(path)) return "/products/[slug]";
  if (pages.test(path) || /^\/api\/(?:products|photos|stock)$/.test(path)) return path;
  return "other";
}

/** Answers counts answers by status and how long they took. */
export class Answers {
  private readonly counts = new Map<number, number>([[200, 0]]); // a counter that is there from the start has no gap
  private readonly cells = new Array<number>(bounds.length + 1).fill(0);
  private seconds = 0;

  /** note counts one answer. */
  note(status: number, seconds: number): void {
    this.counts.set(status, (this.counts.get(status) ?? 0) + 1);
    const cell = bounds.findIndex((bound) => seconds <= bound);
    const at = cell < 0 ? bounds.length : cell;
    this.cells[at] = (this.cells[at] ?? 0) + 1;
    this.seconds += seconds;
  }

  /** text writes all of it in Prometheus's format. */
  text(version: string): string {
    const lines = ["# HELP http_requests_total Requests that were answered.", "# TYPE http_requests_total counter"];
    for (const [status, count] of [...this.counts].sort(([a], [b]) => a - b)) {
      lines.push(`http_requests_total{version="${version}",status="${status}"} ${count}`);
    }
    const name = "http_request_duration_seconds";
    lines.push(`# HELP ${name} Time until an answer was complete.`, `# TYPE ${name} histogram`);
    let sum = 0;
    for (const [i, count] of this.cells.entries()) {
      sum += count;
      lines.push(`${name}_bucket{version="${version}",le="${bounds[i] ?? "+Inf"}"} ${sum}`);
    }
    lines.push(`${name}_sum{version="${version}"} ${this.seconds}`, `${name}_count{version="${version}"} ${sum}`);
    return `${lines.join("\n")}\n`;
  }
}

/** answers are those of this process: one for all bundles that Next makes. */
export function answers(): Answers {
  const here = globalThis as typeof globalThis & { shopAnswers?: Answers };
  here.shopAnswers ??= new Answers();
  return here.shopAnswers;
}
