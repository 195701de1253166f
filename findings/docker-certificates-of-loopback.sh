#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Docker 20.10.24: for a registry or mirror on 127.0.0.0/8 dockerd reads nothing in /etc/docker/certs.d.
# Expected: it presents the client certificate in certs.d/127.0.0.1:PORT, as it does for other hosts.
#   Its documents name no exception.
# Seen: no certificate is sent, and the server's one is not verified. For [::1]:PORT with the same files
#   the certificate is sent. The network is "insecure" by default, and such registries have no files.
# Affected: a mirror or a registry on the node itself that demands client certificates. The server says
#   that none was sent, although the files are in their place.
# For a mirror: let the engine of its own machine use a listener without a demand for a certificate, or
#   another address of the machine.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib/packages.sh"

version=20.10.24+dfsg1-1+deb12u1+b6
packages "docker.io=$version" "containerd=1.6.20~ds1-1+deb12u3" "runc=1.1.5+ds1-1+deb12u1" python3 openssl

quiet() { "$@" >"$work/last.log" 2>&1 || fail "$1: $(tail -n 1 "$work/last.log")"; }
cd "$work"
quiet openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem
printf 'subjectAltName=IP:127.0.0.1,IP:::1\n' >names
for one in server client; do
  quiet openssl req -newkey rsa:2048 -nodes -subj "/CN=$one" -keyout $one.key -out $one.csr
  quiet openssl x509 -req -in $one.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out $one.pem
done

cat >server.py <<'PYTHON'
import http.server, socket, ssl, sys, threading

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("server.pem", "server.key")
context.load_verify_locations("ca.pem")
context.verify_mode = ssl.CERT_OPTIONAL

class Registry(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_): pass
    def do_GET(self):
        sent = "sent" if self.connection.getpeercert() else "not sent"
        with open(self.server.name, "w") as file:
            file.write(sent)
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()
    do_HEAD = do_GET
class Six(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
ports = []
for kind, host, name in ((http.server.ThreadingHTTPServer, "127.0.0.1", "seen-4"), (Six, "::1", "seen-6")):
    server = kind((host, 0), Registry)
    server.name = name
    server.socket = context.wrap_socket(server.socket, server_side=True)
    ports.append(str(server.server_port))
    threading.Thread(target=server.serve_forever).start()
with open("ports.new", "w") as file:
    file.write(" ".join(ports) + "\n")
import os; os.rename("ports.new", "ports")
PYTHON
python3 server.py &
pids+=($!)
wait_for 20 test -s ports || fail "no server"
read -r four six <ports

# /etc/docker of its own, in a mount namespace that ends with the daemon.
cat >daemon.sh <<'SHELL'
set -e
mkdir -p /etc/docker
mount -t tmpfs none /etc/docker
for name in "127.0.0.1:$1" "[::1]:$2"; do
  mkdir -p "/etc/docker/certs.d/$name"
  cp ca.pem "/etc/docker/certs.d/$name/ca.crt"
  cp client.pem "/etc/docker/certs.d/$name/client.cert"
  cp client.key "/etc/docker/certs.d/$name/client.key"
done
exec dockerd --data-root "$PWD/data" --exec-root "$PWD/exec" --pidfile "$PWD/pid" --host "unix://$PWD/d.sock" \
  --iptables=false --ip-masq=false --bridge=none --storage-driver vfs \
  --registry-mirror "https://127.0.0.1:$1" --registry-mirror "https://[::1]:$2"
SHELL
unshare -m bash daemon.sh "$four" "$six" >daemon.log 2>&1 &
pids+=($!)
wait_for 60 docker --host "unix://$PWD/d.sock" info || fail "dockerd does not start: $(tail -n 1 daemon.log)"

# Both servers answer 404, so the daemon asks one mirror after the other.
docker --host "unix://$PWD/d.sock" pull library/a:b >pull.log 2>&1 || true
seen="127.0.0.1: $(cat seen-4 2>/dev/null || echo unasked), ::1: $(cat seen-6 2>/dev/null || echo unasked)"

conclude "docker.io $version" "127.0.0.1: sent, ::1: sent" "$seen" "127.0.0.1: not sent, ::1: sent"
