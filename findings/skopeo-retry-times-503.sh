#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# skopeo 1.9: --retry-times does not retry a 503, whatever Retry-After says.
# Expected: --retry-times 2 makes three attempts at a registry that answers 503 with Retry-After: 1.
#   skopeo-copy(1): "the number of times to retry, retry wait time will be exponentially increased
#   based on the number of failed attempts"; RFC 9110 15.6.4 calls 503 a temporary overload.
# Seen: one request, at once the end, for the manifest and for a blob; 500 is the same. A registry
#   that refuses the connection is tried three times, so the option itself works.
# Affected: a CI job that copies through a mirror with --retry-times and trusts it to bridge the
#   mirror's short overload; the fall-back of registries.conf does not help for a blob either.
# For a mirror: 503 is final for skopeo. An overload of the upstream that is over in a moment has to
#   be waited for inside the mirror, with the request held open. Entrepot does: it repeats retryable
#   failures within the client's request (proxy/upstream/retry.h) before it answers 503.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib/packages.sh"

version=1.9.3+ds1-1+b10
packages "skopeo=$version" python3

cat >"$work/server.py" <<'PYTHON'
import collections, gzip, hashlib, http.server, json, sys

def digest(data): return "sha256:" + hashlib.sha256(data).hexdigest()
tar = bytes(10240)
layer = gzip.compress(tar, mtime=0)
config = json.dumps({"architecture": "amd64", "os": "linux", "config": {},
                     "rootfs": {"type": "layers", "diff_ids": [digest(tar)]}}).encode()
oci = "application/vnd.oci.image."
manifest = json.dumps({
    "schemaVersion": 2, "mediaType": oci + "manifest.v1+json",
    "config": {"mediaType": oci + "config.v1+json", "digest": digest(config), "size": len(config)},
    "layers": [{"mediaType": oci + "layer.v1.tar+gzip", "digest": digest(layer), "size": len(layer)}]}).encode()
asked = collections.Counter()

class Registry(http.server.BaseHTTPRequestHandler):
    """Repository KIND/STATUS: its KIND (manifests or blobs) is answered with STATUS."""
    protocol_version = "HTTP/1.1"
    def log_message(self, *_): pass
    def answer(self, status, body, kind):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if status >= 500: self.send_header("Retry-After", "1")
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        if self.path == "/v2/": return self.answer(200, b"{}", "application/json")
        if self.path == "/asked": return self.answer(200, json.dumps(asked).encode(), "application/json")
        _, _, kind, status, what, reference = self.path.split("/")
        if kind == what:
            asked[kind + " " + status] += 1
            return self.answer(int(status), b'{"errors":[{"code":"UNAVAILABLE","message":"busy"}]}', "application/json")
        if what == "manifests": return self.answer(200, manifest, oci + "manifest.v1+json")
        self.answer(200, config if reference == digest(config) else layer, "application/octet-stream")

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
open(sys.argv[1], "w").write(str(server.server_port))
server.serve_forever()
PYTHON
python3 "$work/server.py" "$work/port" &
pids+=($!)
wait_for 10 test -s "$work/port" || fail "the server does not start"

copy() {
  ! timeout 30 skopeo --insecure-policy copy --retry-times 2 --src-tls-verify=false \
    "docker://$1" "dir:$work/copy" >"$work/skopeo.log" 2>&1 || fail "skopeo copies $1"
}
seen=
for case in manifests/503 blobs/503 manifests/500; do
  copy "127.0.0.1:$(<"$work/port")/$case:latest"
  attempts=$(python3 -c 'import sys, json, urllib.request as r
print(json.load(r.urlopen(sys.argv[1])).get(sys.argv[2], 0))' "http://127.0.0.1:$(<"$work/port")/asked" "${case/\// }")
  seen+="$case: $attempts, "
done
copy "127.0.0.1:$(free_port)/refused:latest"
seen+="connection refused: $(($(grep -c retrying "$work/skopeo.log") + 1))"
tail -n 1 "$work/skopeo.log"

conclude "skopeo $version" \
  "attempts at manifests/503: 3, blobs/503: 3, manifests/500: 3, connection refused: 3" "attempts at $seen" \
  "attempts at manifests/503: 1, blobs/503: 1, manifests/500: 1, connection refused: 3"
