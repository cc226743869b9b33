#!/usr/bin/env bash
# Installs what the package is built with, and builds it, where that has not been done since its sources changed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

if [ ! node_modules/.package-lock.json -nt package-lock.json ]; then
  NODE_ENV=development npm ci --no-audit
fi
if [ ! -e dist/index.js ] || [ -n "$(find src tsconfig.json package.json -newer dist/index.js -print -quit)" ]; then
  npm run --silent build
fi
