#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# containerd 1.6.20: a hosts.toml with an IPv6 address in the name of a table is not read.
# Expected: `[host."http://[::1]:PORT"]` is valid TOML, since a quoted key may hold any character, and
#   containerd asks that host first.
# Seen: "unexpected token table key cannot contain ']'". The file counts as absent, and containerd asks
#   the registry itself. `host."http://[::1]:PORT".capabilities = […]` says the same, and works.
# Affected: a mirror that nodes reach by an IPv6 address. Pulls succeed without it, unless the registry
#   is out of reach.
# For a mirror: write the second form (proxy/app/engines/containerd_setup.cc).

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib/packages.sh"

version=1.6.20~ds1-1+deb12u3
packages "containerd=$version" python3

cat >"$work/mirror.py" <<'PYTHON'
import http.server, socket, sys

class Mirror(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_): pass
    def do_HEAD(self):
        open(sys.argv[1] + "/asked", "w").close()
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()
    do_GET = do_HEAD
class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
server = Server(("::1", 0), Mirror)
with open(sys.argv[1] + "/port", "w") as file:
    file.write(str(server.server_port))
server.serve_forever()
PYTHON
python3 "$work/mirror.py" "$work" &
pids+=($!)
wait_for 20 test -s "$work/port" || fail "no mirror"
port=$(<"$work/port")

printf 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n' >"$work/config.toml"
containerd --config "$work/config.toml" --address "$work/c.sock" --root "$work/root-c" \
  --state "$work/state" >"$work/containerd.log" 2>&1 &
pids+=($!)
wait_for 30 ctr --address "$work/c.sock" version || fail "containerd does not start: $(tail -n 1 "$work/containerd.log")"

# asks FORM: whether a pull with this line in hosts.toml asks the mirror.
asks() {
  local hosts=$work/hosts-$1
  mkdir -p "$hosts/registry.invalid"
  { printf 'server = "http://127.0.0.1:1"\n\n'; cat; } >"$hosts/registry.invalid/hosts.toml"
  rm -f "$work/asked"
  ctr --address "$work/c.sock" images pull --hosts-dir "$hosts" registry.invalid/a/b:c >"$work/$1.log" 2>&1 || true
  if [ -e "$work/asked" ]; then echo "asked"; else echo "not asked"; fi
}
table=$(asks table <<TOML
[host."http://[::1]:$port"]
  capabilities = ["pull", "resolve"]
TOML
)
key=$(asks key <<TOML
host."http://[::1]:$port".capabilities = ["pull", "resolve"]
TOML
)
grep -h "failed to decode" "$work/table.log" >&2 || true

conclude "containerd $version" "table: asked, key: asked" "table: $table, key: $key" \
  "table: not asked, key: asked"
