#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Ceph RGW 16.2: in a versioned bucket, PUT with If-None-Match: * replaces an existing object.
# Expected: 412, as in a bucket without versions. S3's PutObject: "Uploads the object only if the
#   object key name does not already exist in the bucket specified"; its guide on conditional writes
#   says for versioned buckets that the request fails if there is a current version of the name.
# Seen: 412 without versioning. Once the bucket has versions the same request answers 200 each time,
#   and readers get the second writer's bytes.
# Affected: caches and locks in S3 that let one of several nodes win by creating a key. They are
#   tested in a plain bucket; an operator turns versions on later, and every node wins.
# For a mirror: test the bucket that is used at each start, by two PUTs of one probe key, and rest
#   correctness on keys that are digests, where a second write brings the same bytes. Entrepot has no
#   S3 tier yet.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib/packages.sh"
. "$(dirname "$0")/lib/gateway.sh"

packages "${gateway_packages[@]}"
start_gateway

echo first >"$work/first"
echo second >"$work/second"
# create KEY: both writers in turn create it; prints their answers and whose bytes are read then.
create() {
  printf '%s ' "$(s3_status -T "$work/first" -H 'If-None-Match: *' "http://$gateway/bucket/$1")"
  printf '%s ' "$(s3_status -T "$work/second" -H 'If-None-Match: *' "http://$gateway/bucket/$1")"
  s3 "http://$gateway/bucket/$1"
}
plain=$(create one)
cat >"$work/versions" <<'XML'
<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Enabled</Status></VersioningConfiguration>
XML
status=$(s3_status -X PUT -H 'Content-Type: application/xml' --data-binary "@$work/versions" \
  "http://$gateway/bucket?versioning=")
[ "$status" = 200 ] || fail "the gateway does not turn versions on"

conclude "radosgw $gateway_version" \
  "plain bucket: 200 412 first, with versions: 200 412 first" \
  "plain bucket: $plain, with versions: $(create two)" \
  "plain bucket: 200 412 first, with versions: 200 200 second"
