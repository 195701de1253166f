#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes the Debian package of Entrepot for the release it runs on (Debian, Ubuntu).
#
#   deploy/package.sh [FOLDER]                 builds, and puts the package there; else to build/release
#   deploy/package.sh --built BUILD [FOLDER]   packs what is built in BUILD, and installs nothing for it
#
# Then, on the target machine: apt-get install ./FILE
set -euo pipefail
umask 022  # for the modes in the package

say() { printf '==> %s\n' "$*" >&2; }
usage() { printf 'usage: deploy/package.sh [--built BUILD] [FOLDER]\n' >&2; exit 64; }

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
built=
if [[ ${1:-} == --built ]]; then
  [[ $# -ge 2 && -f $2/CPackConfig.cmake ]] || usage
  built=$(cd "$2" && pwd)
  shift 2
fi
[[ $# -le 1 && ${1:-} != -* ]] || usage

if [[ -z $built ]]; then
  built=$root/build/release
  say 'Step 1 of 3: packages'
  "$root/deploy/packages.sh" package
  say 'Step 2 of 3: build (release; a few minutes the first time)'
  (cd "$root" && cmake --preset release -DENTREPOT_TESTS=OFF >&2)
  cmake --build "$built" --target packaging >&2
  say 'Step 3 of 3: pack'
fi

mkdir -p "${1:-$built}"
folder=$(cd "${1:-$built}" && pwd)
work=$(mktemp -d "$folder/.package.XXXXXX")
trap 'rm -rf "$work"' EXIT
(cd "$built" && cpack -G DEB -B "$work" >&2)
package=$(basename "$work"/entrepot_*.deb)
mv -f "$work/$package" "$folder/"
say "Install it: apt-get install $folder/$package"
