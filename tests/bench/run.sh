#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Measures Entrepot beside nginx, varnish, distribution and the registry itself, on this machine, in one
# run, and writes docs/benchmarks.md.
#
#   tests/bench/run.sh [--quick] [--out FILE] [suite…]     as root, on a machine that does little else
#
# Suites: hits, bulk, miss, herd, ranges, wan, memory, mixed, engine; all of them without arguments.
# Some 24 minutes with the build on two cores; asks nothing, leaves nothing running. With --quick or
# with suites named the document goes to FILE, or to a directory that is told at the end.
set -euo pipefail

say() { printf '==> %s\n' "$*" >&2; }

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
if [[ $EUID -ne 0 ]]; then
  printf 'run.sh: needs root, for engines and for network namespaces\n' >&2
  exit 77
fi

if [[ -z ${ENTREPOT_BINARY:-} ]]; then
  say 'Step 1 of 3: packages'
  "$root/deploy/packages.sh" test
  say 'Step 2 of 3: build (release; a few minutes the first time)'
  if [[ ! -f $root/build/release/CMakeCache.txt ]]; then
    (cd "$root" && cmake --preset release -DENTREPOT_TESTS=OFF >&2)
  fi
  cmake --build "$root/build/release" --target entrepot >&2
  export ENTREPOT_BINARY=$root/build/release/entrepot
fi
say 'Step 3 of 3: measure'
exec /usr/bin/python3 -B "$root/tests/bench/compare.py" "$@"
