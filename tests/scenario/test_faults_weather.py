# SPDX-License-Identifier: Apache-2.0
"""A registry that fails now and then, or moves to another host."""

from __future__ import annotations

import threading

from support import content, faults
from support.checks import REPOSITORY, assert_whole, blob_target
from support.client import download_together

KIB = 1 << 10


def test_one_reply_in_three_is_an_error(start, upstream):
    """Each third reply, to any client, is an error: hardly any request gets four in a row."""
    count = iter(range(10_000))
    lock = threading.Lock()

    def fail_now_and_then(request, reply):
        with lock:
            turn = next(count)
        if turn % 10 in (0, 4, 7):
            faults.status((500, 502, 503, 504)[turn % 4])(request, reply)
    blobs = [upstream.add_blob(REPOSITORY, content.blob(KIB, seed=n)) for n in range(300)]
    upstream.script(fail_now_and_then, kind="blob")
    entrepot = start()
    failed = 0
    for at in range(0, len(blobs), 10):
        some = blobs[at:at + 10]
        for blob, download in zip(some, download_together(
                entrepot.port, [blob_target(blob) for blob in some], keep=True)):
            response = download.finish()
            if response.status == 503:
                failed += 1
            else:
                assert_whole(response, blob)
    assert failed < len(blobs) / 100, f"{failed} of {len(blobs)}"
    assert upstream.count("blob") < 1.6 * len(blobs), "each failure costs one question more"


def test_the_cdn_moves_to_another_host(start, upstream, make_upstream):
    blobs = [upstream.add_blob(REPOSITORY, content.blob(KIB, seed=n)) for n in range(3)]
    entrepot = start({"docker.io": {"endpoint": upstream, "internal": True}})
    for number, blob in enumerate(blobs):
        upstream.role.cdn = make_upstream(host=f"127.0.0.{2 + number}")
        assert_whole(entrepot.get(blob_target(blob)), blob)
        assert upstream.role.cdn.count("cdn") == 1
