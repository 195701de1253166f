# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Pinned Debian packages in a temporary folder, and the frame of a finding. Source it.
#
# $work is a temporary folder. At the end of the script it is removed, and each process whose id is
# in $pids is stopped. Nothing is installed into the system.

set -euo pipefail

work=$(mktemp -d "${TMPDIR:-/tmp}/finding.XXXXXX")
root=$work/root
pids=()
apt_options=(-o APT::Sandbox::User=root -o Acquire::Retries=2)
mkdir -p "$root" "$work/debs" "$work/home"

# The jobs are disowned, so that the shell does not report how they ended.
finish() {
  local pid
  disown -a 2>/dev/null || true
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do
    for _ in {1..30}; do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true
  done
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
  echo "FAIL: $*" >&2
  exit 1
}

# resolve NAME[=VERSION]...: prints them and what they need beyond this system, each as NAME=VERSION.
resolve() {
  local plan
  plan=$(apt-get -s -qq "${apt_options[@]}" --no-install-recommends --allow-downgrades install "$@" 2>&1) || {
    echo "$plan" >"$work/apt.log"
    return 1
  }
  printf '%s\n' "$@"
  sed -nE 's/^Inst ([^ ]+) (\[[^]]*\] )?\(([^ ]+) .*/\1=\3/p' <<<"$plan" | grep -Ev "^(${skip:-none})=" || true
}

# packages NAME=VERSION...: unpacks them into $root with what they need beyond this system, and puts
# them first on PATH. A NAME without version is a tool of the script; the system's own one is used
# where it has one. $skip is a pattern of the names of dependencies that the finding can do without.
packages() {
  local wanted=() package
  for package; do
    [[ $package == *=* ]] || ! command -v "$package" >/dev/null || continue
    wanted+=("$package")
  done
  if ! resolve "${wanted[@]}" >"$work/debs/list"; then
    # The system's package lists are absent or old: this script reads its own.
    mkdir -p "$work/lists/partial"
    apt_options+=(-o "Dir::State::lists=$work/lists" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=)
    apt-get -qq "${apt_options[@]}" update >"$work/apt.log" 2>&1 || true
    resolve "${wanted[@]}" >"$work/debs/list" ||
      fail "cannot fetch ${wanted[*]}: Debian's archive does not offer this: $(grep '^E:' "$work/apt.log" | head -n 1)"
  fi
  (cd "$work/debs" && sort -u list | xargs apt-get -qq "${apt_options[@]}" download >log 2>&1) ||
    fail "cannot fetch ${wanted[*]}: $(tail -n 1 "$work/debs/log")"
  for package in "$work"/debs/*.deb; do
    dpkg-deb --fsys-tarfile "$package" |
      tar x -C "$root" --exclude=./usr/share/doc --exclude=./usr/share/man ${exclude:+--exclude="$exclude"}
  done
  export PATH=$root/usr/sbin:$root/usr/bin:$PATH
  export LD_LIBRARY_PATH=$root/usr/lib/x86_64-linux-gnu:$root/lib/x86_64-linux-gnu
  export HOME=$work/home
  unset AWS_CA_BUNDLE http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY all_proxy
}

# A port on which nothing listens now.
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  echo "$port"
}

# wait_for SECONDS COMMAND...: until the command succeeds.
wait_for() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.1
  done
}

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# conclude SOFTWARE EXPECTED SEEN RECORDED: succeeds when what is seen is what the finding records.
conclude() {
  printf 'software: %s\nexpected: %s\nseen:     %s\n' "$1" "$2" "$3"
  [ "$3" = "$4" ] || fail "the behaviour is no longer as recorded: $4"
  echo "as recorded"
}
