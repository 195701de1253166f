#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# skopeo 1.9: a copy by tag changes the digest of an image with an uncompressed layer.
# Expected: a copy from registry to registry without an option about compression keeps the bytes.
#   skopeo-copy(1) names the destinations dir: (--dest-compress, "default is same compression type as
#   source") and oci: (compressed by default) as those with an own rule, and none for docker:.
# Seen: the layer of type application/vnd.oci.image.layer.v1.tar is gzipped, the manifest is written
#   again, and the tag has another digest at the destination. The same image copied by digest
#   (docker://REPOSITORY@sha256:...) keeps its bytes; so do images whose layers are compressed.
# Affected: teams that promote images between two registries with skopeo: signatures and pins by
#   digest of the first registry do not hold at the second.
# For a mirror: two endpoints of one upstream can rightly have different digests under one tag, so a
#   blob that one of them names can be absent from the other. Entrepot asks the other endpoints when
#   one of them has no such digest.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib/packages.sh"
. "$(dirname "$0")/lib/registry.sh"

version=1.9.3+ds1-1+b10 registry_version=2.8.2+ds1-1
packages "skopeo=$version" "docker-registry=$registry_version" curl
start_registry "{filesystem: {rootdirectory: $work/registry}}"

head -c 10240 /dev/zero >"$work/tar"
gzip -n <"$work/tar" >"$work/tar.gz"
diff_id=$(digest_of "$work/tar")
push_image plain 1 amd64 "$work/tar" application/vnd.oci.image.layer.v1.tar
plain=$(digest_of "$manifest")
push_image gzip 1 amd64 "$work/tar.gz" application/vnd.oci.image.layer.v1.tar+gzip
gzip=$(digest_of "$manifest")

# copied FROM TO DIGEST: prints whether TO:1 has the digest, and its layer's type.
copied() {
  local type
  skopeo --insecure-policy copy -q --src-tls-verify=false --dest-tls-verify=false \
    "docker://$registry/$1" "docker://$registry/$2:1" >"$work/skopeo.log" 2>&1 || fail "$(<"$work/skopeo.log")"
  curl -sS -H "Accept: $oci_manifest" -o "$work/copy" "http://$registry/v2/$2/manifests/1"
  type=$(grep -o '"application/vnd.oci.image.layer[^"]*' "$work/copy")
  [ "$(digest_of "$work/copy")" = "$3" ] && printf 'same digest' || printf 'other digest'
  printf ' (%s)' "${type##*.}"
}
seen="by tag: $(copied plain:1 by-tag "$plain"), by digest: $(copied "plain@$plain" by-digest "$plain")"
seen+=", gzip layer by tag: $(copied gzip:1 by-tag-gzip "$gzip")"

conclude "skopeo $version, docker-registry $registry_version" \
  "by tag: same digest (tar), by digest: same digest (tar), gzip layer by tag: same digest (tar+gzip)" "$seen" \
  "by tag: other digest (tar+gzip), by digest: same digest (tar), gzip layer by tag: same digest (tar+gzip)"
