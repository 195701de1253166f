#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Real engines of Debian's newest suite pull through the built binary: cold, warm and with the registry
# stopped, over HTTP, HTTPS with a private authority, with a login and with a client certificate. Prints
# the table of docs/engines.md. The suite moves, so no test of the build runs this. As root; 6 GiB.
#
#   tests/clients/current.sh DIRECTORY [--suite SUITE] [--update] [ENGINE…]
#
# DIRECTORY keeps the system of the engines and the images between runs; remove it by hand. --update
# brings the packages up to date. Without ENGINE, all run: tests/clients/current.sh DIRECTORY --list.
# Packages come from the mirror that apt of this system uses. Engines and registry run in a network of
# their own, which has no way out. ENTREPOT_BINARY names another binary than build/release/entrepot.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tools=(ca-certificates crun dbus-bin dbus-daemon dbus-session-bus-common fuse-overlayfs gnupg iproute2 iptables
  jq nftables openssl runc squashfs-tools squashfuse umoci)
engines=(docker.io docker-cli docker-buildx containerd nerdctl podman skopeo buildah crane oras cosign notation
  apptainer charliecloud flatpak ostree incus incus-base lxc)

say() { printf '==> %s\n' "$*" >&2; }
fail() { printf 'current.sh: %s\n' "$*" >&2; exit 1; }
usage() {
  printf 'usage: %s DIRECTORY [--suite SUITE] [--update] [--list] [ENGINE…]\n' "$0" >&2
  exit 64
}

# in_root COMMAND…: runs it in the system of the engines. Its mounts end with it.
in_root() {
  unshare --mount --pid --fork --kill-child bash -euc '
    for place in dev sys; do mount --rbind "/$place" "$0/$place"; done
    mount -t proc proc "$0/proc"
    exec chroot "$0" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
      DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 "$@"' "$root" "$@"
}

make_root() {
  local from
  from=$("$here/../../deploy/release/debian_mirror.sh")
  command -v debootstrap >/dev/null || fail 'debootstrap is missing; run deploy/packages.sh test'
  say "$suite: a new system in $root"
  rm -rf --one-file-system "$root.new"
  debootstrap --variant=minbase "$suite" "$root.new" "$from" >"$root.log" 2>&1 ||
    fail "debootstrap $suite failed; $root.log has its output: $(tail -3 "$root.log")"
  "$here/../../deploy/release/apt_settings.sh" >"$root.new/etc/apt/apt.conf.d/90of-the-host"
  # No service may run beside the engines of the matrix.
  printf '#!/bin/sh\nexit 101\n' >"$root.new/usr/sbin/policy-rc.d"
  chmod 755 "$root.new/usr/sbin/policy-rc.d"
  printf 'force-unsafe-io\n' >"$root.new/etc/dpkg/dpkg.cfg.d/unsafe-io"
  mv "$root.new" "$root"
}

# install_packages: those that the suite has; an engine without its package is a row that says so.
install_packages() {
  local names
  say "$suite: packages"
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  in_root apt-get update -q >"$root.log" 2>&1 || fail "apt-get update failed; see $root.log"
  mapfile -t names < <(in_root apt-cache policy "${tools[@]}" "${engines[@]}" |
    awk '/^[^ ]/ { name = $1 } /Candidate:/ && $2 != "(none)" { sub(/:$/, "", name); print name }')
  in_root apt-get install -q -y --no-install-recommends "${names[@]}" >>"$root.log" 2>&1 ||
    fail "apt-get install failed; see $root.log: $(tail -3 "$root.log")"
  in_root apt-get -q -y upgrade >>"$root.log" 2>&1 || fail "apt-get upgrade failed; see $root.log"
  in_root apt-get clean
  touch "$root.ready"
}

[[ $# -ge 1 && $1 != -* ]] || usage
directory=$1 suite=sid update=false chosen=()
shift
while [[ $# -gt 0 ]]; do
  case $1 in
    --suite) suite=${2:-}; [[ -n $suite ]] || usage; shift ;;
    --update) update=true ;;
    --list) exec python3 -B "$here/current" --list ;;
    -*) usage ;;
    *) chosen+=("$1") ;;
  esac
  shift
done
[[ $EUID -eq 0 ]] || fail 'run it as root: it makes a system to change root into'
mkdir -p "$directory"
directory=$(cd "$directory" && pwd)
root=$directory/$suite
export ENTREPOT_BINARY=${ENTREPOT_BINARY:-$here/../../build/release/entrepot}
[[ -x $ENTREPOT_BINARY ]] || fail "$ENTREPOT_BINARY does not exist; build it or set ENTREPOT_BINARY"

exec 9>"$directory/lock"
flock 9
[[ -d $root ]] || make_root
if $update || [[ ! -e $root.ready ]]; then install_packages; fi
say 'images'
python3 -B "$here/current" --images "$directory"
say "$suite: engines"
# All processes and mounts of the matrix end with it.
exec unshare --mount --net --ipc --pid --fork --kill-child --mount-proc \
  python3 -B "$here/current" "$directory" "$root" ${chosen[@]+"${chosen[@]}"}
