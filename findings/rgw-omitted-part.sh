#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Ceph RGW 16.2: an upload in parts cannot be completed without each part that was ever sent.
# Expected: 200, and an object of the listed parts. S3's CompleteMultipartUpload: "concatenates the parts
#   that you provide in the list"; Amazon's service drops the others (as Apache Ozone found when it aligned
#   itself with it, HDDS-2395).
# Seen: 400 InvalidPart when the list leaves out a part that the gateway has, and no object. With all parts
#   in the list the same upload succeeds.
# Affected: writers that resume an upload with parts of another size, or that send a part again under
#   another number after a doubtful failure: what Amazon takes, the gateway refuses, after the last byte.
#   There is no request that removes one part.
# For a mirror: number parts by their place in the object, so that a repeated part replaces itself, and
#   begin a new upload rather than change the layout. Entrepot has no S3 tier yet.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib/packages.sh"
. "$(dirname "$0")/lib/gateway.sh"

packages "${gateway_packages[@]}"
start_gateway

key=http://$gateway/bucket/object
head -c 5242880 /dev/zero >"$work/part"

upload=$(s3 -X POST "$key?uploads=" | sed -n 's/.*<UploadId>\(.*\)<\/UploadId>.*/\1/p')
[ -n "$upload" ] || fail "the gateway begins no upload in parts"
etags=()
for number in 1 2 3; do
  etags+=("$(s3 -D - -o "$work/answer" -T "$work/part" "$key?partNumber=$number&uploadId=$upload" |
    tr -d '\r' | sed -n 's/^[Ee][Tt]ag: //p')")
done

# complete NUMBER...: completes the upload with these parts; prints the status and the size read then.
complete() {
  local number
  {
    printf '<CompleteMultipartUpload>'
    for number; do
      printf '<Part><PartNumber>%s</PartNumber><ETag>%s</ETag></Part>' "$number" "${etags[number - 1]}"
    done
    printf '</CompleteMultipartUpload>'
  } >"$work/list"
  printf '%s ' "$(s3_status -X POST -H 'Content-Type: application/xml' --data-binary "@$work/list" \
    "$key?uploadId=$upload")"
  s3 -o "$work/object" -w '%{http_code} %{size_download}' "$key" | sed 's/^404 .*/absent/'
}
without=$(complete 1 3)
conclude "radosgw $gateway_version" \
  "parts 1 and 3 of 3: 200 200 10485760" \
  "parts 1 and 3 of 3: $without, all parts: $(complete 1 2 3)" \
  "parts 1 and 3 of 3: 400 absent, all parts: 200 200 15728640"
