#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Follows the README in a bare Debian: deploy/quickstart.sh with nothing installed, an answer from
# the started mirror, and the same again. As root; some minutes and 3 GiB.
#
#   tests/deploy/bare_root.sh [suite…]      bookworm and trixie, unless told otherwise
#
# Packages come from the mirror this system uses. The script tests the commit, not uncommitted
# files.
set -euo pipefail

say() { printf '==> %s\n' "$*" >&2; }
fail() { printf 'bare_root.sh: %s\n' "$*" >&2; exit 1; }

source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
root='' served=''
mounted=()

clean_up() {
  local place
  if [[ -n $served ]]; then kill "$served" 2>/dev/null && wait "$served" || true; fi
  for place in "${mounted[@]}"; do umount -l "$place"; done
  if [[ -n $root ]]; then rm -rf --one-file-system "$root"; fi
  root='' served='' mounted=()
}

bootstrap() {
  local suite=$1 from=$2
  debootstrap --variant=minbase "$suite" "$root" "$from" >"$root.log" 2>&1 ||
    fail "debootstrap $suite failed: $(tail -3 "$root.log")"
  rm -f "$root.log"
  local security="${from%/}-security"
  printf 'deb %s %s main\ndeb %s %s-security main\n' "$from" "$suite" "$security" "$suite" \
    >"$root/etc/apt/sources.list"
  "$source_dir/deploy/release/apt_settings.sh" >"$root/etc/apt/apt.conf.d/90of-the-host"
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  git clone -q "$source_dir" "$root/src"
  local place
  for place in proc dev sys; do
    mount --rbind "/$place" "$root/$place"
    mount --make-rslave "$root/$place"
    mounted+=("$root/$place")
  done
}

# quickstart <port>: runs quickstart until the mirror answers, then ends the mirror by SIGTERM.
quickstart() {
  local port=$1 waited
  chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root /src/deploy/quickstart.sh \
    -s "listen=[{\"address\":\"127.0.0.1:$port\"}]" -s admin=null &
  served=$!
  for ((waited = 0; waited < 3600; waited++)); do
    if [[ $(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port/v2/") == 200 ]]; then
      kill "$served"
      wait "$served" || fail "it ended with $? after SIGTERM"
      served=''
      return
    fi
    kill -0 "$served" 2>/dev/null || fail 'quickstart.sh ended before it served'
    sleep 1
  done
  fail 'nothing answered within an hour'
}

free_port() {
  python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

try_suite() {
  local suite=$1 begun
  root=$(mktemp -d "${TMPDIR:-/var/tmp}/bare-$suite.XXXXXX")
  chmod 755 "$root"
  say "$suite: a bare system in $root"
  bootstrap "$suite" "$("$source_dir/deploy/release/debian_mirror.sh")"
  begun=$SECONDS
  quickstart "$(free_port)"
  say "$suite: served after $((SECONDS - begun)) s"
  begun=$SECONDS
  quickstart "$(free_port)"
  say "$suite: served again after $((SECONDS - begun)) s"
  clean_up
}

[[ $EUID -eq 0 ]] || fail 'run it as root: it makes a system to change root into'
[[ -n $(mirror) ]] || fail 'no Debian mirror is named in /etc/apt'
command -v debootstrap >/dev/null || fail 'debootstrap is missing; run deploy/packages.sh test'
trap clean_up EXIT
[[ $# -gt 0 ]] || set -- bookworm trixie
for suite in "$@"; do try_suite "$suite"; done
say 'All of it works'
