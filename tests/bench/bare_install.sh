#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Measures how long a bare Debian takes from the package at hand to the first pulled image, by three commands: install,
# serve, pull. A docker-registry of this machine stands for the registry of the image.
#
#   tests/bench/bare_install.sh PACKAGE [SUITE]      as root; the bar is 60 s, downloads of dependencies included
#
# Packages come from the mirror this system uses. Needs deploy/packages.sh test. The bare system has what debootstrap's
# variant minbase installs.
set -euo pipefail

most=60
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
say() { printf '==> %s\n' "$*" >&2; }
fail() { printf 'bare_install.sh: %s\n' "$*" >&2; exit 1; }

[[ $# -eq 1 || $# -eq 2 ]] && [[ -f $1 ]] || { printf 'usage: %s PACKAGE [SUITE]\n' "$0" >&2; exit 64; }
[[ $EUID -eq 0 ]] || fail 'run it as root: it makes a system to change root into'
package=$(realpath "$1") suite=${2:-bookworm}
work=$(mktemp -d "${TMPDIR:-/var/tmp}/bare-install.XXXXXX")
system=$work/system
chmod 755 "$work"
running=()
clean_up() {
  local process
  for process in "${running[@]}"; do kill "$process" 2>/dev/null && wait "$process" || true; done
  rm -rf --one-file-system "$work"
}
trap clean_up EXIT

free_port() {
  python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# No function: a background process must have the number that clean_up kills.
# shellcheck disable=SC2016
inside=(unshare --mount --propagation private -- bash -c
  'mount --rbind /proc "$0/proc" && mount --rbind /dev "$0/dev" && exec chroot "$0" /usr/bin/env -i \
    PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive "$@"' "$system")

# wait_for <address> <status>: at most a minute.
wait_for() {
  local count
  for ((count = 0; count < 600; count++)); do
    [[ $(curl -s -o /dev/null -w '%{http_code}' "$1") != "$2" ]] || return 0
    sleep 0.1
  done
  fail "$1 does not answer"
}

mirror=$("$root/deploy/release/debian_mirror.sh")
say "A bare $suite"
debootstrap --variant=minbase "$suite" "$system" "$mirror" >"$work/log" 2>&1 || fail "$(tail -3 "$work/log")"
printf 'deb %s %s main\ndeb %s-security %s-security main\n' "$mirror" "$suite" "${mirror%/}" "$suite" \
  >"$system/etc/apt/sources.list"
"$root/deploy/release/apt_settings.sh" >"$system/etc/apt/apt.conf.d/90of-the-host"
cp /etc/resolv.conf "$system/etc/resolv.conf"
cp "$package" "$system/opt/"

say 'A registry with an image of 64 MiB'
upstream=$(free_port) port=$(free_port)
mkdir "$work/image"
head -c 64M /dev/urandom >"$work/image/data"
tar -C "$work/image" -c data | gzip -1 >"$work/layer.tar.gz"
printf '{"version":0.1,"storage":{"filesystem":{"rootdirectory":"%s"}},"http":{"addr":"127.0.0.1:%s"}}' \
  "$work/registry" "$upstream" >"$work/registry.yml"
docker-registry serve "$work/registry.yml" >"$work/registry.log" 2>&1 &
running+=("$!")
wait_for "http://127.0.0.1:$upstream/v2/" 200
umoci init --layout "$work/layout"
umoci new --image "$work/layout:first"
umoci raw add-layer --image "$work/layout:first" --tag latest "$work/layer.tar.gz"
skopeo copy --quiet --dest-tls-verify=false "oci:$work/layout:latest" "docker://127.0.0.1:$upstream/library/first:latest"

say 'First command: apt-get update && apt-get install ./entrepot_*.deb'
begun=$EPOCHREALTIME
"${inside[@]}" sh -c 'apt-get update -q && apt-get install -q -y --no-install-recommends /opt/*.deb' >"$work/log" 2>&1 ||
  fail "$(tail -5 "$work/log")"
installed=$EPOCHREALTIME
say 'Second command: entrepot serve (systemd does so where it runs)'
"${inside[@]}" entrepot serve --config /etc/entrepot/entrepot.json -s "listen=[{\"address\":\"127.0.0.1:$port\"}]" \
  -s admin=null -s cache.reserve_free=0 \
  -s "upstreams.docker.io.endpoints=[{\"url\":\"http://127.0.0.1:$upstream\"}]" >"$work/serve.log" 2>&1 &
running+=("$!")
wait_for "http://127.0.0.1:$port/v2/" 200
served=$EPOCHREALTIME
say 'Third command: skopeo copy docker://…/library/first'
skopeo copy --quiet --src-tls-verify=false "docker://127.0.0.1:$port/library/first:latest" "dir:$work/pulled"
pulled=$EPOCHREALTIME
grep -q '"GET /v2/library/first/blobs/.* 200 ' "$work/serve.log" || fail 'the pull went elsewhere'

awk -v a="$begun" -v b="$installed" -v c="$served" -v d="$pulled" -v most="$most" 'BEGIN {
  printf "installed %.1f s, served %.1f s, pulled %.1f s: %.1f s in all, bar %d s\n", b - a, c - b, d - c, d - a, most
  exit d - a > most }'
