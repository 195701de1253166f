# SPDX-License-Identifier: Apache-2.0
# Sourced by deploy/release.sh: the systems in which packages are built, one for each suite and architecture,
# made by debootstrap. Each is of this machine's architecture; one for another has the libraries of the other
# beside its own, a cross compiler and an emulator.
# shellcheck shell=bash disable=SC2154  # variables of release.sh

ubuntu=${ENTREPOT_UBUNTU_MIRROR:-}
ports=${ENTREPOT_UBUNTU_PORTS_MIRROR:-}
ubuntu_keyring=${ENTREPOT_UBUNTU_KEYRING:-/usr/share/keyrings/ubuntu-archive-keyring.gpg}

known_suite() { [[ $1 == bookworm || $1 == trixie || $1 == noble ]]; }

suite_of_this_system() { (. /etc/os-release && printf '%s\n' "$VERSION_CODENAME"); }

sources_list() {  # <suite> <architectures>
  local pocket
  if [[ $1 != noble ]]; then
    printf 'deb %s\n' "$debian $1 main" "$debian $1-updates main" "${debian%/}-security $1-security main"
    return
  fi
  for pocket in noble noble-updates noble-security; do
    printf 'deb [arch=amd64] %s %s main universe\n' "$ubuntu" "$pocket"
    [[ $2 != *arm64* ]] || printf 'deb [arch=arm64] %s %s main universe\n' "$ports" "$pocket"
  done
}

# --- Checks before anything is built.

check_tools() {
  local tool missing=() tools=(apt-ftparchive dpkg-deb git gzip patchelf python3)
  [[ -n $built ]] || tools+=(apt-config chroot debootstrap unshare wget)
  [[ -z $key ]] || tools+=(gpg)
  for tool in "${tools[@]}"; do command -v "$tool" >/dev/null || missing+=("$tool"); done
  [[ ${#missing[@]} -eq 0 ]] || fail "${missing[*]}: no such command; run deploy/packages.sh release"
}

check_keys() {  # <suite>
  [[ $1 != noble || -r $ubuntu_keyring ]] ||
    fail "$ubuntu_keyring is missing: name a file with the keys of Ubuntu in ENTREPOT_UBUNTU_KEYRING (docs/release.md says where to get it), or leave noble out of --suites"
}

# find_mirrors <suites> <architectures>: sets $debian, and stops where the environment has to name another archive.
find_mirrors() {
  debian=$("$root/deploy/release/debian_mirror.sh")
  [[ $1 == *noble* ]] || return 0
  [[ -n $ubuntu ]] || fail "name Ubuntu's archive in ENTREPOT_UBUNTU_MIRROR, or leave noble out of --suites"
  [[ -n $ports || $2 != *arm64* ]] ||
    fail "name Ubuntu's archive of arm64 in ENTREPOT_UBUNTU_PORTS_MIRROR, or leave noble or arm64 out"
}

# check_mirrors <suite> <architectures>: each address of sources_list, as apt reaches it, and debootstrap's, which
# wget fetches with proxies of the environment.
check_mirrors() {
  local own url suite file reason mirror=$debian said
  own=$(dpkg --print-architecture)
  said=$(mktemp -d)
  while read -r url suite; do
    file=${url%/}/dists/$suite/InRelease
    /usr/lib/apt/apt-helper -oAcquire::Retries=1 download-file "$file" "$said/InRelease" >"$said/log" 2>&1 ||
      { reason=$(tail -2 "$said/log"); rm -rf "$said"; fail_mirror "apt cannot get $file: $reason"; }
    rm -f "$said/InRelease"
  done < <(sources_list "$1" "$own $2" | sed -E 's/^deb (\[[^]]*\] )?(\S+) (\S+) .*/\2 \3/')
  rm -rf "$said"
  [[ $1 != noble ]] || mirror=$ubuntu
  file=${mirror%/}/dists/$1/InRelease
  [[ $mirror != http* ]] || wget -q --tries=2 --timeout=30 -O /dev/null "$file" ||
    fail_mirror "wget, which debootstrap uses, cannot get $file"
}

fail_mirror() {
  fail "$1. ENTREPOT_DEBIAN_MIRROR, ENTREPOT_UBUNTU_MIRROR and ENTREPOT_UBUNTU_PORTS_MIRROR name mirrors; apt has its proxies in /etc/apt/apt.conf.d, wget in http_proxy and https_proxy"
}

# --- The systems.

# inside <system> <command>…: with /proc and /dev in a mount namespace of its own, which ends with the command.
inside() {
  # shellcheck disable=SC2016
  unshare --mount --propagation private -- bash -c '
    mount --rbind /proc "$0/proc" && mount --rbind /dev "$0/dev" && exec chroot "$0" /usr/bin/env -i \
      PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TZ=UTC DEBIAN_FRONTEND=noninteractive \
      SOURCE_DATE_EPOCH="$SOURCE_DATE_EPOCH" ${CMAKE_BUILD_PARALLEL_LEVEL:+"CMAKE_BUILD_PARALLEL_LEVEL=$CMAKE_BUILD_PARALLEL_LEVEL"} \
      "$@"' "$@"
}

make_system() {  # <suite> <arch> <folder>
  local suite=$1 arch=$2 system=$3 own mirror=$debian
  own=$(dpkg --print-architecture)
  local options=(--variant=minbase --arch="$own")
  if [[ $suite == noble ]]; then
    mirror=$ubuntu
    options+=(--keyring="$ubuntu_keyring" --components=main,universe)
  fi
  # An older debootstrap has no script for a newer Ubuntu; all of them are alike.
  local script=()
  [[ -e /usr/share/debootstrap/scripts/$suite ]] || script=(/usr/share/debootstrap/scripts/gutsy)
  rm -rf --one-file-system "$system"
  say "A system of $suite for $arch in $system"
  debootstrap "${options[@]}" "$suite" "$system" "$mirror" "${script[@]}" >"$system.log" 2>&1 ||
    fail "debootstrap $suite failed: $(tail -3 "$system.log")"
  rm -f "$system.log" "$system/etc/apt/sources.list.d"/*
  sources_list "$suite" "$own $arch" >"$system/etc/apt/sources.list"
  "$root/deploy/release/apt_settings.sh" >"$system/etc/apt/apt.conf.d/90of-the-host"
  cp /etc/resolv.conf "$system/etc/resolv.conf"
  printf 'force-unsafe-io\n' >"$system/etc/dpkg/dpkg.cfg.d/unsafe-io"
  cp "$sources/deploy/packages.sh" "$system/opt/"
  if [[ $arch != "$own" ]]; then inside "$system" dpkg --add-architecture "$arch"; fi
  inside "$system" apt-get update -q >&2
  inside "$system" apt-get full-upgrade -q -y >&2
  if [[ $arch == "$own" ]]; then
    inside "$system" /opt/packages.sh package >&2
  else
    inside "$system" /opt/packages.sh cross "$arch" >&2
  fi
  inside "$system" apt-get clean
}

# build_in_system <suite> <arch>: the results are in $work/parts/<suite>-<arch>. The cache keeps them until the release
# is complete, so that the next run of the commit does not build again what this one has built before it failed.
build_in_system() {
  local system=$cache/$1-$2 recipe
  recipe=$(printf '%s\n' "$1 $2" "$debian $ubuntu $ports" |
    cat - "$sources/deploy/packages.sh" "$sources/deploy/release/systems.sh" | sha256sum)
  if $fresh || [[ "$(cat "$system.done" 2>/dev/null)" != "$recipe" ]]; then
    rm -rf "$system.done" "$system.built"
    make_system "$1" "$2" "$system"
    printf '%s\n' "$recipe" >"$system.done"
  fi
  if [[ "$(cat "$system.built/of" 2>/dev/null)" != "$commit $recipe" ]]; then
    rm -rf --one-file-system "$system/src" "$system/out" "$system.built"
    cp -r "$sources" "$system/src"
    inside "$system" /src/deploy/release/build.sh "$2" "$commit" /out >&2
    rm -rf --one-file-system "$system/src"
    mkdir "$system.built"
    mv "$system/out" "$system.built/parts"
    printf '%s\n' "$commit $recipe" >"$system.built/of"
  else
    say "It is built: a run that failed has kept it"
  fi
  mkdir -p "$work/parts"
  cp -a "$system.built/parts" "$work/parts/$1-$2"
}

forget_built() {  # <suite>-<arch>…
  local one
  for one; do rm -rf --one-file-system "$cache/$one.built"; done
}
