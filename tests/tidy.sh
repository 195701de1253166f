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
checks=${TIDY_CHECKS:-}
if [[ $# -eq 0 ]]; then
  # Checks the files that the build compiles, so that headers are parsed once for each file of a
  # unity build; such a file includes sources by design.
  checks+=${checks:+,}-bugprone-suspicious-include
  mapfile -d '' files < <(python3 - "$build/compile_commands.json" <<'EOF'
import json
import re
import sys
for entry in json.load(open(sys.argv[1], encoding="utf-8")):
    if re.search(r"(^|/)(cache|conf|metrics|proxy)/(.*/)?[^/]+\.(cc|cxx)$", entry["file"]) \
            and "/tests/" not in entry["file"]:
        print(entry["file"], end="\0")
EOF
  )
  [[ ${#files[@]} -gt 0 ]] || { echo "no sources in $build/compile_commands.json" >&2; exit 1; }
  set -- "${files[@]}"
fi
echo "clang-tidy over $# files"
# A source that has nothing wrong still prints how many warnings of foreign headers were left out.
printf '%s\0' "$@" |
  xargs -0 -P "$(nproc)" -n 1 clang-tidy -p "$build" --quiet --checks="$checks" 2>&1 |
  { grep -v '^[0-9]* warnings generated\.$' || true; }
