# SPDX-License-Identifier: Apache-2.0
"""Ranges of blobs that are not stored: the mirror fetches only the requested bytes, once, and
stores them."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from support import content, faults
from support.checks import (REPOSITORY, assert_error, assert_hit, assert_never_wrong, assert_whole,
                            blob_target)
from support.client import download_together
from support.gate import Gate, eventually
from support.load import cache_of
from support.multipart import parts_of

KIB, MIB = content.KIB, content.MIB
GRAIN = 64 * KIB


@pytest.fixture
def blob(upstream):
    return upstream.add_blob(REPOSITORY, content.blob(32 * MIB + 1000, seed=1))


@pytest.fixture
def entrepot(start):
    return start()


def ask(entrepot, blob, ranges: str, **options):
    return entrepot.get(blob_target(blob), headers=[("Range", f"bytes={ranges}")], **options)


def assert_piece(response, blob, first: int, last: int) -> None:
    assert response.status == 206, (response.status, response.body[:300])
    assert response.complete
    assert response.headers["Content-Range"] == f"bytes {first}-{last}/{blob.size}"
    assert response.headers["Accept-Ranges"] == "bytes"
    assert response.headers["Docker-Content-Digest"] == blob.digest
    assert response.body == blob.data[first:last + 1]


def get_piece(entrepot, blob, first: int, last: int) -> None:
    assert_piece(ask(entrepot, blob, f"{first}-{last}"), blob, first, last)


def asked_ranges(upstream) -> list[tuple[int, int]]:
    """First and last byte of each request to the upstream; every request must be for one range with
    both its ends."""
    found = [re.fullmatch(r"bytes=(\d+)-(\d+)", request.range or "")
             for request in upstream.requests("blob", method="GET")]
    assert all(found), [request.range for request in upstream.requests("blob", method="GET")]
    return [(int(match[1]), int(match[2])) for match in found]


def file_in(entrepot, blob) -> Path:
    return cache_of(entrepot) / "fills" / blob.digest.replace(":", "-")


def test_only_requested_bytes_are_fetched(entrepot, upstream, blob):
    """A range far into a cold blob; the same range again sends no request."""
    places = [(0, 1), (20 * MIB, 20 * MIB + 64 * KIB - 1), (31 * MIB + 5, 31 * MIB + 5)]
    for first, last in places:
        get_piece(entrepot, blob, first, last)
    assert upstream.body_bytes() <= 4 * GRAIN
    assert asked_ranges(upstream)[0] == (0, GRAIN - 1)
    upstream.forget()
    for first, last in places:
        response = ask(entrepot, blob, f"{first}-{last}")
        assert_piece(response, blob, first, last)
        assert "; hit" in response.outcome
    assert upstream.count() == 0
    entrepot.log.wait_for("206 miss range")
    entrepot.log.wait_for("206 hit range")
    file = file_in(entrepot, blob)
    assert file.stat().st_size == blob.size
    assert file.stat().st_blocks * 512 <= 5 * GRAIN


def test_the_tail_is_a_piece_like_others(entrepot, upstream, blob):
    """Tables of contents are at the end; a suffix range needs the size first."""
    last = blob.size - 1
    assert_piece(ask(entrepot, blob, "-100"), blob, last - 99, last)
    get_piece(entrepot, blob, last - 1000, last)
    assert upstream.count("blob", method="HEAD") == 1
    assert upstream.body_bytes() <= 2 * GRAIN


def test_several_ranges_are_several_single_ones(entrepot, upstream, blob):
    places = [(first, first + 999) for first in range(MIB, 31 * MIB, 3 * MIB)]
    random.Random(1).shuffle(places)
    response = ask(entrepot, blob, ",".join(f"{first}-{last}" for first, last in places))
    assert response.status == 206 and response.complete
    assert parts_of(response) == [(first, last, blob.size, blob.data[first:last + 1])
                                  for first, last in places]
    assert len(asked_ranges(upstream)) == len(places)
    assert upstream.body_bytes() <= 2 * GRAIN * len(places)


def test_close_ranges_share_one_request(entrepot, upstream, blob):
    """podman requests hundreds of small ranges at once."""
    places = [(first, first + 99) for first in range(MIB, 2 * MIB, 4 * KIB)]
    response = ask(entrepot, blob, ",".join(f"{first}-{last}" for first, last in places))
    assert response.status == 206 and response.complete
    assert asked_ranges(upstream) in ([(0, GRAIN - 1), (MIB, 2 * MIB - 1)],
                                      [(MIB, MIB + GRAIN - 1), (MIB + GRAIN, 2 * MIB - 1)])


def test_one_transfer_serves_all_requests_for_a_piece(entrepot, upstream, blob):
    gate = Gate()
    upstream.script(faults.hold_at(MIB, gate), kind="blob", method="GET", times=1)
    downloads = download_together(entrepot.port, [blob_target(blob)] * 10, keep=True,
                                  headers=[("Range", f"bytes={MIB}-{MIB + 999}")])
    gate.wait_arrived()
    gate.open()
    for download in downloads:
        assert_piece(download.finish(), blob, MIB, MIB + 999)
    assert asked_ranges(upstream) == [(MIB, MIB + GRAIN - 1)]


def test_a_whole_download_fetches_only_the_rest(entrepot, upstream, blob):
    places = [(MIB, 3 * MIB), (10 * MIB + 5, 14 * MIB), (blob.size - 2 * MIB, blob.size - 1)]
    for first, last in places:
        get_piece(entrepot, blob, first, last)
    assert_whole(entrepot.get(blob_target(blob)), blob)
    upstream.assert_sent(blob.size)  # every byte once
    eventually(lambda: "; hit" in entrepot.get(blob_target(blob)).outcome, what="a hit")
    assert_hit(entrepot.get(blob_target(blob)), blob)
    assert not file_in(entrepot, blob).exists()


def test_pieces_beside_a_download(entrepot, upstream, blob):
    """A request for a range far ahead of a slow download does not wait for the download."""
    gate = Gate()
    upstream.script(faults.hold_at(2 * MIB, gate), kind="blob", method="GET", times=1)
    download = entrepot.download(blob_target(blob))
    gate.wait_arrived()
    get_piece(entrepot, blob, 1000, 1999)
    get_piece(entrepot, blob, 25 * MIB, 26 * MIB)
    gate.open()
    assert_whole(download.finish(), blob)
    assert upstream.body_bytes() <= blob.size + 2 * MIB


def test_more_of_the_end_after_a_restart(entrepot, upstream, blob):
    """Beyond the last grain there is nothing to request."""
    get_piece(entrepot, blob, blob.size - 100, blob.size - 1)
    entrepot.restart()
    upstream.forget()
    get_piece(entrepot, blob, blob.size - MIB, blob.size - 1)
    assert upstream.body_bytes() <= MIB + GRAIN
    assert upstream.count("blob") == 1


@pytest.mark.parametrize("how", ["restart", "kill9"])
def test_pieces_survive(entrepot, upstream, blob, how):
    places = [(0, MIB - 1), (20 * MIB, 21 * MIB + 5), (blob.size - 10, blob.size - 1)]
    for first, last in places:
        get_piece(entrepot, blob, first, last)
    upstream.forget()
    if how == "restart":
        entrepot.restart()
    else:
        entrepot.kill9()
        entrepot.start()
    for first, last in places:
        get_piece(entrepot, blob, first, last)
    assert upstream.body_bytes() == 0
    assert_whole(entrepot.get(blob_target(blob)), blob)
    assert upstream.body_bytes() <= blob.size - 2 * MIB


def test_a_half_stored_blob_is_completed(entrepot, upstream, blob):
    for first in range(0, 17 * MIB, MIB):
        get_piece(entrepot, blob, first, first + MIB - 1)
    eventually(lambda: entrepot.metrics().sum("cache_objects", kind="blob") == 1, what="all kept")
    assert upstream.body_bytes() <= blob.size + MIB
    assert_hit(entrepot.get(blob_target(blob)), blob)


def test_a_wrong_piece_is_found_with_the_whole(entrepot, upstream, blob):
    """No client receives the whole blob with a wrong byte, and no byte of it stays stored."""
    upstream.script(faults.flip_byte(MIB + 5), kind="blob", method="GET", times=1)
    response = ask(entrepot, blob, f"{MIB}-{MIB + 99}")
    assert response.status == 206 and response.body != blob.data[MIB:MIB + 100]
    response = entrepot.get(blob_target(blob), keep=False)
    assert not response.complete
    assert_never_wrong(response, blob)
    assert entrepot.metrics().sum("digest_mismatches_total") == 1
    upstream.forget()
    assert_whole(entrepot.get(blob_target(blob)), blob)
    upstream.assert_sent(blob.size)


def test_an_upstream_without_ranges(entrepot, upstream, blob):
    upstream.script(faults.ignore_range, kind="blob")
    get_piece(entrepot, blob, 20 * MIB, 20 * MIB + 99)
    assert_whole(entrepot.get(blob_target(blob)), blob)
    # The request for a piece, and the bytes that the upstream had sent before the cut.
    assert upstream.count("blob", method="GET") == 2
    assert upstream.body_bytes() <= 1.5 * blob.size


def test_a_reader_of_stored_bytes_is_not_cut(entrepot, upstream, blob):
    """One client slowly reads stored bytes; the bytes for another client do not arrive."""
    get_piece(entrepot, blob, 0, 12 * MIB)
    slow = entrepot.connect(receive_buffer=4096)
    slow.send_request("GET", blob_target(blob), [("Range", f"bytes=0-{12 * MIB}")])
    assert slow.read_head().status == 206
    upstream.script(faults.reset_after(1000), kind="blob", method="GET")
    response = ask(entrepot, blob, f"{20 * MIB}-{21 * MIB}")
    assert not response.complete
    got = bytearray()
    while len(got) <= 12 * MIB:
        piece = slow.receive()
        assert piece, f"cut short after {len(got)}"
        got += piece
    assert got == blob.data[:12 * MIB + 1]
    slow.close()


@pytest.mark.parametrize("status", [503, 429])
def test_errors_reach_the_client(entrepot, upstream, blob, status):
    """The mirror announces a piece only after the registry has confirmed that it has the blob."""
    get_piece(entrepot, blob, 0, 1)
    fault = faults.too_many_requests("7") if status == 429 else faults.status(503)
    upstream.script(fault, kind="blob", method="GET")
    response = ask(entrepot, blob, f"{20 * MIB}-{21 * MIB}")
    assert_error(response, 503)
    assert (response.headers.get("Retry-After") == "7") == (status == 429)
    get_piece(entrepot, blob, 0, 1)


def test_beyond_the_end(entrepot, upstream, blob):
    response = ask(entrepot, blob, f"{blob.size}-{blob.size + 9}")
    assert_error(response, 416, code="RANGE_INVALID")
    assert response.headers["Content-Range"] == f"bytes */{blob.size}"
    assert_piece(ask(entrepot, blob, f"{blob.size - 5}-{blob.size + 9}"), blob, blob.size - 5,
                 blob.size - 1)
    assert upstream.body_bytes() <= GRAIN + KIB


def test_ranges_of_an_absent_blob(entrepot, upstream):
    absent = content.blob(MIB, seed=77)
    assert_error(ask(entrepot, absent, "0-1"), 404, code="BLOB_UNKNOWN")
    assert_error(ask(entrepot, absent, "-5"), 404, code="BLOB_UNKNOWN")


def test_head_fetches_no_bytes(entrepot, upstream, blob):
    """stargz sends such a request between two pieces."""
    get_piece(entrepot, blob, 0, 1)
    response = entrepot.request("HEAD", blob_target(blob))
    assert response.status == 200 and response.headers["Content-Length"] == str(blob.size)
    get_piece(entrepot, blob, MIB, MIB + 1)
    assert upstream.body_bytes() <= 2 * GRAIN


def test_small_blobs_are_fetched_whole(entrepot, upstream):
    small = upstream.add_blob(REPOSITORY, content.blob(500 * KIB, seed=5))
    get_piece(entrepot, small, 300 * KIB, 300 * KIB + 9)
    assert_whole(entrepot.get(blob_target(small)), small)
    eventually(lambda: "; hit" in entrepot.get(blob_target(small)).outcome, what="a hit")


def test_open_ranges_by_many_connections(entrepot, upstream):
    """containerd's parallel fetch: each worker requests the bytes from its chunk on, and closes the
    connection after the chunk."""
    chunk = 8 * MIB
    blob = upstream.add_blob(REPOSITORY, content.blob(8 * chunk, seed=9))
    first = entrepot.download(blob_target(blob), headers=[("Range", "bytes=0-")])
    first.wait_received(1)
    workers = [entrepot.connect() for _ in range(7)]
    for number, worker in enumerate(workers, start=1):
        worker.send_request("GET", blob_target(blob), [("Range", f"bytes={number * chunk}-")])
    for number, worker in enumerate(workers, start=1):
        head = worker.read_head()
        assert head.status == 206
        assert head.headers["Content-Range"] == \
            f"bytes {number * chunk}-{blob.size - 1}/{blob.size}"
        got = bytearray()
        while len(got) < chunk:
            piece = worker.receive()
            assert piece, "cut short"
            got += piece
        assert got[:chunk] == blob.data[number * chunk:(number + 1) * chunk]
        worker.close()
    assert first.finish().received == blob.size
    assert upstream.count("blob", method="GET") == 1
    upstream.assert_sent(blob.size)


def test_random_pieces_for_many_clients(entrepot, upstream, blob):
    """Concurrent readers of random ranges, while another client requests the whole blob."""
    chosen = random.Random(3)
    for step in range(12):
        places = []
        for _ in range(8):
            first = chosen.randrange(blob.size - 1)
            places.append((first, min(blob.size - 1, first + chosen.randrange(200 * KIB))))
        downloads = [entrepot.download(blob_target(blob), keep=True,
                                       headers=[("Range", f"bytes={first}-{last}")])
                     for first, last in places]
        whole = entrepot.download(blob_target(blob)) if step == 6 else None
        for download, (first, last) in zip(downloads, places):
            assert_piece(download.finish(), blob, first, last)
        if whole:
            assert_whole(whole.finish(), blob)
    assert upstream.body_bytes() <= 1.2 * blob.size


def test_pieces_of_one_blob_are_bounded(start, upstream, blob):
    """Pieces of one blob take a quarter of the cache at most: older pieces of the blob are evicted
    for new ones."""
    entrepot = start(cache={"max_size": "16MiB", "reserve_free": 0})
    for _ in range(2):
        for first in range(0, 32 * MIB, MIB):
            get_piece(entrepot, blob, first, first + MIB - 1)
            assert file_in(entrepot, blob).stat().st_blocks * 512 <= 4 * MIB
    get_piece(entrepot, blob, 1, blob.size - 2)
    assert_piece(ask(entrepot, blob, f"-{5 * MIB}"), blob, blob.size - 5 * MIB, blob.size - 1)
    assert_whole(entrepot.get(blob_target(blob)), blob)


def test_pieces_are_evicted_for_other_blobs(start, upstream, blob):
    entrepot = start(cache={"max_size": "16MiB", "reserve_free": 0})
    get_piece(entrepot, blob, 0, 2 * MIB)
    entrepot.restart()  # no reader holds it
    for seed in range(10):
        other = upstream.add_blob(REPOSITORY, content.blob(2 * MIB, seed=50 + seed))
        assert_whole(entrepot.get(blob_target(other)), other)
    assert not file_in(entrepot, blob).exists()
    get_piece(entrepot, blob, 0, 2 * MIB)
