#!/usr/bin/env bash
# Builds one version of the shop into a folder of its own.
#
#   ./build.sh VERSION OUTDIR        VERSION: v1, v2 or v2-faulty, or one of their numbers: v2.17
#   PORT=3001 HOSTNAME=127.0.0.1 node OUTDIR/server.js
#
# The deployment id is dpl-VERSION (dots become dashes) unless NEXT_DEPLOYMENT_ID says otherwise. A finished OUTDIR that
# was made from the same sources is left as it is. Versions may be built at the same time, each in a copy of the
# sources.
set -euo pipefail

if [ $# -ne 2 ]; then
  echo "usage: build.sh VERSION OUTDIR" >&2
  exit 2
fi
version=$1
if ! [[ $version =~ ^v[12](\.[0-9]{1,8}){0,3}(-faulty)?$ ]]; then
  echo "build.sh: unknown version '$version': use v1, v2, v2-faulty or a number of them such as v2.17" >&2
  exit 2
fi
mkdir -p "$2"
out=$(cd "$2" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")"

export APP_VERSION=$version
export NEXT_DEPLOYMENT_ID=${NEXT_DEPLOYMENT_ID:-dpl-${version//./-}}
export NEXT_TELEMETRY_DISABLED=1
export NODE_ENV=production
# For tests only: this key is public. Every version must be built with the same key, or a form of one version can't be
# answered by another; a real shop takes it from its secret store.
test_key=c2xpcHdheS1leGFtcGxlLWtleS1mb3ItdGVzdHMtMDE=
# Signs which prepared page somebody gets, and is public likewise.
export FLAGS_SECRET=${FLAGS_SECRET:-c2xpcHdheS1leGFtcGxlLWtleS1mb3ItdGVzdHMtMDE}
export NEXT_SERVER_ACTIONS_ENCRYPTION_KEY=${NEXT_SERVER_ACTIONS_ENCRYPTION_KEY:-$test_key}

hash=$(node scripts/hash-sources.mjs "$version" "$NEXT_DEPLOYMENT_ID" "$NEXT_SERVER_ACTIONS_ENCRYPTION_KEY" \
  "$FLAGS_SECRET")
mark=$out/.shop-build
if [ "$(cat "$mark" 2>/dev/null)" = "$hash" ]; then
  echo "build.sh: $version is up to date in $out"
  exit 0
fi
if [ -n "$(ls -A "$out")" ] && [ ! -e "$mark" ]; then
  echo "build.sh: $out is not empty and was not made by build.sh: choose another folder" >&2
  exit 2
fi

# Two builds that both find no modules must not install them at once: the first to make the folder does it.
mkdir -p .build
sdk=../../sdk/nextjs
installed() {
  [ node_modules/.package-lock.json -nt package-lock.json ] &&
    [ -z "$(find $sdk/src $sdk/package.json -newer node_modules/.package-lock.json -print -quit)" ]
}
if ! installed; then
  for ((waited = 0; waited < 300; waited++)); do
    mkdir .build/installing 2>/dev/null && break
    sleep 1
    if installed; then break; fi
  done
  if ! installed; then
    if [ "$waited" -eq 300 ]; then
      echo "build.sh: another build has been installing for 300 s: remove .build/installing if none is" >&2
      exit 1
    fi
    trap 'rmdir .build/installing' EXIT
    $sdk/build.sh
    NODE_ENV=development npm ci --no-audit
    rmdir .build/installing
    trap - EXIT
  fi
fi

work=$(mktemp -d "$PWD/.build/$version.XXXXXX")
trap 'rm -rf "$work"' EXIT
cp -R app assets components lib public instrumentation.ts proxy.ts next.config.ts package.json package-lock.json \
  tsconfig.json "$work/"
# Hard links cost no space; where they can't be made the modules are copied.
if ! cp -Rl node_modules "$work/" 2>/dev/null; then
  rm -rf "$work/node_modules"
  cp -R node_modules "$work/"
fi
(cd "$work" && node node_modules/next/dist/bin/next build)
cp -R "$work/.next/static" "$work/.next/standalone/.next/static"
cp -R "$work/public" "$work/.next/standalone/public"

rm -rf "$out"
mv "$work/.next/standalone" "$out"
echo "$hash" >"$mark"
echo "build.sh: $version is ready: PORT=3001 HOSTNAME=127.0.0.1 node $out/server.js"
