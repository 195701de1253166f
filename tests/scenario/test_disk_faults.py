# SPDX-License-Identifier: Apache-2.0
"""Disks that fill up, turn read-only, come back and lie about their size: pulls go on, nothing
wrong is served, and what can be kept again is kept again (reliability notes, D2, D3, D7 and D12).
The simpler ones are in test_bounded.py and test_recovery.py; what happens to the index alone is in
test_index_faults.py."""

from __future__ import annotations

import shutil

import pytest

from support import content
from support.checks import REPOSITORY, assert_hit, assert_whole, blob_target, manifest_target
from support.entrepot import EXIT_RESTART
from support.gate import eventually
from support.keeping import (SIZES, add_blobs, assert_alive, assert_keeps, pull, settled,
                             with_image)

KIB, MIB = content.KIB, content.MIB


@pytest.fixture
def disk(make_disk):
    """Room for RocksDB: it goes on by itself only where it finds 64 MiB free."""
    return make_disk(256 * MIB)


@pytest.fixture
def image(upstream):
    return upstream.add_image(REPOSITORY, content.image(SIZES), "latest")


def on(disk, **more) -> dict:
    return {"directory": str(disk.place / "cache"), "max_size": "240MiB", "reserve_free": 0, **more}


# --- D2, D3: another writer takes all.


def starve(entrepot, upstream, image) -> None:
    """Pulls that nothing can be kept of: 8 MiB for the index, files, tags that move."""
    for blob in add_blobs(upstream, 100, [60 * KIB] * 130 + SIZES):
        assert_whole(entrepot.get(blob_target(blob)), blob)
    for number in range(20):
        tag = f"t{number}"
        upstream.set_tag(REPOSITORY, tag, image.manifest.digest)
        assert_whole(entrepot.get(manifest_target(tag)), image.manifest)
    settled(entrepot)
    assert_alive(entrepot)


def starved(disk, start, upstream, image):
    """A process that kept the image before another writer took the rest of its disk; and his
    file."""
    entrepot = with_image(start(cache=on(disk)), image)
    filler = disk.fill()
    starve(entrepot, upstream, image)
    return entrepot, filler


def test_index_on_a_full_disk(disk, start, upstream, image):
    """D2: no abort, and every pull is right while there is no room; a new start forgets about
    it."""
    entrepot, filler = starved(disk, start, upstream, image)
    pull(entrepot, image)
    assert entrepot.metrics().sum("disk_errors_total", operation="index") > 0
    filler.unlink()
    entrepot.restart()
    pull(entrepot, image)
    assert_keeps(entrepot, upstream, 1000)


def test_start_on_a_full_disk(disk, start, upstream, image):
    """D2: it serves, or asks to be started again: there may be room soon."""
    entrepot = start(cache=on(disk))
    pull(entrepot, image)
    entrepot.terminate()
    disk.fill()
    try:
        entrepot.start()
    except AssertionError:
        assert entrepot.wait_exit() == EXIT_RESTART
    else:
        pull(entrepot, image)


def test_room_comes_back(disk, start, upstream, image):
    """D2: what is pulled from then on is kept, without anybody's doing."""
    entrepot, filler = starved(disk, start, upstream, image)
    filler.unlink()
    assert_keeps(entrepot, upstream, 1000)


def test_inodes_taken_by_others(make_disk, start, upstream, image):
    """D3: as a disk without room, and told apart from it."""
    disk = make_disk(256 * MIB, inodes=400)
    entrepot = with_image(start(cache=on(disk)), image)
    many = disk.take_inodes()
    starve(entrepot, upstream, image)
    for blob in image.layers:
        assert_hit(entrepot.get(blob_target(blob)), blob)
    assert entrepot.metrics().sum("bypass_total", reason="inodes") > 0
    shutil.rmtree(many)
    # RocksDB does not get over a log it could not create, where it needed one: another process does.
    assert_keeps(entrepot, upstream, 1000, timeout=40)


def test_inodes_taken_by_the_cache(make_disk, start, upstream):
    """D3: what is not used leaves for what is, as where bytes run out."""
    disk = make_disk(256 * MIB, inodes=400)
    entrepot = start(cache=on(disk))
    for blob in add_blobs(upstream, 0, [260 * KIB] * 500):
        assert_whole(entrepot.get(blob_target(blob)), blob)
    settled(entrepot)
    assert entrepot.metrics().sum("cache_objects", kind="blob") > 50
    assert_keeps(entrepot, upstream, 1000)


# --- D7: the file system turns read-only.


def test_read_only(disk, start, upstream, image):
    """Hits are served, misses passed through; once mended, a new start finds all of it."""
    entrepot = with_image(start(cache=on(disk)), image)
    disk.turn_read_only()
    upstream.forget()
    for _ in range(3):
        pull(entrepot, image)
        for blob in image.layers:
            assert_hit(entrepot.get(blob_target(blob)), blob)
    assert upstream.count() == 0
    for blob in add_blobs(upstream, 100, SIZES * 3):
        for _ in range(2):
            assert_whole(entrepot.get(blob_target(blob)), blob)
    settled(entrepot)
    assert_alive(entrepot)
    assert entrepot.admin("/readyz").status == 503
    entrepot.terminate()
    disk.mend()
    entrepot.start()
    # The end of the index's log may be lost; the files are not, and are taken back.
    eventually(lambda: entrepot.metrics().sum("cache_objects", kind="blob") >= 2, what="two files")
    upstream.forget()
    pull(entrepot, image)
    assert not any(request.method == "GET" and request.reference in
                   (layer.digest for layer in image.layers[1:]) for request in upstream.requests())
    assert_keeps(entrepot, upstream, 1000)


# --- D12: it is another than the configuration says.


def test_disk_smaller_than_the_cache(disk, start, upstream):
    """D12: said at the start, and the size told is one that there is."""
    entrepot = start(cache=on(disk, max_size="10GiB"))
    entrepot.log.wait_for(r"warn .*max_size", timeout=1)
    assert entrepot.metrics().sum("cache_max_bytes") <= 256 * MIB
