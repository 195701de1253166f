#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Writes a version into CMakeLists.txt, its one place, and into the files whose readers know no CMake:
# the image's label, the tags of the Kubernetes manifests, the commands of the documents.
#
#   deploy/set_version.sh VERSION      e.g. deploy/set_version.sh 0.2.0
set -euo pipefail

usage() { printf 'usage: deploy/set_version.sh VERSION\n' >&2; exit 64; }

[[ $# -eq 1 && $1 =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || usage
version=$1
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# replace FILE EXPRESSION…: fails where the file has no such line, so that none is forgotten.
replace() {
  local file=$1 expression
  shift
  for expression in "$@"; do
    grep -qE "${expression%%=>*}" "$file" || { printf '%s: nothing like %s\n' "$file" "${expression%%=>*}" >&2; exit 1; }
    sed -i -E "s|${expression%%=>*}|${expression#*=>}|g" "$file"
  done
}

number='[0-9]+\.[0-9]+\.[0-9]+'
replace CMakeLists.txt "(project\(entrepot VERSION )$number=>\1$version"
replace deploy/Dockerfile "(image\.version=\")$number=>\1$version"
for file in deploy/kubernetes/{,nodes/,site/}kustomization.yaml; do
  # The line behind our own image's name.
  sed -i -E "/newName: .*\/entrepot$/{n;s|(newTag: )$number|\1$version|}" "$file"
done
replace docs/install.md "([/: ]entrepot[:-])$number=>\1$version"
replace docs/install.zh-CN.md "([/: ]entrepot[:-])$number=>\1$version"
replace README.md "(This is version )$number=>\1$version"
replace README.zh-CN.md "(这是版本 )$number=>\1$version"
git --no-pager diff --stat
