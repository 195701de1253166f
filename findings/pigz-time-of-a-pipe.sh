#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# pigz 2.6: what comes from a pipe is stamped with the present time.
# Expected: `tar c DIR | pigz` makes the same bytes each time, as `tar c DIR | gzip` does: RFC 1952
#   2.3.1 ("MTIME = 0 means no time stamp is available") fits input without a file, and pigz says
#   that it "does what gzip does" (--help); pigz(1) speaks of the modification time of files.
# Seen: the header of the output holds the present second. Two runs a second apart differ in MTIME
#   and so in every digest; gzip does not. With -n the bytes are the same, for any number of threads.
# Affected: builders that make layers by tar and pigz. A nightly build without any change is a
#   layer of a new digest, which each client and each mirror fetches and stores as a new one.
# For a mirror: equal content is no reason for equal digests, and a layer must be kept bit for bit:
#   compressing it again never gives the digest back. Entrepot keeps the bytes it received.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib/packages.sh"

version=2.6-1
packages "pigz=$version"

seq 200000 >"$work/content"
layer() { tar c --mtime=@0 --owner=0 --group=0 -C "$work" content | "$@" | sha256sum | cut -c1-64; }
commands=(pigz gzip "pigz -n -p 1" "pigz -n -p 2")
declare -A first
# shellcheck disable=SC2086
for command in "${commands[@]}"; do first[$command]=$(layer $command); done
sleep 1.1
seen="a second later:"
# shellcheck disable=SC2086
for command in "${commands[@]}"; do
  [ "$(layer $command)" = "${first[$command]}" ] && verdict=same || verdict=other
  seen+=" $command $verdict,"
done
[ "${first[pigz -n -p 1]}" = "${first[pigz -n -p 2]}" ] && verdict=same || verdict=other
seen+=" one thread and two: $verdict"
tar c -C "$work" content | pigz >"$work/layer.gz"
time=$(od -An -tu4 -j4 -N4 "$work/layer.gz" | tr -d " ")
echo "time in the header: $time; now: $(date +%s)"

conclude "pigz $version" \
  "a second later: pigz same, gzip same, pigz -n -p 1 same, pigz -n -p 2 same, one thread and two: same" "$seen" \
  "a second later: pigz other, gzip same, pigz -n -p 1 same, pigz -n -p 2 same, one thread and two: same"
