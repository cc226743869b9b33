#!/usr/bin/env bash
# Compiles lib/ and its tests and runs them with coverage: a summary on the screen, .build/unit/lcov.info for machines.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
rm -rf .build/unit
npx tsc -p tests/unit/tsconfig.json
node --enable-source-maps --test --experimental-test-coverage \
  --test-reporter=spec --test-reporter-destination=stdout \
  --test-reporter=lcov --test-reporter-destination=.build/unit/lcov.info \
  .build/unit/tests/unit/*.test.js
