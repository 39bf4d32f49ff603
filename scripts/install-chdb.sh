#!/usr/bin/env bash
# Installs chdb, ClickHouse as an npm package, for the tests and the benchmark of the ClickHouse sink.
set -euo pipefail

cd "$(dirname "$0")/../test/support/chdb"
if node -e 'require.resolve("chdb")' 2>/dev/null; then
  echo "chdb is installed already."
  exit 0
fi
npm install --no-audit --no-fund --no-package-lock
