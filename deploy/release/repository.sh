#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Lays out packages as a repository for apt, one suite for each system.
#
#   repository.sh FOLDER KEY PACKAGE…      KEY of gpg signs it; empty: it is not signed
#
# On machines: deb [signed-by=/usr/share/keyrings/entrepot.gpg] URL SUITE main; FOLDER/entrepot.gpg is that key.
set -euo pipefail
umask 022

[[ $# -ge 3 ]] || { printf 'usage: %s FOLDER KEY PACKAGE…\n' "$0" >&2; exit 64; }
folder=$1 key=$2
shift 2
date=$(date --utc --date="@${SOURCE_DATE_EPOCH:-$(date +%s)}" '+%a, %d %b %Y %H:%M:%S +0000')

declare -A architectures  # of each suite
for package; do
  case $(dpkg-deb --field "$package" Version) in
    *~debian12) suite=bookworm ;;
    *~debian13) suite=trixie ;;
    *~ubuntu24.04) suite=noble ;;
    *) printf 'repository.sh: %s is for none of the known systems\n' "$package" >&2; exit 1 ;;
  esac
  mkdir -p "$folder/pool/$suite"
  cp --preserve=timestamps "$package" "$folder/pool/$suite/"
  architectures[$suite]+=" $(dpkg-deb --field "$package" Architecture)"
done

cd "$folder"
for suite in "${!architectures[@]}"; do
  for arch in ${architectures[$suite]}; do
    lists=dists/$suite/main/binary-$arch
    mkdir -p "$lists"
    apt-ftparchive --arch "$arch" packages "pool/$suite" >"$lists/Packages"
    gzip -9nk "$lists/Packages"
  done
  options=(Origin=Entrepot Label=Entrepot "Suite=$suite" "Codename=$suite" "Components=main"
    "Architectures=${architectures[$suite]# }" 'Description=Pull-through mirror for container registries')
  apt-ftparchive "${options[@]/#/-oAPT::FTPArchive::Release::}" release "dists/$suite" |
    sed "s/^Date: .*/Date: $date/" >"dists/$suite.Release"
  mv "dists/$suite.Release" "dists/$suite/Release"
  if [[ -n $key ]]; then
    sign=(gpg --batch --yes --local-user "$key" --armor)
    "${sign[@]}" --clearsign --output "dists/$suite/InRelease" "dists/$suite/Release"
    "${sign[@]}" --detach-sign --output "dists/$suite/Release.gpg" "dists/$suite/Release"
  fi
done
[[ -z $key ]] || gpg --batch --export "$key" >entrepot.gpg
