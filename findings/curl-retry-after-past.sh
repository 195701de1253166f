#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# libcurl 7.88: CURLINFO_RETRY_AFTER is negative for a date that has passed.
# Expected: 0. CURLINFO_RETRY_AFTER(3): "will always return number of seconds to wait - or zero if
#   there was no header or the header could not be parsed"; RFC 9110 10.2.3 allows a date, and a wait
#   until a moment that has passed is none.
# Seen: the date minus the local clock, as it is: -10 for a date ten seconds ago.
# Affected: a mirror whose clock is ahead of the registry's, or whose answer came late, while the
#   registry limits its rate by dates. Code that tests for zero ("no header"), or converts to an
#   unsigned duration, waits for ever or asks in a tight loop.
# For a mirror: clamp on both sides. Entrepot parses the header itself and clamps it between 0 and
#   ten minutes (proxy/upstream/wire/retry_after.cc).

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib/packages.sh"

version=7.88.1-10+deb12u15
packages "libcurl4=$version" python3

cat >"$work/ask.py" <<'PYTHON'
import ctypes, email.utils, http.server, sys, threading, time

class Registry(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_): pass
    def do_GET(self):
        self.send_response(429)
        words = {"/none": None, "/seconds": "7", "/past": email.utils.formatdate(time.time() - 10, usegmt=True)}
        if words[self.path]: self.send_header("Retry-After", words[self.path])
        self.send_header("Content-Length", "0")
        self.end_headers()
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
threading.Thread(target=server.serve_forever, daemon=True).start()

library = ctypes.CDLL("libcurl.so.4")
library.curl_easy_init.restype = ctypes.c_void_p
library.curl_version.restype = ctypes.c_char_p
CURLOPT_URL, CURLINFO_RETRY_AFTER = 10002, 0x600000 + 57
def retry_after(path):
    easy, wait = ctypes.c_void_p(library.curl_easy_init()), ctypes.c_int64()
    library.curl_easy_setopt(easy, CURLOPT_URL, f"http://127.0.0.1:{server.server_port}{path}".encode())
    assert library.curl_easy_perform(easy) == 0
    assert library.curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, ctypes.byref(wait)) == 0
    library.curl_easy_cleanup(easy)
    return wait.value

past = retry_after("/past")
print(library.curl_version().decode().split()[0], "returns", past, "for a date ten seconds ago", file=sys.stderr)
print(f"no header: {retry_after('/none')}, 7 seconds: {retry_after('/seconds')}, "
      f"date in the past: {'negative' if past < 0 else past}")
PYTHON
seen=$(python3 "$work/ask.py") || fail "the program does not run"

conclude "libcurl $version" \
  "no header: 0, 7 seconds: 7, date in the past: 0" "$seen" \
  "no header: 0, 7 seconds: 7, date in the past: negative"
