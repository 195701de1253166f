#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# libevent 2.1: the limits of a bufferevent do not bound what is written from a file.
# Expected: bufferevent_set_max_single_write ("Set the size limit for single write operation") and
#   bufferevent_set_rate_limit bound each write, whatever the output buffer is made of
#   (event2/bufferevent.h; neither they nor evbuffer_add_file name an exception).
# Seen: memory leaves in writes of at most the limit. A file that was added by evbuffer_add_file
#   leaves by sendfile with the length of the whole rest: one write takes all that the socket buffer
#   has room for, many times the limit, and the rate limit only counts it afterwards as a debt.
# Affected: servers of files on libevent that share a link or a loop fairly by these limits: a
#   client of a large blob gets bursts of the socket buffer's size and then long pauses.
# For a mirror: bound the pieces, not the writes: add the file in segments of the wanted size.
#   Entrepot does: proxy/http/body_pump.cc adds bounded pieces and sets no rate limit.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib/packages.sh"

version=2.1.12-stable-8+deb12u1
packages "libevent-2.1-7=$version" "libevent-core-2.1-7=$version" python3

cat >"$work/writes.py" <<'PYTHON'
import ctypes, os, socket, sys, time

library = ctypes.CDLL("libevent-2.1.so.7")
pointer, size = ctypes.c_void_p, ctypes.c_size_t
for name in ("event_base_new", "bufferevent_socket_new", "bufferevent_get_output", "evbuffer_add_cb",
             "ev_token_bucket_cfg_new", "event_get_version"):
    getattr(library, name).restype = pointer
library.event_get_version.restype = ctypes.c_char_p
limit, length = 4096, 1 << 20

class Change(ctypes.Structure):
    _fields_ = [("before", size), ("added", size), ("deleted", size)]
Callback = ctypes.CFUNCTYPE(None, pointer, ctypes.POINTER(Change), pointer)

def writes(from_file, rate):
    """The writes within half a second, or until all is written."""
    seen = []
    note = Callback(lambda _, change, __: seen.append(change[0].deleted) if change[0].deleted else None)
    base = pointer(library.event_base_new())
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    buffered = pointer(library.bufferevent_socket_new(base, ours.fileno(), 0))
    if rate:
        most = size((1 << 63) - 1)
        bucket = pointer(library.ev_token_bucket_cfg_new(most, most, size(limit), size(limit), None))
        assert library.bufferevent_set_rate_limit(buffered, bucket) == 0
    else:
        assert library.bufferevent_set_max_single_write(buffered, size(limit)) == 0
    output = pointer(library.bufferevent_get_output(buffered))
    library.evbuffer_add_cb(output, note, None)
    if from_file:
        file = os.open(sys.argv[1], os.O_RDONLY)
        assert library.evbuffer_add_file(output, file, ctypes.c_int64(0), ctypes.c_int64(length)) == 0
    else:
        assert library.evbuffer_add(output, bytes(length), size(length)) == 0
    library.bufferevent_enable(buffered, ctypes.c_short(4))  # EV_WRITE
    end = time.monotonic() + 0.5
    while sum(seen) < length and time.monotonic() < end:
        library.event_base_loop(base, 3)  # EVLOOP_ONCE | EVLOOP_NONBLOCK
        try:
            theirs.recv(1 << 20)
        except BlockingIOError:
            time.sleep(0.001)
    return seen

# A second may begin within the half second and fill the bucket once more.
for rate, name in ((False, "max_single_write"), (True, "rate limit")):
    for from_file, source in ((False, "memory"), (True, "file")):
        seen = writes(from_file, rate)
        most = sum(seen) / 2 if rate else max(seen)
        print(f"{name} {limit}, {source}: {len(seen)} writes, biggest {max(seen)}, together {sum(seen)}",
              file=sys.stderr)
        print(f"{name}, {source} {'kept' if most <= limit else 'exceeded'}")
print(library.event_get_version().decode(), file=sys.stderr)
PYTHON
head -c 1048576 /dev/zero >"$work/file"
seen=$(python3 "$work/writes.py" "$work/file") || fail "the program does not run"

conclude "libevent $version" \
  "max_single_write, memory kept; max_single_write, file kept; rate limit, memory kept; rate limit, file kept" \
  "$(paste -sd';' <<<"$seen" | sed 's/;/; /g')" \
  "max_single_write, memory kept; max_single_write, file exceeded; rate limit, memory kept; rate limit, file exceeded"
