#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# libcurl 7.88: behind two addresses that the application refuses, the next one waits for a timer.
# Expected: it is dialled at once, as behind one refused address, or the transfer ends.
#   CURLOPT_OPENSOCKETFUNCTION(3): CURL_SOCKET_BAD signals "an unrecoverable error to the library
#   and it will return CURLE_COULDNT_CONNECT", and "can be used for IP address block listing".
# Seen: the transfer goes on with the other addresses. Behind one refused address the next one is
#   dialled at once. Behind two it is dialled when half of the connect timeout has passed (150 s with
#   the default), and no connection is attempted in between.
# Affected: programs with an event loop of their own (curl_multi_socket_action(3)) that refuse
#   addresses by this callback (private networks, addresses that were dead a moment ago) of a host
#   with several addresses, as content delivery networks have them. curl_easy_perform() goes on after
#   a second, because it looks at its transfer that often.
# For a mirror: let libcurl run the transfer again once the callback has refused an address. Entrepot
#   ends a pause that it has begun for this (proxy/upstream/transfer/curl_transfer.cc, dial_on()).

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib/packages.sh"

version=7.88.1-10+deb12u15
packages "libcurl4=$version" python3

cat >"$work/dial.py" <<'PYTHON'
import ctypes, http.server, ipaddress, select, socket, sys, threading, time

class Registry(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_): pass
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
server = http.server.ThreadingHTTPServer(("127.0.0.9", 0), Registry)
threading.Thread(target=server.serve_forever, daemon=True).start()

library = ctypes.CDLL("libcurl.so.4")
library.curl_easy_init.restype = ctypes.c_void_p
library.curl_version.restype = ctypes.c_char_p
library.curl_slist_append.restype = ctypes.c_void_p
library.curl_multi_init.restype = ctypes.c_void_p
CURLMOPT_SOCKETFUNCTION, CURLMOPT_TIMERFUNCTION, CURLINFO_RESPONSE_CODE = 20001, 20004, 0x200000 + 2
POLL_REMOVE, SOCKET_TIMEOUT = 4, -1
CURLOPT_URL, CURLOPT_RESOLVE, CURLOPT_CONNECTTIMEOUT_MS, CURLOPT_OPENSOCKETFUNCTION = 10002, 10203, 156, 20163

class Address(ctypes.Structure):
    _fields_ = [("family", ctypes.c_int), ("socktype", ctypes.c_int), ("protocol", ctypes.c_int),
                ("length", ctypes.c_uint), ("data", ctypes.c_ubyte * 128)]

OPEN = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(Address))

TIMER = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_long, ctypes.c_void_p)
SOCKET = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)

def drive(easy):
    """An event loop as curl_multi_socket_action(3) describes it, until the transfer has ended."""
    multi, due, watched = ctypes.c_void_p(library.curl_multi_init()), [None], {}
    def timer(_multi, milliseconds, _user):
        due[0] = None if milliseconds < 0 else time.monotonic() + milliseconds / 1000
        return 0
    def watch(_easy, fd, what, _user, _socket):
        watched[fd] = what
        if what == POLL_REMOVE: del watched[fd]
        return 0
    callbacks, running = (TIMER(timer), SOCKET(watch)), ctypes.c_int(1)
    library.curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, callbacks[0])
    library.curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, callbacks[1])
    library.curl_multi_add_handle(multi, easy)
    while running.value:
        left = None if due[0] is None else max(due[0] - time.monotonic(), 0)
        readable = [fd for fd, what in watched.items() if what & 1]
        writable = [fd for fd, what in watched.items() if what & 2]
        ready = select.select(readable, writable, [], left)
        if not ready[0] and not ready[1]: due[0] = None
        for fd in {*ready[0], *ready[1]} or {SOCKET_TIMEOUT}:
            library.curl_multi_socket_action(multi, fd, 0, ctypes.byref(running))
    library.curl_multi_remove_handle(multi, easy)
    library.curl_multi_cleanup(multi)

def dial(refused):
    """The part of the connect timeout that has passed before the answer, in words."""
    def open_socket(_user, _purpose, address):
        if str(ipaddress.IPv4Address(bytes(address.contents.data[4:8]))) in refused: return -1
        return socket.socket(socket.AF_INET, socket.SOCK_STREAM).detach()
    callback, timeout, status = OPEN(open_socket), 6, ctypes.c_long(0)
    easy = ctypes.c_void_p(library.curl_easy_init())
    addresses = ",".join([*refused, "127.0.0.9"])
    line = f"registry.test:{server.server_port}:{addresses}".encode()
    lines = ctypes.c_void_p(library.curl_slist_append(None, line))
    library.curl_easy_setopt(easy, CURLOPT_URL, f"http://registry.test:{server.server_port}/".encode())
    library.curl_easy_setopt(easy, CURLOPT_RESOLVE, lines)
    library.curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, ctypes.c_long(timeout * 1000))
    library.curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, callback)
    began = time.monotonic()
    drive(easy)
    part = (time.monotonic() - began) / timeout
    library.curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, ctypes.byref(status))
    print(f"{len(refused)} refused: status {status.value}, {part:.2f} of the connect timeout", file=sys.stderr)
    library.curl_easy_cleanup(easy)
    if status.value != 200: return "no answer"
    return "at once" if part < 0.3 else "half of the timeout" if part < 0.7 else "later"

print(library.curl_version().decode().split()[0], file=sys.stderr)
print(f"one refused: {dial(['127.0.0.5'])}; two refused: {dial(['127.0.0.5', '127.0.0.6'])}")
PYTHON
seen=$(python3 "$work/dial.py") || fail "the program does not run"

conclude "libcurl $version" \
  "one refused: at once; two refused: at once" "$seen" \
  "one refused: at once; two refused: half of the timeout"
