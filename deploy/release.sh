#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes all files of a release from a commit. The same commit and the same packages of the systems give the
# same bits.
#
#   deploy/release.sh [OPTION]… TAG|HEAD
#
#   --suites LIST     of bookworm (Debian 12), trixie (Debian 13), noble (Ubuntu 24.04); all of them by default
#   --archs LIST      of amd64, arm64; both by default. Another one than this machine's is cross built
#   --output FOLDER   gets the files, and must be empty or absent; build/release-files by default
#   --sign KEYID      a key of gpg, which signs the repository and SHA256SUMS; without it nothing is signed
#   --cache FOLDER    keeps the systems that it builds in, 2 GB each; build/release-systems by default
#   --fresh           makes these systems again, with the packages of today: do so for each release. Not for the
#                     repetition of a failed run: what it has built of this commit stays in the cache
#   --built BUILD     packs what BUILD holds for this system, and builds nothing (used by the tests)
#
# As root, but for --built. Debian's packages come from ENTREPOT_DEBIAN_MIRROR, or from the archive in this machine's
# /etc/apt; those of Ubuntu from ENTREPOT_UBUNTU_MIRROR and ENTREPOT_UBUNTU_PORTS_MIRROR (arm64). debootstrap checks
# Ubuntu by the keys in ENTREPOT_UBUNTU_KEYRING; Debian 12 has no package of them (docs/release.md).
# CMAKE_BUILD_PARALLEL_LEVEL bounds the compilers, 1 GiB of memory each. Needs the packages of
# `deploy/packages.sh release`.
set -euo pipefail
umask 022
export LC_ALL=C.UTF-8 TZ=UTC

say() { printf '==> %s\n' "$*" >&2; }
fail() { printf 'release.sh: %s\n' "$*" >&2; exit 1; }
usage() { sed -n '6,15s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 64; }

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
suites=bookworm,trixie,noble archs=amd64,arm64 key='' built='' fresh=false ref=''
output=$root/build/release-files cache=$root/build/release-systems
while [[ $# -gt 0 ]]; do
  case $1 in
    --fresh) fresh=true; shift; continue ;;
    --*) [[ $# -ge 2 && -n $2 ]] || usage ;;
  esac
  case $1 in
    --suites) suites=$2 ;;
    --archs) archs=$2 ;;
    --output) output=$2 ;;
    --sign) key=$2 ;;
    --cache) cache=$2 ;;
    --built) built=$2 ;;
    -*) usage ;;
    *) [[ -z $ref ]] || usage; ref=$1; shift; continue ;;
  esac
  shift 2
done
[[ -n $ref ]] || usage

# shellcheck source=deploy/release/systems.sh
. "$root/deploy/release/systems.sh"

# --- The commit and the arguments.

commit=$(git -C "$root" rev-parse --quiet --verify "$ref^{commit}") || fail "$ref is no commit of $root"
SOURCE_DATE_EPOCH=$(git -C "$root" log -1 --format=%ct "$commit")
export SOURCE_DATE_EPOCH
version=$(git -C "$root" show "$commit:CMakeLists.txt" | sed -nE 's/^project\(entrepot VERSION ([0-9.]+).*/\1/p')
[[ $ref == HEAD || $ref == "v$version" ]] ||
  fail "$ref has the version $version: its tag is v$version (deploy/set_version.sh changes the version)"

[[ -z $built || -f $built/CPackConfig.cmake ]] || fail "$built is no build folder of Entrepot"
for suite in ${suites//,/ }; do known_suite "$suite" || fail "--suites: $suite is none of bookworm, trixie, noble"; done
for arch in ${archs//,/ }; do
  [[ $arch == amd64 || $arch == arm64 ]] || fail "--archs: $arch is neither amd64 nor arm64"
done
[[ -z $key ]] || gpg --batch --list-secret-keys "$key" >/dev/null 2>&1 || fail "--sign: gpg has no secret key $key"
[[ ! -e $output || -z $(ls -A "$output") ]] || fail "$output is not empty"

[[ -n $built || $EUID -eq 0 ]] || fail 'run it as root: it makes systems to change root into'
check_tools
if [[ -z $built ]]; then
  for suite in ${suites//,/ }; do check_keys "$suite"; done
  find_mirrors "$suites" "$archs"
  for suite in ${suites//,/ }; do check_mirrors "$suite" "${archs//,/ }"; done
fi

# Below one folder with unfinished names: a release that fails leaves no file that looks complete.
mkdir -p "$output"
output=$(cd "$output" && pwd)
work=$output/.unfinished
mkdir "$work" "$work/out"
packed=()  # <suite>-<arch>, each a folder in $work/parts
# Called by the trap.
# shellcheck disable=SC2317,SC2329
clean_up() {
  local result=$?
  rm -rf --one-file-system "$work"
  if [[ $result -ne 0 && -z $built && ${#packed[@]} -gt 0 ]]; then
    say "Built and kept in $cache: ${packed[*]}. The same command without --fresh goes on from there"
  fi
}
trap clean_up EXIT
sources=$root
if [[ -z $built ]]; then
  sources=$work/sources
  mkdir "$sources"
  git -C "$root" archive "$commit" | tar -x -C "$sources"
fi
parts=$sources/deploy/release

# --- Packages, and what the image holds: for each suite and architecture.

if [[ -n $built ]]; then
  packed=("$(suite_of_this_system)-$(dpkg --print-architecture)")
  "$parts/pack.sh" "$built" "$work/parts/${packed[0]}"
else
  mkdir -p "$cache"
  cache=$(cd "$cache" && pwd)
  for suite in ${suites//,/ }; do
    for arch in ${archs//,/ }; do
      say "$suite, $arch"
      build_in_system "$suite" "$arch"
      packed+=("$suite-$arch")
    done
  done
fi

# --- The files.

name=entrepot-$version
out=$work/out
say 'Packages and their repository'
packages=()
for one in "${packed[@]}"; do packages+=("$work/parts/$one"/entrepot_*.deb); done
cp --preserve=timestamps "${packages[@]}" "$out/"
"$parts/repository.sh" "$out/repository" "$key" "${packages[@]}"

say 'Image, archives with all libraries, lists of contents'
# They come from the first system, the oldest one: newer ones run what is built there.
images=()
for one in "${packed[@]}"; do
  arch=${one##*-}
  python3 -B "$parts/sbom.py" "$work/parts/$one" "$version" "$out/${name}_$one.spdx.json"
  [[ $one == "${packed[0]%-*}-$arch" ]] || continue
  images+=("$arch=$work/parts/$one/root")
  python3 -B "$parts/tarball.py" "$work/parts/$one" "$name-linux-$arch" "$out/$name-linux-$arch.tar.gz"
done
python3 -B "$parts/image.py" "$sources/deploy/Dockerfile" "$commit" "$out/$name-image.tar" "${images[@]}"

say 'Chart, sources, notes, checksums'
python3 -B "$parts/chart.py" "$sources" "$version" "$out/$name-chart.tgz"
git -C "$root" archive --prefix="$name/" "$commit" | gzip -9n >"$out/$name.tar.gz"
python3 -B "$parts/notes.py" "$sources/CHANGELOG.md" "$version" "$ref" >"$out/NOTES.md"
(cd "$out" && find . -type f ! -path './repository/*' ! -name SHA256SUMS -printf '%P\0' | sort -z |
  xargs -0 sha256sum >SHA256SUMS)
if [[ -n $key ]]; then
  gpg --batch --yes --local-user "$key" --armor --detach-sign --output "$out/SHA256SUMS.asc" "$out/SHA256SUMS"
fi
mv "$out"/* "$output/"
if [[ -z $built ]]; then forget_built "${packed[@]}"; fi
say "$output has the release of $ref, commit ${commit::12}:"
(cd "$output" && find . -maxdepth 1 -type f -printf '    %P\t%s bytes\n' | sort | expand -t 60 >&2)
[[ -n $key ]] || say 'Nothing is signed (--sign KEYID)'
