#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# docker-registry 2.8 on S3 (Ceph RGW 16.2): HEAD of a blob tells neither size nor digest.
# Expected: 200 with Content-Length, as on a disk. OCI distribution specification, "Checking if
#   content exists in the registry": "A HEAD request to an existing blob or manifest URL MUST return
#   200 OK", with its size. Only the bytes are worth a redirect.
# Seen: with the default settings of the S3 driver HEAD answers 307 as GET does, without length and
#   without Docker-Content-Digest. Its Location is signed for HEAD: a GET of it is refused (403), and
#   so is a HEAD of the Location that a GET got. The store's own answer has the size and no digest.
# Affected: mirrors and scanners that ask for sizes by HEAD without following, or that ask HEAD
#   once and GET the address which they were led to.
# For a mirror: follow HEAD to its end, keep no Location for another method, and take GET where HEAD
#   tells no size. Entrepot does: proxy/upstream/object_fetch.cc (lacks_size, get_instead).

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib/packages.sh"
. "$(dirname "$0")/lib/registry.sh"
. "$(dirname "$0")/lib/gateway.sh"

version=2.8.2+ds1-1
packages "docker-registry=$version" "${gateway_packages[@]}"
start_gateway
echo content >"$work/blob"

# heads: the answer to HEAD, where the blob is.
heads() {
  curl -sS -I "http://$registry/v2/app/blobs/$(digest_of "$work/blob")" | tr -d '\r' >"$work/head"
  printf '%s length %s digest %s' "$(sed -n '1s/^[^ ]* \([0-9]*\).*/\1/p' "$work/head")" \
    "$(grep -qi '^content-length: 8$' "$work/head" && echo yes || echo no)" \
    "$(grep -qi '^docker-content-digest: ' "$work/head" && echo yes || echo no)"
}
location() {
  curl -sS -D - -o /dev/null "$@" "http://$registry/v2/app/blobs/$(digest_of "$work/blob")" |
    tr -d '\r' | sed -n 's/^[Ll]ocation: //p'
}

start_registry "{filesystem: {rootdirectory: $work/registry}}"
push_blob app "$work/blob"
seen="disk: $(heads), "
start_registry "{s3: {accesskey: $access, secretkey: $secret, region: default, bucket: bucket,
  regionendpoint: \"http://$gateway\", secure: false}}"
push_blob app "$work/blob"
seen+="S3: $(heads)"
seen+=", HEAD's address: HEAD $(status_of -I "$(location -I)") GET $(status_of "$(location -I)")"
seen+=", GET's address: HEAD $(status_of -I "$(location)") GET $(status_of "$(location)")"

conclude "docker-registry $version, radosgw $gateway_version" \
  "disk: 200 length yes digest yes, S3: 200 length yes digest yes, HEAD's address: none, GET's address: GET 200" "$seen" \
  "disk: 200 length yes digest yes, S3: 307 length no digest no, HEAD's address: HEAD 200 GET 403, GET's address: HEAD 403 GET 200"
