#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Configures the containerd of this node to ask Entrepot first, and removes that configuration.
#
#   hosts.sh write    one hosts.toml for each registry of the list; those of others are removed
#   hosts.sh remove   removes all of them; by hand, to take one node off the mirror until its pod starts again:
#                     kubectl -n entrepot-nodes exec POD -c remove-hosts -- sh /etc/entrepot/hosts.sh remove
#   hosts.sh hold     as `write`, waits for SIGTERM, then as `remove`
#
# MIRROR      the URL by which containerd reaches Entrepot
# REGISTRIES  a file with lines of a registry's name and its own URL
# CERTS_D     containerd's folder of registry hosts (its config_path)
#
# Each file keeps the registry itself as `server`: containerd goes there when Entrepot does not answer.
# Our files have a known first line. The script neither changes nor removes any other; containerd then
# pulls from that registry as its owner configured. A second run changes nothing. Needs a POSIX shell and
# cat, mkdir, mv, rm, rmdir, sleep and sync, as any image with a shell has them.
set -eu
umask 022

mark='# Written by Entrepot for this node, and removed when it leaves.'

say() { printf 'hosts.sh: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

exists() { [ -e "$1" ] || [ -L "$1" ]; }

ours() {
  [ -f "$1" ] && [ ! -L "$1" ] || return 1
  first=
  IFS= read -r first <"$1" || return 1
  [ "$first" = "$mark" ]
}

content() {  # <the registry's own URL>
  printf '%s\n' "$mark" '# Without the line above this file is yours and stays as it is.' '' \
    "server = \"$1\"" '' "[host.\"$MIRROR\"]" '  capabilities = ["pull", "resolve"]'
}

# each_registry <command>: runs the command with the name and the URL of each.
each_registry() {
  while read -r name url rest || [ -n "$name" ]; do
    case $name in '' | '#'*) continue ;; esac
    "$1" "$name" "$url" "$rest"
  done <"$REGISTRIES"
}

# The names become folders, the URLs strings in TOML.
check() {
  case $1 in .* | *[!A-Za-z0-9.:_-]*) fail "$REGISTRIES: $1 is not the name of a registry" ;; esac
  case $2 in
    *[!A-Za-z0-9.:/_-]*) fail "$REGISTRIES: $1: $2 is not a URL" ;;
    http://?* | https://?*) ;;
    *) fail "$REGISTRIES: $1 needs the URL of the registry itself" ;;
  esac
  [ -z "$3" ] || fail "$REGISTRIES: $1: what is $3?"
}

write_one() {
  folder=$CERTS_D/$1
  file=$folder/hosts.toml
  if exists "$file"; then
    if ! ours "$file"; then
      say "$file is somebody else's and stays: $1 is pulled as it says"
      return 0
    fi
    if [ "$(cat "$file")" = "$(content "$2")" ]; then return 0; fi
  fi
  # Whole or not at all, after a power cut too.
  content "$2" >"$unfinished"
  sync "$unfinished"
  mkdir -p "$folder"
  mv -f "$unfinished" "$file"
  say "$file written"
}

remove_one() {  # <folder>
  ours "$1/hosts.toml" || return 0
  rm -f "$1/hosts.toml"
  say "$1/hosts.toml removed"
  # An empty folder would hide containerd's _default; one with other files has another owner too.
  rmdir "$1" 2>/dev/null || true
}

listed() {
  found=false
  compare() { [ "$1" != "$wanted" ] || found=true; }
  wanted=$1
  each_registry compare
  $found
}

remove_all() {
  rm -f "$unfinished"
  for folder in "$CERTS_D"/*/; do remove_one "${folder%/}"; done
}

remove_unlisted() {
  for folder in "$CERTS_D"/*/; do
    folder=${folder%/}
    listed "${folder##*/}" || remove_one "$folder"
  done
}

hold() {
  # A shell handles signals when its command has ended; `wait` ends at once.
  trap 'remove_all; kill ${!:+"$!"} 2>/dev/null || true; exit 0' TERM INT
  write_all  # again if only this container was restarted
  while :; do
    sleep 86400 >/dev/null 2>&1 &
    wait "$!" || true
  done
}

write_all() {
  case ${MIRROR:?is not set} in
    *[!A-Za-z0-9.:/_-]*) fail "MIRROR: $MIRROR is not a URL" ;;
    http://?* | https://?*) ;;
    *) fail "MIRROR: $MIRROR is not a URL" ;;
  esac
  [ -r "${REGISTRIES:?is not set}" ] || fail "$REGISTRIES cannot be read"
  each_registry check  # all of them before anything is changed
  each_registry write_one
  remove_unlisted
}

[ -d "${CERTS_D:?is not set}" ] || fail "$CERTS_D is not a folder"
unfinished=$CERTS_D/.entrepot-unfinished  # no name of a registry, so containerd does not look at it
case $#:${1-} in
  1:write) write_all ;;
  1:remove) remove_all ;;
  1:hold) hold ;;
  *) say 'usage: hosts.sh write|remove|hold'; exit 64 ;;
esac
