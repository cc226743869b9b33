// What was served is counted here and told now and then, so that Slipway sees which variants are used.

/** Item is what became of one variant; an empty variant is the fallback. */
export type Item = { flag: string; variant: string; evaluations: number; exposures: number; errors: number };

const mostItems = 1000; // of one report, as the server takes it

export class Usage {
  #counts = new Map<string, Item>();

  add(flag: string, variant: string | undefined, what: "evaluations" | "exposures" | "errors", count = 1): void {
    const key = `${flag}\n${variant ?? ""}`;
    let item = this.#counts.get(key);
    if (!item) {
      if (this.#counts.size >= mostItems) return; // the keys come from code: so many are a mistake
      item = { flag, variant: variant ?? "", evaluations: 0, exposures: 0, errors: 0 };
      this.#counts.set(key, item);
    }
    item[what] += count;
  }

  take(): Item[] {
    const out = [...this.#counts.values()];
    this.#counts.clear();
    return out;
  }

  /** back puts items there again whose report did not arrive. */
  back(items: Item[]): void {
    for (const item of items) {
      for (const what of ["evaluations", "exposures", "errors"] as const) {
        if (item[what] > 0) this.add(item.flag, item.variant, what, item[what]);
      }
    }
  }
}
