// What this build is. The names are replaced by their values when the shop is built (next.config.ts), so a build
// always tells the truth about itself, whatever environment it is started in.

export const version: string = process.env.APP_VERSION ?? "v1";
export const deployment: string = process.env.APP_DEPLOYMENT ?? `dpl-${version.replaceAll(".", "-")}`;

/** second is true for the second edition of the shop, with or without its faults. */
export const second: boolean = /^v2\b/.test(version);
