#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Lays out the root of the image: the binary, what it needs to run, and nothing else. No shell, no
# package manager: nothing to log into and little to patch. Run by deploy/Dockerfile.
#
#   image_root.sh BINARY DIRECTORY [EMULATOR]
#
# EMULATOR (qemu-user) runs a binary for another architecture, whose libraries this system has beside its own.
set -euo pipefail

user=65532  # as the Dockerfile says
sources=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Sets owner[FILE], a package with its architecture, for the files given, by their names without /usr: of merged systems dpkg knows some
# by /lib and some by /usr/lib.
declare -A owner
find_owners() {
  local file names=() line
  for file in "$@"; do names+=("${file#/usr}" "/usr${file#/usr}"); done
  while read -r line; do
    if [[ $line =~ ^([a-z0-9.+-]+(:[a-z0-9]+)?):\ (.+)$ ]]; then
      file=${BASH_REMATCH[3]}
      owner[${file#/usr}]=${BASH_REMATCH[1]}
    fi
  done < <(dpkg-query --search "${names[@]}" 2>/dev/null)  # names it does not know are no failure
}

# For the licences, and for scanners, which ask this folder what is installed and how old it is.
add_package() {
  local name=${1%:*}
  mkdir -p "$root/var/lib/dpkg/status.d" "$root/usr/share/doc/$name"
  dpkg-query --status "$1" >"$root/var/lib/dpkg/status.d/$name"
  cp --dereference "/usr/share/doc/$name/copyright" "$root/usr/share/doc/$name/"
}

[[ $# -eq 2 || $# -eq 3 ]] || { printf 'usage: %s BINARY DIRECTORY [EMULATOR]\n' "$0" >&2; exit 64; }
binary=$1 root=$2 emulator=${3:-}

# Another user must be able to read the files there, whatever their modes are here.
umask 022
install -D --mode=755 "$binary" "$root/usr/bin/entrepot"
install -D --mode=644 "$sources/deploy/docker/entrepot.json" "$root/etc/entrepot/entrepot.json"
install -D --mode=644 "$sources/LICENSE" "$root/usr/share/doc/entrepot/copyright"

if [[ -z $emulator ]]; then
  needed=$(ldd "$binary")
else
  # As ldd does it, which runs the loader itself.
  needed=$("$emulator" -E LD_TRACE_LOADED_OBJECTS=1 "$binary")
fi
if [[ $needed == *'not found'* ]]; then
  printf 'image_root.sh: libraries are missing:\n%s\n' "$needed" >&2
  exit 1
fi
mapfile -t libraries < <(grep -oE '/[^ ]+' <<<"$needed")
cp --parents --dereference "${libraries[@]}" "$root"

cp --parents --dereference /etc/ssl/certs/ca-certificates.crt /etc/os-release "$root"

printf 'entrepot:x:%s:%s::/var/lib/entrepot:/usr/sbin/nologin\n' "$user" "$user" >"$root/etc/passwd"
printf 'entrepot:x:%s:\n' "$user" >"$root/etc/group"
printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"

find_owners "${libraries[@]}"
add_package ca-certificates
for library in "${libraries[@]}"; do
  name=${owner[${library#/usr}]:-}
  [[ -n $name ]] || { printf 'image_root.sh: no package has %s\n' "$library" >&2; exit 1; }
  [[ -d $root/usr/share/doc/${name%:*} ]] || add_package "$name"
done
