#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# libcurl 7.88: an S3 request with two headers whose names begin alike is signed wrongly.
# Expected: CURLOPT_AWS_SIGV4 / --aws-sigv4 signs the x-amz-* headers that the request names. AWS
#   Signature Version 4 ("Create a canonical request") sorts them by header name.
# Seen: libcurl sorts the lines, "name:value", so that "x-amz-meta-a-b:" comes before "x-amz-meta-a:"
#   ("-" and digits are smaller than ":"). A service that follows the specification, Ceph's gateway
#   too, answers SignatureDoesNotMatch. Each header alone is signed rightly.
# Affected: an S3 tier on Debian 12's libcurl that copies a part of an object: the pair
#   x-amz-copy-source and x-amz-copy-source-range is always refused; or two own x-amz-meta-* headers.
# For a mirror: name own metadata so that no name is the beginning of another, and avoid UploadPartCopy
#   with a range. Entrepot has no S3 tier yet and signs nothing.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib/packages.sh"

version=7.88.1-10+deb12u15
packages "curl=$version" "libcurl4=$version" python3

cat >"$work/service.py" <<'PYTHON'
import hashlib, hmac, http.server, re, sys

class Service(http.server.BaseHTTPRequestHandler):
    """Says 200 to a request that is signed as the specification of AWS Signature Version 4 asks."""
    def log_message(self, *_): pass
    def do_PUT(self):
        scope, names, given = re.fullmatch(
            "AWS4-HMAC-SHA256 Credential=[^/]+/([^,]+), SignedHeaders=([^,]+), Signature=(.+)",
            self.headers["Authorization"]).groups()
        ordered = sorted(names.split(";"))
        lines = [f"{name}:{self.headers[name].strip()}" for name in ordered]
        canonical = "\n".join(["PUT", self.path, "", *lines, "", ";".join(ordered),
                               self.headers["x-amz-content-sha256"]])
        text = "\n".join(["AWS4-HMAC-SHA256", self.headers["x-amz-date"], scope,
                          hashlib.sha256(canonical.encode()).hexdigest()])
        key = b"AWS4secret"
        for word in [*scope.split("/"), text]:
            key = hmac.new(key, word.encode(), hashlib.sha256).digest()
        status = 200 if hmac.compare_digest(key.hex(), given) else 403
        print(f"{status} SignedHeaders={names}", file=sys.stderr, flush=True)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

server = http.server.HTTPServer(("127.0.0.1", 0), Service)
open(sys.argv[1], "w").write(str(server.server_port))
server.serve_forever()
PYTHON
python3 "$work/service.py" "$work/port" &
pids+=($!)
wait_for 10 test -s "$work/port" || fail "the server does not start"

# put HEADER...: the status of an empty PUT that is signed with these headers.
put() {
  local headers=() header
  for header; do headers+=(-H "$header"); done
  curl -sS -X PUT -o "$work/answer" -w '%{http_code}' --aws-sigv4 aws:amz:us-east-1:s3 -u key:secret \
    -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' "${headers[@]}" "http://127.0.0.1:$(<"$work/port")/bucket/object"
}
source='x-amz-copy-source: /bucket/other'
seen="source $(put "$source"), source and range $(put "$source" 'x-amz-copy-source-range: bytes=0-9')"
seen+=", meta a, b $(put 'x-amz-meta-a: 1' 'x-amz-meta-b: 2'), meta a, a-b $(put 'x-amz-meta-a: 1' 'x-amz-meta-a-b: 2')"

conclude "$(curl --version | sed -n '1s/ (.*//p') $version" \
  "source 200, source and range 200, meta a, b 200, meta a, a-b 200" "$seen" \
  "source 200, source and range 403, meta a, b 200, meta a, a-b 403"
