#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Packs what is built: the package, the root of the image, and the packages whose code is in the binary.
#
#   pack.sh BUILD FOLDER [EMULATOR]      EMULATOR runs the binary, if it is for another architecture
#
# FOLDER gets entrepot_VERSION_ARCH.deb, tree/ (its files), root/ (deploy/image_root.sh) and built-in
# (lines of a package, its version, its source package and its architecture).
set -euo pipefail
umask 022

[[ $# -eq 2 || $# -eq 3 ]] || { printf 'usage: %s BUILD FOLDER [EMULATOR]\n' "$0" >&2; exit 64; }
build=$1 folder=$2 emulator=${3:-}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

mkdir -p "$folder"
"$here/../package.sh" --built "$build" "$folder"
dpkg-deb --extract "$folder"/entrepot_*.deb "$folder/tree"
binary=$folder/tree/usr/bin/entrepot

# Smoke test: libraries are found, and the shipped configurations are good.
${emulator:+"$emulator"} "$binary" version >&2
for configuration in "$folder/tree/etc/entrepot/entrepot.json" "$here/../docker/entrepot.json"; do
  # The cache is for another machine.
  ${emulator:+"$emulator"} "$binary" check --config "$configuration" -s cache.directory=/tmp/none >&2
done

"$here/../image_root.sh" "$binary" "$folder/root" ${emulator:+"$emulator"}

# Headers whose code ends in the binary, static libraries, the compiler's own. Each system has some of these.
# shellcheck disable=SC2016
{ dpkg-query --show --showformat='${db:Status-Status} ${Package} ${Version} ${source:Package} ${Architecture}\n' \
  g++ libcli11-dev nlohmann-json3-dev libspdlog-dev libtomlplusplus-dev libprometheus-cpp-dev prometheus-cpp-dev \
  node-llhttp 'libstdc++-*-dev' 2>/dev/null || true; } | sed -n 's/^installed //p' | sort -u >"$folder/built-in"
