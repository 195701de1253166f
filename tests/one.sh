#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds what one test needs, and nothing else, and runs that test.
#
#   tests/one.sh TEST [arguments]
#
#   tests/one.sh eviction_test                     a file below tests/unit, by its name without .cc
#   tests/one.sh flight/via_test                   … with its folder, if several have that name
#   tests/one.sh eviction_test --gtest_repeat=100  arguments go to GoogleTest …
#   tests/one.sh test_tags -k moved                … or to pytest, for a file in Python
#
# ENTREPOT_PRESET names another build than "debug": release, asan, tsan. Packages are installed once,
# when there is no such build yet.
set -euo pipefail

say() { printf '==> %s\n' "$*" >&2; }
fail() { printf 'one.sh: %s\n' "$*" >&2; exit 64; }

[[ $# -ge 1 && $1 != -* ]] || fail 'usage: tests/one.sh TEST [arguments]'
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
preset=${ENTREPOT_PRESET:-debug}
build=$root/build/$preset
name=${1%.*}
shift

mapfile -t files < <(find "$root/tests" -path "$root/tests/unit/*" -path "*/$name.cc" -o -path "*/$name.py" -name 'test_*' | sort)
[[ ${#files[@]} -ne 0 ]] || fail "no test is named $name; look with: find tests -name '*$name*'"
[[ ${#files[@]} -eq 1 ]] || fail "several tests are named $name, give the folder: ${files[*]#"$root"/tests/}"
file=${files[0]}

if [[ ! -e $build/build.ninja ]]; then
  "$root/deploy/packages.sh" test
  (cd "$root" && cmake --preset "$preset" >&2)
fi

if [[ $file == *.py ]]; then
  say "Building entrepot ($preset)"
  cmake --build "$build" --target entrepot >&2
  say "Running ${file#"$root"/}"
  export ENTREPOT_BINARY=$build/entrepot ENTREPOT_BUILD_DIR=$build
  python=python3
  if [[ -x /usr/bin/python3 ]]; then python=/usr/bin/python3; fi
  exec "$python" -B -m pytest -q -p no:cacheprovider "$file" "$@"
fi

# The binary of this file alone: unit_<room>.<file>, declared in the folder's CMakeLists.txt.
folder=$(dirname "$file")
while [[ ! -e $folder/CMakeLists.txt ]]; do folder=$(dirname "$folder"); done
relative=${file#"$folder"/}
declared=$(awk -v file="$relative" '
  match($0, /entrepot_unit_test\([a-z_]+/) { room = substr($0, RSTART + 19, RLENGTH - 19) }
  { for (i = 1; i <= NF; ++i) if ($i == file) { print room; exit } }' "$folder/CMakeLists.txt")
[[ -n $declared ]] || fail "${folder#"$root"/}/CMakeLists.txt does not name $relative"
target=unit_$declared.${name##*/}
say "Building $target ($preset)"
cmake --build "$build" --target "$target" >&2
say "Running ${file#"$root"/}"
exec "$build/${folder#"$root"/}/$target" "$@"
