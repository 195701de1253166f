#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# libcurl 7.88: CURLOPT_PROXYUSERNAME and CURLOPT_PROXYPASSWORD are percent-decoded.
# Expected: the texts as they are, like CURLOPT_USERNAME and CURLOPT_PASSWORD. Their manual pages speak
#   of no encoding; only that of CURLOPT_PROXYUSERPWD, which splits at a colon, does.
# Seen: "a%41b" reaches the proxy as "aAb", by HTTP and by SOCKS 5 alike, while the origin's password
#   "a%41b" stays what it is.
# Affected: an account at a company's proxy whose password holds '%' and two hexadecimal digits. The
#   proxy answers 407 to a password that is right, and only some users have such a password.
# For a mirror: give libcurl the account inside CURLOPT_PROXY's URL, where encoding is defined and is
#   undone once. Entrepot does so (proxy/upstream/transfer/outgoing_proxy.h).

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib/packages.sh"

version=7.88.1-10+deb12u15
packages "libcurl4=$version" python3

cat >"$work/ask.py" <<'PYTHON'
import base64, ctypes, http.server, socket, sys, threading

seen = {}
def in_basic(value):
    return base64.b64decode(value.removeprefix("Basic ")).decode()

class Proxy(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_): pass
    def do_GET(self):
        seen["http"] = in_basic(self.headers["Proxy-Authorization"])
        seen["origin"] = in_basic(self.headers["Authorization"])
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
threading.Thread(target=server.serve_forever, daemon=True).start()

listener = socket.create_server(("127.0.0.1", 0))
def socks():
    client, _ = listener.accept()
    client.recv(64)                      # version, methods
    client.sendall(b"\x05\x02")          # user and password (RFC 1929)
    login = client.recv(256)
    user = login[2:2 + login[1]]
    seen["socks"] = (user + b":" + login[3 + login[1]:]).decode()
    client.sendall(b"\x01\x01")          # refused: what was sent is enough
    client.close()
threading.Thread(target=socks, daemon=True).start()

library = ctypes.CDLL("libcurl.so.4")
library.curl_easy_init.restype = ctypes.c_void_p
library.curl_version.restype = ctypes.c_char_p
URL, PROXY, USER, PASSWORD, PROXY_USER, PROXY_PASSWORD = 10002, 10004, 10173, 10174, 10175, 10176
def ask(proxy):
    easy = ctypes.c_void_p(library.curl_easy_init())
    for option, text in ((URL, "http://registry.example/"), (PROXY, proxy), (USER, "u%41"),
                         (PASSWORD, "a%41b"), (PROXY_USER, "u%41"), (PROXY_PASSWORD, "a%41b")):
        assert library.curl_easy_setopt(easy, option, text.encode()) == 0
    library.curl_easy_perform(easy)
    library.curl_easy_cleanup(easy)

ask(f"http://127.0.0.1:{server.server_port}")
ask(f"socks5h://127.0.0.1:{listener.getsockname()[1]}")
print(library.curl_version().decode().split()[0], "sent", seen, file=sys.stderr)
print(f"http proxy: {seen['http']}, socks proxy: {seen['socks']}, origin: {seen['origin']}")
PYTHON
seen=$(python3 "$work/ask.py") || fail "the program does not run"

conclude "libcurl $version" \
  "http proxy: u%41:a%41b, socks proxy: u%41:a%41b, origin: u%41:a%41b" "$seen" \
  "http proxy: uA:aAb, socks proxy: uA:aAb, origin: u%41:a%41b"
