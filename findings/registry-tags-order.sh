#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# docker-registry 2.8: tags/list has no order and no pages.
# Expected: `n` and `last` are honoured, a Link leads to the next page, and the tags are in lexical
#   order: docs/spec/api.md of docker-registry 2.8 ("Listing Image Tags", "Pagination") and the OCI
#   distribution specification ("Listing Tags": "in lexical order").
# Seen: both parameters are ignored, there is no Link, the order is that of the directory on disk,
#   and a repository that has lost its last tag answers 200 with "tags": null, which is no list.
# Affected: a client that pages by `last` gets every tag again, and one that merges the pages of
#   two registries as sorted lists loses tags.
# For a mirror: read the whole list, sort it, make the pages itself; null is an empty list. Entrepot
#   does so: proxy/upstream/wire/listing_page.cc, proxy/registry/tags_handler.cc.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib/packages.sh"
. "$(dirname "$0")/lib/registry.sh"

version=2.8.2+ds1-1
packages "docker-registry=$version" curl
start_registry "{filesystem: {rootdirectory: $work/registry}, delete: {enabled: true}}"

echo content >"$work/layer"
push_image many v10 amd64 "$work/layer" application/vnd.oci.image.layer.v1.tar
for tag in v9 a z b 1.2 1.10 m latest c; do push_manifest many "$tag" "$manifest" "$oci_manifest"; done
push_image emptied only amd64 "$work/layer" application/vnd.oci.image.layer.v1.tar
[ "$(status_of -X DELETE "http://$registry/v2/emptied/manifests/$(digest_of "$manifest")")" = 202 ] ||
  fail "the registry does not delete a manifest"

tags() {
  curl -sS -D "$work/head" "http://$registry/v2/$1" | grep -o '"tags":[^}]*' | tr -d '[]"' | sed 's/^tags://'
}
whole=$(tags many/tags/list)
page=$(tags 'many/tags/list?n=2&last=b')
links=$(grep -ci '^link:' "$work/head" || true)
sorted=$(tr , '\n' <<<"$whole" | LC_ALL=C sort | paste -sd,)
emptied=$(tags emptied/tags/list)
echo "tags/list: $whole"
echo "tags/list?n=2&last=b: $page"

in_order=$([ "$whole" = "$sorted" ] && echo yes || echo no)
conclude "docker-registry $version" \
  "sorted yes, tags after 'b' with n=2 2, Link 1, no tags left: empty" \
  "sorted $in_order, tags after 'b' with n=2 $(tr , '\n' <<<"$page" | wc -l), Link $links, no tags left: ${emptied:-empty}" \
  "sorted no, tags after 'b' with n=2 10, Link 0, no tags left: null"
