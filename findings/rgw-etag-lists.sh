#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Ceph RGW 16.2: If-Match and If-None-Match of a GET know neither lists nor "*".
# Expected: RFC 9110 13.1.1 and 13.1.2: the field is "*" or a list of entity tags, of which any may
#   match; If-None-Match compares weakly, so that W/ does not matter. S3's GetObject refers to RFC 7232.
# Seen: only the first tag of a list is compared. The object's tag in second place is 200 with the
#   whole body instead of 304, or 412 instead of 200; W/"tag" does not match; If-Match: * is 412 and
#   If-None-Match: * is 200 although the object exists.
# Affected: proxies in front of a gateway that hand on the conditions of their clients, and
#   clients that revalidate several stored versions at once: they get the body each time.
# For a mirror: evaluate the client's conditions itself, and send an S3 engine at most one strong tag.
#   Entrepot evaluates If-None-Match itself (proxy/registry/request/request_fields.h: lists, weak
#   tags and "*") and sends no condition upstream.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib/packages.sh"
. "$(dirname "$0")/lib/gateway.sh"

packages "${gateway_packages[@]}"
start_gateway

echo content >"$work/object"
object=http://$gateway/bucket/object
[ "$(s3_status -T "$work/object" "$object")" = 200 ] || fail "the gateway stores no object"
tag=$(s3 -I "$object" | tr -d '\r' | sed -n 's/^[Ee][Tt]ag: //p')

seen=
conditions=("N: $tag" "N: $tag, \"x\"" "N: \"x\", $tag" "N: W/$tag" "N: *" "M: $tag" "M: \"x\", $tag" "M: *")
for condition in "${conditions[@]}"; do
  name=If-Match
  [ "${condition%%:*}" = M ] || name=If-None-Match
  status=$(s3_status -H "$name:${condition#*:}" "$object")
  echo "$name:${condition#*:} -> $status"
  seen+="$status "
done

conclude "radosgw $gateway_version" "304 304 304 304 304 200 200 200 " "$seen" "304 304 200 200 200 200 412 412 "
