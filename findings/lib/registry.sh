# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154,SC2034
# docker-registry on loopback, and pushes to it by curl. Source it after packages.sh.

# start_registry STORAGE: sets $registry to its address; STORAGE is the YAML map of the storage.
# $work/registry.yml is the configuration.
start_registry() {
  local port pid
  for _ in 1 2 3; do
    port=$(free_port)
    cat >"$work/registry.yml" <<CONF
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: $1
http: {addr: "127.0.0.1:$port"}
CONF
    docker-registry serve "$work/registry.yml" >"$work/registry.log" 2>&1 &
    pid=$!
    pids+=("$pid")
    if wait_for 10 listens "$port" && kill -0 "$pid" 2>/dev/null; then
      registry=127.0.0.1:$port
      return
    fi
  done
  fail "docker-registry does not start: $(tail -n 3 "$work/registry.log")"
}

digest_of() { echo "sha256:$(sha256sum "$1" | cut -d' ' -f1)"; }

# status_of CURL-ARGUMENTS...
status_of() { curl -sS -o /dev/null -w '%{http_code}' "$@"; }

# push_blob REPOSITORY FILE
push_blob() {
  local location
  location=$(curl -sS -D - -o /dev/null -X POST "http://$registry/v2/$1/blobs/uploads/" |
    tr -d '\r' | sed -n 's/^[Ll]ocation: //p')
  [ "$(status_of -T "$2" -H 'Content-Type: application/octet-stream' "$location&digest=$(digest_of "$2")")" = 201 ] ||
    fail "the registry does not take a blob"
}

# push_manifest REPOSITORY REFERENCE FILE TYPE
push_manifest() {
  [ "$(status_of -T "$3" -H "Content-Type: $4" "http://$registry/v2/$1/manifests/$2")" = 201 ] ||
    fail "the registry does not take a manifest"
}

oci_manifest=application/vnd.oci.image.manifest.v1+json
oci_index=application/vnd.oci.image.index.v1+json

# push_image REPOSITORY REFERENCE ARCHITECTURE LAYER TYPE: an image of one layer. A REFERENCE of
# "digest" is that of the manifest. Sets $manifest to the file of the manifest. $diff_id is that of a
# compressed layer, $history the JSON of the configuration's history; each may be unset.
push_image() {
  local config=$work/config.json
  manifest=$work/manifest.$1.$3.json
  printf '{"architecture":"%s","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["%s"]}%s}' \
    "$3" "${diff_id:-$(digest_of "$4")}" "${history:+,\"history\":$history}" >"$config"
  cat >"$manifest" <<JSON
{"schemaVersion": 2, "mediaType": "$oci_manifest",
 "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "$(digest_of "$config")",
            "size": $(stat -c %s "$config")},
 "layers": [{"mediaType": "$5", "digest": "$(digest_of "$4")", "size": $(stat -c %s "$4")}]}
JSON
  push_blob "$1" "$config"
  push_blob "$1" "$4"
  push_manifest "$1" "${2/#digest/$(digest_of "$manifest")}" "$manifest" "$oci_manifest"
}
