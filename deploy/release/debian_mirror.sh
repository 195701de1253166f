#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Prints the Debian archive that apt of this machine is configured with: ENTREPOT_DEBIAN_MIRROR, or the first one that
# /etc/apt names.
set -euo pipefail

mirror=${ENTREPOT_DEBIAN_MIRROR:-}
if [[ -z $mirror ]]; then
  mirror=$({ grep -rhoE '^(deb |URIs:).*' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null || true; } |
    { grep -oE 'https?://[^ ]*/debian/?( |$)' || true; } | head -1 | tr -d ' ')
fi
[[ -n $mirror ]] || {
  echo 'debian_mirror.sh: no Debian archive is named in /etc/apt; name one in ENTREPOT_DEBIAN_MIRROR' >&2
  exit 1
}
printf '%s\n' "${mirror%/}"
