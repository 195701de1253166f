#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs what the tests need, builds the release preset and runs every test.
#
#   tests/run.sh [ctest arguments]      e.g. tests/run.sh -L unit, tests/run.sh -R test_tags
#
# tests/one.sh builds and runs one test without the rest.
#
# Safe to run again. The tests with real engines (label clients) need root and are skipped without.
set -euo pipefail

say() { printf '==> %s\n' "$*" >&2; }

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
jobs=$(($(nproc) + 1))  # tests wait for timers now and then

say 'Step 1 of 3: packages'
"$root/deploy/packages.sh" test

say 'Step 2 of 3: build (release; a few minutes the first time)'
(cd "$root" && cmake --preset release -DENTREPOT_TESTS=ON)
cmake --build "$root/build/release"

say "Step 3 of 3: tests, $jobs at a time"
ctest --test-dir "$root/build/release" --output-on-failure -j "$jobs" "$@"
