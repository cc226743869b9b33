import path from "node:path";
import type { NextConfig } from "next";

const version = process.env.APP_VERSION ?? "v1";
const deployment = process.env.NEXT_DEPLOYMENT_ID ?? `dpl-${version.replaceAll(".", "-")}`;

const config: NextConfig = {
  output: "standalone",
  // Next puts the id into every asset address (?dpl=) and navigation header (x-deployment-id), so that a proxy can
  // send a page's follow-up requests to the build that rendered the page.
  deploymentId: deployment,
  // Written into the build, in server and browser code alike: a finished build can't be relabeled when it is started.
  env: { APP_VERSION: version, APP_DEPLOYMENT: deployment },
  poweredByHeader: false,
  outputFileTracingRoot: path.resolve("."),
  turbopack: { root: path.resolve(".") },
  // HTML carries no deployment header of Next's own, and whoever checks what a port really serves needs one.
  headers: async () => [
    {
      source: "/:path*",
      headers: [
        { key: "x-app-version", value: version },
        { key: "x-app-deployment", value: deployment },
      ],
    },
  ],
};

export default config;
