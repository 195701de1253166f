#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Removes what the caches of nodes have left on a node.
#
#   cleanup.sh cache    everything in CACHE, unless a process uses it
#   cleanup.sh hosts    each hosts.toml in CERTS_D that nodes/hosts.sh has written
#   cleanup.sh hold     waits for SIGTERM
#
# A second run changes nothing. Needs a POSIX shell and flock, rm, rmdir and sleep.
set -eu

# The first line of our files, as in nodes/hosts.sh.
mark='# Written by Entrepot for this node, and removed when it leaves.'

say() { printf 'cleanup.sh: %s\n' "$*" >&2; }

clean_cache() {
  [ -d "${CACHE:?is not set}" ] || { say "$CACHE is not a folder"; exit 1; }
  # The process that uses the cache holds this lock.
  if [ -e "$CACHE/LOCK" ] && ! flock -n "$CACHE/LOCK" true; then
    say "$CACHE is in use: remove the caches first (kubectl delete -k deploy/kubernetes)"
    exit 75
  fi
  # The folder itself is the mount point. Names that begin with a dot belong to it, too.
  rm -rf "$CACHE"/* "$CACHE"/.[!.]* "$CACHE"/..?*
  say "$CACHE is empty"
}

clean_hosts() {
  for file in "${CERTS_D:?is not set}"/*/hosts.toml; do
    [ -f "$file" ] && [ ! -L "$file" ] || continue
    first=
    IFS= read -r first <"$file" || continue
    [ "$first" = "$mark" ] || continue
    rm -f "$file"
    rmdir "${file%/*}" 2>/dev/null || true
    say "$file removed"
  done
}

hold() {
  trap 'kill ${!:+"$!"} 2>/dev/null || true; exit 0' TERM INT
  while :; do
    sleep 86400 >/dev/null 2>&1 &
    wait "$!" || true
  done
}

case $#:${1-} in
  1:cache) clean_cache ;;
  1:hosts) clean_hosts ;;
  1:hold) hold ;;
  *) say 'usage: cleanup.sh cache|hosts|hold'; exit 64 ;;
esac
