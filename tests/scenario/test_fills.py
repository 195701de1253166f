# SPDX-License-Identifier: Apache-2.0
"""One transfer serves all clients of a blob, each at its own pace, and releases no byte before its
proof."""

import os
import random

import pytest

from support import content, faults
from support.checks import (REPOSITORY, assert_hit, assert_never_wrong, assert_whole, blob_target,
                            manifest_target)
from support.client import download_together
from support.content import KIB, MIB, TAIL
from support.gate import Gate, eventually

BIG = 4 * MIB


@pytest.fixture
def blob(upstream):
    return upstream.add_blob(REPOSITORY, content.blob(BIG))


def idle(entrepot) -> None:
    """Waits until nothing is in flight any more."""
    eventually(lambda: entrepot.metrics().sum("flights") == 0, what="no flights")


def outcomes(entrepot, outcome: str) -> float:
    return entrepot.metrics().sum("requests_total", outcome=outcome)


def test_one_get_for_thirty_clients(start, upstream, blob):
    gate = Gate()
    upstream.script(faults.hold_at(MIB, gate), kind="blob", method="GET")
    entrepot = start()
    downloads = download_together(entrepot.port, [blob_target(blob)] * 30)
    for download in downloads:
        download.wait_received(MIB)  # while the upstream has sent no more than that
    gate.open()
    for download in downloads:
        assert_whole(download.finish(), blob)
    assert upstream.count("blob") == 1
    upstream.assert_sent(blob.size)
    # A request is counted after its reply, a moment after the client has it.
    eventually(lambda: (outcomes(entrepot, "miss"), outcomes(entrepot, "joined")) == (1, 29),
               what="thirty requests counted")
    assert_hit(entrepot.get(blob_target(blob)), blob)
    assert upstream.count("blob") == 1


def test_late_client_gets_everything_at_once(start, upstream, blob):
    gate = Gate()
    upstream.script(faults.hold_at(3 * MIB, gate), kind="blob", method="GET")
    entrepot = start()
    first = entrepot.download(blob_target(blob))
    first.wait_received(3 * MIB)
    late = entrepot.download(blob_target(blob))
    late.wait_received(3 * MIB)  # from byte 0, all arrived bytes
    gate.open()
    assert_whole(first.finish(), blob)
    response = late.finish()
    assert_whole(response, blob)
    assert "collapsed" in response.outcome
    assert upstream.count("blob") == 1


def test_client_leaves_and_the_fill_goes_on(start, upstream, blob):
    gate = Gate()
    upstream.script(faults.hold_at(2 * MIB, gate), kind="blob", method="GET")
    entrepot = start()
    only = entrepot.download(blob_target(blob))
    only.wait_received(MIB)
    only.leave()
    gate.open()
    eventually(lambda: upstream.requests("blob")[0].finished, what="the end of the transfer")
    idle(entrepot)
    assert_hit(entrepot.get(blob_target(blob)), blob)
    assert upstream.count("blob") == 1
    upstream.assert_sent(blob.size)


def test_client_leaves_before_the_head(start, upstream, blob):
    gate = Gate()
    upstream.script(faults.hold(gate), kind="blob", method="GET")
    entrepot = start()
    with entrepot.connect() as connection:
        connection.send_request("GET", blob_target(blob))
        gate.wait_arrived()
    gate.open()
    idle(entrepot)
    assert_hit(entrepot.get(blob_target(blob)), blob)
    assert upstream.count("blob") == 1


def test_client_that_does_not_read_delays_no_other(start, upstream):
    blob = upstream.add_blob(REPOSITORY, content.blob(24 * MIB))
    entrepot = start()
    with entrepot.connect(receive_buffer=4096) as stuck:
        stuck.send_request("GET", blob_target(blob))
        upstream.wait_requests(1, kind="blob", method="GET")
        assert_whole(entrepot.get(blob_target(blob), keep=False), blob)
        # The client that stood still gets all bytes once it reads.
        assert_whole(stuck.read_response(keep=False), blob)
    assert upstream.count("blob") == 1


def test_tail_is_withheld_until_proven(start, upstream, blob):
    gate = Gate()
    upstream.script(faults.hold_at(-1, gate), kind="blob", method="GET")
    entrepot = start(threads={"serve": 1})  # see the turn of the loop below
    downloads = [entrepot.download(blob_target(blob)) for _ in range(3)]
    for download in downloads:
        download.wait_received(blob.size - TAIL)
    entrepot.get("/v2/")  # a turn of the loop in which more could have been released
    assert [download.received for download in downloads] == [blob.size - TAIL] * 3
    gate.open()
    for download in downloads:
        assert_whole(download.finish(), blob)


@pytest.mark.parametrize("size", [1, 1000, 64 * KIB + 1, TAIL])
def test_small_blobs_are_withheld_whole(start, upstream, size):
    blob = upstream.add_blob(REPOSITORY, content.blob(size))
    gate = Gate()
    upstream.script(faults.hold_at(-1, gate), kind="blob", method="GET")
    entrepot = start(threads={"serve": 1})
    download = entrepot.download(blob_target(blob))
    gate.wait_arrived()
    entrepot.get("/v2/")
    assert download.received == 0
    gate.open()
    assert_whole(download.finish(), blob)


@pytest.mark.parametrize("at", [0, BIG // 2, BIG - TAIL, BIG - 1])
def test_a_flipped_byte_is_never_a_complete_response(start, upstream, blob, at):
    upstream.script(faults.flip_byte(at), kind="blob", method="GET", times=1)
    entrepot = start()
    for download in download_together(entrepot.port, [blob_target(blob)] * 10, keep=True):
        assert_never_wrong(download.finish(), blob)
    assert_whole(entrepot.get(blob_target(blob)), blob)
    assert_hit(entrepot.get(blob_target(blob)), blob)


SIZES = [0, 1, 4096, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, TAIL - 1, TAIL, TAIL + 1, MIB,
         4 * MIB - 1, 4 * MIB + 1]


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_sizes_around_every_boundary(start, upstream, algorithm):
    entrepot = start()
    for size in SIZES:
        blob = upstream.add_blob(REPOSITORY, content.blob(size, algorithm=algorithm))
        assert_whole(entrepot.get(blob_target(blob)), blob)
        assert_hit(entrepot.get(blob_target(blob)), blob)
        head = entrepot.head(blob_target(blob))
        assert head.status == 200 and head.headers["Content-Length"] == str(size)
    assert upstream.count("blob") == len(SIZES)


@pytest.mark.parametrize("size", [1000, 3 * MIB])
def test_upstream_without_content_length(start, upstream, size):
    """Chunked: the mirror answers after the whole body, so that clients still get a
    Content-Length."""
    image = upstream.add_image(REPOSITORY, content.image((size,)), "latest")
    upstream.script(faults.chunked, kind="blob", method="GET")
    entrepot = start()
    assert_whole(entrepot.get(manifest_target("latest")), image.manifest)
    assert_whole(entrepot.get(blob_target(image.layers[0])), image.layers[0])


def test_the_empty_blob_without_content_length(start, upstream):
    """It gets a file of its own, which the scrub then verifies."""
    empty = upstream.add_blob(REPOSITORY, content.blob_of(b""))
    upstream.script(faults.chunked, kind="blob", method="GET")
    entrepot = start()
    assert_whole(entrepot.get(blob_target(empty)), empty)
    eventually(lambda: entrepot.metrics().sum("scrub_progress_ratio") == 1, what="the end of the scrub's round")
    assert_hit(entrepot.get(blob_target(empty)), empty)


def test_head_does_not_fill(start, upstream, blob):
    entrepot = start()
    head = entrepot.head(blob_target(blob))
    assert head.status == 200 and head.headers["Content-Length"] == str(blob.size)
    assert head.headers["Docker-Content-Digest"] == blob.digest
    assert upstream.count("blob", method="GET") == 0 and upstream.body_bytes() == 0


def test_head_within_a_fill(start, upstream, blob):
    gate = Gate()
    upstream.script(faults.hold_at(MIB, gate), kind="blob", method="GET")
    entrepot = start()
    download = entrepot.download(blob_target(blob))
    download.wait_received(MIB)
    head = entrepot.head(blob_target(blob))
    assert head.status == 200 and head.headers["Content-Length"] == str(blob.size)
    gate.open()
    assert_whole(download.finish(), blob)


@pytest.mark.parametrize("reference", ["latest", "digest"])
def test_one_get_for_many_manifest_clients(start, upstream, reference):
    image = upstream.add_image(REPOSITORY, content.image(), "latest")
    target = manifest_target("latest" if reference == "latest" else image.manifest)
    gate = Gate()
    upstream.script(faults.hold(gate), kind="manifest")
    entrepot = start()
    downloads = download_together(entrepot.port, [target] * 20, keep=True)
    gate.wait_arrived()
    gate.open()
    for download in downloads:
        assert_whole(download.finish(), image.manifest)
    assert upstream.count("manifest", method="GET") == 1


def test_many_blobs_at_once(start, upstream):
    blobs = [upstream.add_blob(REPOSITORY, content.blob(100_000 + n * 37_000, seed=n))
             for n in range(24)]
    order = [blob for blob in blobs for _ in range(5)]
    random.Random(1).shuffle(order)
    entrepot = start()
    downloads = download_together(entrepot.port, [blob_target(blob) for blob in order])
    for blob, download in zip(order, downloads):
        assert_whole(download.finish(), blob)
    assert upstream.count("blob", method="GET") == len(blobs)


def test_clients_come_and_go(start, upstream, blob):
    gates = [Gate() for _ in range(3)]
    for number, gate in enumerate(gates):
        upstream.script(faults.hold_at((number + 1) * MIB, gate), kind="blob", method="GET")
    entrepot = start()
    staying, leaving = [], []
    for number, gate in enumerate(gates):
        more = download_together(entrepot.port, [blob_target(blob)] * 12)
        for download in more:
            download.wait_received((number + 1) * MIB)
        for download in more[::2]:
            download.leave()
        staying += more[1::2]
        leaving += more[::2]
        gate.open()
    for download in staying:
        assert_whole(download.finish(), blob)
    assert len(leaving) == 18 and upstream.count("blob") == 1


@pytest.mark.skipif(bool(os.environ.get("ENTREPOT_SANITIZE")), reason="sanitizers take memory")
def test_memory_does_not_grow_with_the_blob(start, upstream):
    warm = upstream.add_blob(REPOSITORY, content.blob(MIB, seed=1))
    blob = upstream.add_blob(REPOSITORY, content.blob(96 * MIB))
    entrepot = start()
    assert_whole(entrepot.get(blob_target(warm)), warm)
    before = entrepot.memory()["RssAnon"]
    for download in download_together(entrepot.port, [blob_target(blob)] * 20):
        assert_whole(download.finish(), blob)
    assert entrepot.memory()["RssAnon"] - before <= 16 * MIB


RANGES = [("bytes=0-", 0, None), ("bytes=0-0", 0, 1), ("bytes=10-19", 10, 20),
          ("bytes=1048570-", 1048570, None), ("bytes=-100", -100, None),
          ("bytes=4194303-9999999999", 4194303, None)]


@pytest.mark.parametrize("header,first,last", RANGES)
def test_ranges_of_a_stored_blob(start, upstream, blob, header, first, last):
    entrepot = start()
    assert_whole(entrepot.get(blob_target(blob)), blob)
    expected = blob.data[first:last]
    at = first % blob.size
    response = entrepot.get(blob_target(blob), headers={"Range": header})
    assert response.status == 206 and response.complete and response.body == expected
    assert response.headers["Content-Range"] == (
        f"bytes {at}-{at + len(expected) - 1}/{blob.size}")
    assert response.headers["Accept-Ranges"] == "bytes"


def test_range_beyond_the_end(start, upstream, blob):
    entrepot = start()
    assert_whole(entrepot.get(blob_target(blob)), blob)
    response = entrepot.get(blob_target(blob), headers={"Range": f"bytes={blob.size}-"})
    assert response.status == 416
    assert response.headers["Content-Range"] == f"bytes */{blob.size}"
    assert response.code == "RANGE_INVALID"
