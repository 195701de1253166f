#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Run by deploy/release.sh in a system of its own: builds the sources around it and packs the result.
#
#   build.sh ARCH COMMIT FOLDER
set -euo pipefail
umask 022

[[ $# -eq 3 ]] || { printf 'usage: %s ARCH COMMIT FOLDER\n' "$0" >&2; exit 64; }
arch=$1 commit=$2 folder=$3
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

arguments=(-DENTREPOT_TESTS=OFF -DENTREPOT_COMMIT="${commit::12}")
emulator=()
if [[ $arch != "$(dpkg --print-architecture)" ]]; then
  # DEB_HOST_GNU_TYPE and others, for cross.cmake and for dpkg-shlibdeps.
  while read -r line; do export "${line?}"; done < <(dpkg-architecture --host-arch "$arch" --list)
  # The libraries of the other architecture are in this system, at their usual places.
  emulator=("$(command -v "qemu-$DEB_HOST_GNU_CPU")")
  arguments+=(-DCMAKE_TOOLCHAIN_FILE=deploy/release/cross.cmake "-DCMAKE_CROSSCOMPILING_EMULATOR=${emulator[0]}")
  export PKG_CONFIG_LIBDIR=/usr/lib/$DEB_HOST_MULTIARCH/pkgconfig:/usr/share/pkgconfig
fi
cmake --preset release "${arguments[@]}"
cmake --build build/release --target packaging
deploy/release/pack.sh build/release "$folder" "${emulator[@]}"
