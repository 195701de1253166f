#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Fails when clang-format would change a source. Versions differ in details, so only the one the
# sources are kept with decides: exit 77 (skipped) with another.
set -euo pipefail

version=14
root=$1
have=$(clang-format --version | sed -E 's/.*version ([0-9]+)\..*/\1/')
if [[ $have != "$version" ]]; then
  echo "clang-format $version decides about the format; this is $have"
  exit 77
fi
mapfile -d '' sources < <(
  find "$root"/{cache,conf,metrics,proxy,tests} -type f \( -name '*.h' -o -name '*.cc' \) -print0)
echo "${#sources[@]} sources"
clang-format --dry-run --Werror "${sources[@]}"
