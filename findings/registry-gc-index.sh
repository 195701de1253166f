#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# docker-registry 2.8: garbage-collect --delete-untagged empties a tagged multi-platform image.
# Expected: the platform manifests of an index stay as long as a tag leads to the index. The help
#   says "delete manifests that are not currently referenced via tag", and the OCI image
#   specification makes the index the one entry to its manifests ("Image Index", "manifests").
# Seen: a platform manifest without a tag of its own counts as not referenced. It and its layers are
#   deleted, the tag and the index stay: the tag resolves, and each of its platforms is a 404.
# Affected: clients that pull such a tag from a private registry after its nightly clean-up.
# For a mirror: a tag that was just confirmed says nothing about its platforms; what the mirror holds
#   by digest is then the last copy, and a 404 for a manifest by digest must not remove it. Entrepot
#   serves what it stored by digest from public upstreams without asking the registry again.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib/packages.sh"
. "$(dirname "$0")/lib/registry.sh"

version=2.8.2+ds1-1
packages "docker-registry=$version" curl
start_registry "{filesystem: {rootdirectory: $work/registry}}"

children=
for architecture in amd64 arm64; do
  echo "content for $architecture" >"$work/layer.$architecture"
  push_image app digest "$architecture" "$work/layer.$architecture" application/vnd.oci.image.layer.v1.tar
  children+=$(printf ',{"mediaType":"%s","digest":"%s","size":%d,"platform":{"os":"linux","architecture":"%s"}}' \
    "$oci_manifest" "$(digest_of "$manifest")" "$(stat -c %s "$manifest")" "$architecture")
done
printf '{"schemaVersion":2,"mediaType":"%s","manifests":[%s]}' "$oci_index" "${children#,}" >"$work/index"
push_manifest app latest "$work/index" "$oci_index"

state() {
  local architecture
  printf 'tag %s' "$(status_of -H "Accept: $oci_index" "http://$registry/v2/app/manifests/latest")"
  for architecture in amd64 arm64; do
    printf ', %s manifest %s layer %s' "$architecture" \
      "$(status_of -H "Accept: $oci_manifest" "http://$registry/v2/app/manifests/$(digest_of "$work/manifest.app.$architecture.json")")" \
      "$(status_of "http://$registry/v2/app/blobs/$(digest_of "$work/layer.$architecture")")"
  done
}
expected='tag 200, amd64 manifest 200 layer 200, arm64 manifest 200 layer 200'
[ "$(state)" = "$expected" ] || fail "before the clean-up: $(state)"
docker-registry garbage-collect --delete-untagged "$work/registry.yml" >"$work/collect.log" 2>&1 ||
  fail "garbage-collect: $(tail -n 1 "$work/collect.log")"

conclude "docker-registry $version" "$expected" "$(state)" \
  'tag 200, amd64 manifest 404 layer 404, arm64 manifest 404 layer 404'
