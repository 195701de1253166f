#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Charliecloud 0.31: `ch-image pull` refuses an image whose configuration has no "history".
# Expected: the image is pulled. The configuration of the OCI image specification marks the property
#   "history" as optional (config.md), and builders leave it out on request (buildah --omit-history).
# Seen: everything is downloaded and the layers are extracted; then it ends with "invalid config:
#   missing history". The same image with a history of one entry is pulled.
# Affected: clusters that run such images with Charliecloud. The error comes after the transfer, so the
#   registry or the mirror seems to have sent a damaged configuration. Its bytes are right.
# For a mirror: nothing to mend; it passes the bytes of the registry on, and the log says that all of the
#   image was sent. Build the image with a history. 0.45.2-1 does the same.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib/packages.sh"
. "$(dirname "$0")/lib/registry.sh"

version=0.31-1 registry_version=2.8.2+ds1-1
packages "charliecloud=$version" "docker-registry=$registry_version" curl openssl python3
export PYTHONPATH=$root/usr/lib/python3/dist-packages USER=root
start_registry "{filesystem: {rootdirectory: $work/registry}}"

mkdir -p "$work/files/bin"
echo program >"$work/files/bin/program"
tar -C "$work/files" -cf "$work/tar" .
gzip -n <"$work/tar" >"$work/tar.gz"
diff_id=$(digest_of "$work/tar")
push_image without 1 amd64 "$work/tar.gz" application/vnd.oci.image.layer.v1.tar+gzip
history='[{"created_by":"a test"}]'
push_image with 1 amd64 "$work/tar.gz" application/vnd.oci.image.layer.v1.tar+gzip

# ch-image uses HTTPS only: a second registry on the same storage.
cd "$work"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=registry -keyout key.pem -out certificate.pem \
  -addext subjectAltName=IP:127.0.0.1 >openssl.log 2>&1 || fail "openssl: $(tail -n 1 openssl.log)"
export REQUESTS_CA_BUNDLE=$work/certificate.pem
port=$(free_port)
grep -v '^http:' registry.yml >tls.yml
echo "http: {addr: \"127.0.0.1:$port\", tls: {certificate: $work/certificate.pem, key: $work/key.pem}}" >>tls.yml
docker-registry serve tls.yml >tls.log 2>&1 &
pids+=($!)
wait_for 10 listens "$port" || fail "docker-registry does not start: $(tail -n 3 tls.log)"

# pulled REPOSITORY: prints the end of a pull.
pulled() {
  if ch-image --no-cache --storage="$work/storage" pull "127.0.0.1:$port/$1:1" >"$1.log" 2>&1; then
    printf pulled
  else
    sed -n 's/^error: //p' "$1.log"
  fi
}
seen="without history: $(pulled without), with history: $(pulled with)"

conclude "charliecloud $version, docker-registry $registry_version" \
  "without history: pulled, with history: pulled" "$seen" \
  "without history: invalid config: missing history, with history: pulled"
