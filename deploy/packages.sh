#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages Entrepot needs, where they are missing.
#
#   deploy/packages.sh build     to build and run it
#   deploy/packages.sh package   those, and the tools that make a Debian package
#   deploy/packages.sh test      all those, and the packages of the tests (engines, registries, tools)
#   deploy/packages.sh bench     all those, and the packages of tests/bench/profile.sh
#   deploy/packages.sh release   the packages of deploy/release.sh
#   deploy/packages.sh cross ARCH   as "package", but with libraries of ARCH, its compiler and an emulator
#
# Works as root or through sudo. If all packages are installed, it does not call apt-get.
set -euo pipefail
export LC_ALL=C.UTF-8  # the answers of apt are read

# A line names one thing; alternatives are separated by |, the first that the system knows is
# taken. Names differ: llhttp is a library of its own on newer systems and sources within
# node-llhttp on Debian 12; the docker command is a package of its own from Debian 13 on.
# "clang-runtime" stands for the sanitizers and the fuzzer of the version that "clang" means.
build_packages=(
  'ca-certificates' 'ccache' 'cmake' 'g++' 'ninja-build' 'pkg-config|pkgconf'
  'libcli11-dev' 'libcrypt-dev' 'libcurl4-openssl-dev' 'libevent-dev' 'libllhttp-dev|node-llhttp'
  'libre2-dev' 'librocksdb-dev' 'libspdlog-dev' 'libssl-dev' 'libtomlplusplus-dev' 'libyaml-cpp-dev'
  'nlohmann-json3-dev' 'prometheus-cpp-dev|libprometheus-cpp-dev'
)
package_packages=('dpkg-dev' 'file' 'gzip')
# Without the packages that a build needs: deploy/release/systems.sh installs them in systems of their own.
release_packages=('apt-utils' 'debootstrap' 'dpkg-dev' 'git' 'gnupg' 'gzip' 'patchelf' 'python3' 'util-linux')
test_packages=(
  'clang' 'clang-format' 'clang-tidy' 'clang-runtime'
  'libgmock-dev' 'libgtest-dev'
  'python3' 'python3-cryptography' 'python3-jsonschema' 'python3-kubernetes' 'python3-pytest' 'python3-yaml'
  'apt-utils' 'busybox-static' 'containerd' 'curl' 'debootstrap' 'docker-registry' 'docker.io'
  'docker-cli|docker.io' 'docker-compose-v2|docker-compose' 'e2fsprogs' 'faketime' 'git' 'gnupg'
  'golang-github-masterminds-sprig-dev' 'golang-go' 'golang-k8s-sigs-yaml-dev|golang-sigs.k8s-yaml-dev' 'haproxy'
  'iproute2'
  'kubernetes-client|kubectl' 'libnginx-mod-stream' 'mandoc' 'mount' 'nginx-light|nginx' 'openssl' 'patchelf' 'podman' 'prometheus'
  'rocksdb-tools' 'runc' 'skopeo' 'strace' 'systemd' 'systemd-container' 'umoci' 'util-linux' 'varnish'
  'wrk' 'xfsprogs'
)
bench_packages=('linux-perf|linux-tools-generic' 'valgrind')

say() { printf '==> %s\n' "$*" >&2; }
fail() { printf 'packages.sh: %s\n' "$*" >&2; exit 1; }

usage() { printf 'usage: %s build|package|test|bench|release, or cross ARCH\n' "$0" >&2; exit 64; }

installed() {
  [[ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" == installed ]]
}

# The package behind a name of the lists above.
real_name() {
  if [[ $1 != clang-runtime ]]; then
    printf '%s\n' "$1"
  elif [[ "$(dpkg-query -W -f='${Depends}' clang 2>/dev/null || true)
          $(apt-cache depends clang 2>/dev/null || true)" =~ clang-([0-9]+) ]]; then
    printf 'libclang-rt-%s-dev\n' "${BASH_REMATCH[1]}"
  else
    printf 'clang\n'
  fi
}

# The alternatives of a name. A cross build wants the libraries of the other architecture; those that are for
# all architectures belong to this one.
cross=
alternatives() {
  local name
  for name in ${1//|/ }; do
    if [[ -n $cross && $name == lib*-dev || -n $cross && $name == *-cpp-dev ]]; then printf '%s\n' "$name:$cross"; fi
    printf '%s\n' "$name"
  done
}

# True when one of the alternatives is installed.
satisfied() {
  local name
  for name in $(alternatives "$1"); do
    if installed "$(real_name "$name")"; then return 0; fi
  done
  return 1
}

# The first alternative that apt could install.
choose() {
  local name
  for name in $(alternatives "$1"); do
    name=$(real_name "$name")
    if [[ "$(apt-cache policy "$name" 2>/dev/null)" =~ Candidate:\ [^\(] ]]; then
      printf '%s\n' "$name"
      return 0
    fi
  done
  return 1
}

as_root() {
  if [[ $EUID -eq 0 ]]; then "$@"; else sudo "$@"; fi
}

# Debian starts the services of a package when it installs it. The tests start their own engines on
# their own directories, so no service may run beside them: policy-rc.d refuses while apt works.
policy=/usr/sbin/policy-rc.d
policy_is_ours=false
forbid_services() {
  if [[ ! -e $policy ]]; then
    printf '#!/bin/sh\n# Made by deploy/packages.sh; removed when it ends.\nexit 101\n' |
      as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
    policy_is_ours=true
  fi
}
# Called by the trap.
# shellcheck disable=SC2317,SC2329
allow_services() {
  if $policy_is_ours; then as_root rm -f "$policy"; fi
}

# Debian 12 as it came out has a libevent whose HTTP and buffer code is known to be exploitable
# (CVE-2026-63379 and others, mended in deb12u1). Other systems number their fixes differently.
check_libevent() {
  local floor=2.1.12-stable-8+deb12u1 version
  version=$(dpkg-query -W -f='${Version}' libevent-2.1-7 2>/dev/null) || return 0
  [[ $version == 2.1.12-stable-8* ]] && dpkg --compare-versions "$version" lt "$floor" || return 0
  if [[ $(apt-cache madison libevent-2.1-7) == *"$floor"* ]]; then
    say "libevent $version has known holes; updating it"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 install -q -y \
      --only-upgrade libevent-dev 'libevent-*2.1-7'
    return
  fi
  fail "libevent $version has known holes, mended in $floor; add the security archive of Debian 12 to /etc/apt/sources.list, or update the package by hand"
}

main() {
  if [[ $# -eq 2 && $1 == cross ]]; then cross=$2; else [[ $# -eq 1 ]] || usage; fi
  local wanted
  case $1 in
    build) wanted=("${build_packages[@]}") ;;
    package) wanted=("${build_packages[@]}" "${package_packages[@]}") ;;
    test) wanted=("${build_packages[@]}" "${package_packages[@]}" "${test_packages[@]}") ;;
    bench)
      wanted=("${build_packages[@]}" "${package_packages[@]}" "${test_packages[@]}"
        "${bench_packages[@]}")
      ;;
    release) wanted=("${release_packages[@]}") ;;
    cross)
      wanted=("${build_packages[@]}" "${package_packages[@]}" "crossbuild-essential-$cross"
        'qemu-user')  # qemu-user-static would register itself with the kernel of this machine
      ;;
    *) usage ;;
  esac
  command -v apt-get >/dev/null ||
    fail "this script knows apt only; install these by other means: ${wanted[*]}"

  local missing=() group
  for group in "${wanted[@]}"; do
    satisfied "$group" || missing+=("$group")
  done
  if [[ ${#missing[@]} -eq 0 ]]; then
    check_libevent
    say "All ${#wanted[@]} packages are installed"
    return
  fi
  if [[ $EUID -ne 0 ]] && ! command -v sudo >/dev/null; then
    fail "run it as root, or install sudo; missing: ${missing[*]}"
  fi

  say "Missing packages: ${missing[*]}; updating the package lists"
  as_root apt-get -o DPkg::Lock::Timeout=600 update -q
  local names=() name
  for group in "${missing[@]}"; do
    name=$(choose "$group") || fail "the package lists of this system have none of: ${group//|/, }"
    names+=("$name")
  done

  say "Installing ${#names[@]} packages: ${names[*]}"
  trap allow_services EXIT
  forbid_services
  as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
    apt-get -o DPkg::Lock::Timeout=600 install -q -y --no-install-recommends "${names[@]}"
  check_libevent
  say "Packages installed"
}

main "$@"
