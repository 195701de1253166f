#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs clang-tidy (.clang-tidy) over the sources and fails when it has something to say.
#
#   tests/tidy.sh BUILD [FILE…]
#
# BUILD: a configured build folder of clang, such as build/asan; all sources without FILEs.
# TIDY_CHECKS adds to the checks configured. The analyzer doubles the time: CI leaves it out with
# TIDY_CHECKS=-clang-analyzer-*.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=$1
shift
if [[ $# -eq 0 ]]; then
  mapfile -d '' files < <(find cache conf metrics proxy -name '*.cc' -print0 | sort -z)
  set -- "${files[@]}"
fi
echo "clang-tidy over $# sources"
# A source that has nothing wrong still prints how many warnings of foreign headers were left out.
printf '%s\0' "$@" |
  xargs -0 -P "$(nproc)" -n 4 clang-tidy -p "$build" --quiet --checks="${TIDY_CHECKS:-}" 2>&1 |
  { grep -v '^[0-9]* warnings generated\.$' || true; }
