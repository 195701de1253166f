# SPDX-License-Identifier: Apache-2.0
"""Ranges of stored blobs, in the forms that lazy and resuming clients request."""

from __future__ import annotations

import random

import pytest

from support import content
from support.checks import REPOSITORY, assert_error, assert_hit, assert_whole, blob_target
from support.multipart import parts_of

KIB, MIB = content.KIB, content.MIB


@pytest.fixture(params=[2 * KIB, 200 * KIB, 20 * MIB], ids=["inline", "small", "large"])
def stored(start, upstream, request):
    """A mirror that has the blob, in each of the ways in which it stores one."""
    blob = upstream.add_blob(REPOSITORY, content.blob(request.param, seed=1))
    entrepot = start()
    assert_whole(entrepot.get(blob_target(blob)), blob)
    assert_hit(entrepot.get(blob_target(blob)), blob)
    upstream.forget()
    yield entrepot, blob
    assert upstream.count() == 0


def ask(entrepot, blob, ranges: str):
    return entrepot.get(blob_target(blob), headers=[("Range", f"bytes={ranges}")])


def assert_parts(response, blob, ranges: list[tuple[int, int]]) -> None:
    """Requires one part for each range, in their order, with the right bytes."""
    assert response.status == 206
    assert response.headers["Accept-Ranges"] == "bytes"
    parts = parts_of(response)
    assert [part[:3] for part in parts] == [(first, last, blob.size) for first, last in ranges]
    for first, last, _, data in parts:
        assert data == blob.data[first:last + 1]


def test_several_ranges(stored):
    entrepot, blob = stored
    last = blob.size - 1
    assert_parts(ask(entrepot, blob, "-10,0-0,100-599,100-599,0-1"), blob,
                 [(last - 9, last), (0, 0), (100, 599), (100, 599), (0, 1)])
    assert_parts(ask(entrepot, blob, "0-1,3-4"), blob, [(0, 1), (3, 4)])
    assert_parts(ask(entrepot, blob, f"5-6,{blob.size}-"), blob, [(5, 6)])


def test_as_many_ranges_as_podman_requests(stored):
    """1024 at once, 25 KiB of them; one more is refused, and podman halves its list."""
    entrepot, blob = stored
    places = random.Random(1).sample(range(blob.size - 1), 1024)
    ranges = [(first, first + (1 if blob.size < MIB else random.Random(first).randrange(9000)))
              for first in places]
    ranges = [(first, min(last, blob.size - 1)) for first, last in ranges]
    asked = ",".join(f"{first}-{last}" for first, last in ranges)
    assert_parts(ask(entrepot, blob, asked), blob, ranges)
    assert_error(ask(entrepot, blob, asked + ",0-0"), 400, code="RANGE_INVALID")


def test_ranges_answered_with_the_whole_blob(stored):
    """Ranges beyond the end, in part or as a whole: a 416 would fail podman, so the whole blob is
    the response."""
    entrepot, blob = stored
    for asked in (f"0-,0-{blob.size // 2}", f"{blob.size}-,{blob.size + 5}-{blob.size + 9}"):
        response = ask(entrepot, blob, asked)
        assert response.status == 200
        assert_whole(response, blob)


def test_many_random_ranges_on_one_connection(stored):
    entrepot, blob = stored
    chosen = random.Random(2)
    with entrepot.connect() as connection:
        for _ in range(200):
            first = chosen.randrange(blob.size)
            last = min(blob.size - 1, first + chosen.randrange(64 * KIB))
            connection.send_request("GET", blob_target(blob),
                                    [("Range", f"bytes={first}-{last}")])
            response = connection.read_response()
            assert response.status == 206
            assert response.headers["Content-Range"] == f"bytes {first}-{last}/{blob.size}"
            assert response.body == blob.data[first:last + 1]
