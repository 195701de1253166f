#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs the packages that Entrepot needs, builds it and serves on 127.0.0.1:5000.
#
#   deploy/quickstart.sh [--config FILE] [-s key=value]…
#
# Arguments go to `entrepot serve`. A second run repeats nothing that is done.
set -euo pipefail

say() { printf '==> %s\n' "$*" >&2; }

usage() {
  printf 'usage: deploy/quickstart.sh [--config FILE] [-s key=value]…\n' >&2
  exit 64
}

config=
arguments=()
while [[ $# -gt 0 ]]; do
  case $1 in
    --config) [[ $# -ge 2 ]] || usage; config=$2; arguments+=("$1" "$2"); shift 2 ;;
    --config=*) config=${1#--config=}; arguments+=("$1"); shift ;;
    -s) [[ $# -ge 2 ]] || usage; arguments+=("$1" "$2"); shift 2 ;;
    *) usage ;;
  esac
done
if [[ -n $config && ! -r $config ]]; then
  printf 'quickstart.sh: cannot read the configuration %s\n' "$config" >&2
  exit 78
fi

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say 'Step 1 of 3: packages'
"$root/deploy/packages.sh" build

say "Step 2 of 3: build (release; a few minutes the first time)"
(cd "$root" && cmake --preset release -DENTREPOT_TESTS=OFF >&2)
cmake --build "$root/build/release" --target entrepot >&2

say 'Step 3 of 3: serve'
point=("$root/build/release/entrepot" client-config docker --write "${arguments[@]}")
if [[ $EUID -ne 0 ]]; then point=(sudo "${point[@]}"); fi
say "Point an engine of this machine at it, from another terminal (docker, containerd or podman;"
say "without --write it is only shown):"
printf '   %s\n' "$(printf ' %q' "${point[@]}")"
say "Stop it with Ctrl-C (or: kill $$)"
exec "$root/build/release/entrepot" serve "${arguments[@]}"
