#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Counts the instructions of a request by function: a small hit, a range of a stored blob, a hit by
# tag, a small miss or a miss of 16 MiB.
#
#   tests/bench/profile.sh PATH [--functions N]                 counts in user space, by callgrind
#   tests/bench/profile.sh --perf PID [SECONDS]                 samples of a running process, by perf
#
# PATH: hit, range, tag, miss, large-miss.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

if [[ ${1:-} == --perf ]]; then
  [[ $# -ge 2 && $# -le 3 ]] || { printf 'usage: profile.sh --perf PID [SECONDS]\n' >&2; exit 64; }
  data=$(mktemp -d "${TMPDIR:-/tmp}/entrepot-perf.XXXXXX")/perf.data
  perf record --quiet -g -p "$2" -o "$data" -- sleep "${3:-10}"
  perf report -i "$data" --stdio --no-children -g none --percent-limit 0.5
  printf 'more: perf report -i %s\n' "$data"
  exit
fi
if [[ -z ${ENTREPOT_BINARY:-} ]]; then
  "$root/deploy/packages.sh" bench
  [[ -f $root/build/release/CMakeCache.txt ]] ||
    (cd "$root" && cmake --preset release -DENTREPOT_TESTS=OFF >&2)
  cmake --build "$root/build/release" --target entrepot >&2
  export ENTREPOT_BINARY=$root/build/release/entrepot
fi
exec /usr/bin/python3 -B "$root/tests/bench/profile.py" "$@"
