# SPDX-License-Identifier: Apache-2.0
"""Disks that fill up, turn read-only, come back and report a wrong size: pulls go on, no wrong byte
is served, and the cache stores objects again once it can. The simpler faults are in test_bounded.py
and test_recovery.py; faults of the index alone are in test_index_faults.py."""

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
    """Room for RocksDB: it recovers by itself only if it finds 64 MiB free."""
    return make_disk(256 * MIB)


@pytest.fixture
def image(upstream):
    return upstream.add_image(REPOSITORY, content.image(SIZES), "latest")


def on(disk, **more) -> dict:
    return {"directory": str(disk.place / "cache"), "max_size": "240MiB", "reserve_free": 0, **more}


# --- Another writer takes all space or all inodes.


def starve(entrepot, upstream, image) -> None:
    """Pulls of which nothing can be stored: 8 MiB for the index, files, tags that move."""
    for blob in add_blobs(upstream, 100, [60 * KIB] * 130 + SIZES):
        assert_whole(entrepot.get(blob_target(blob)), blob)
    for number in range(20):
        tag = f"t{number}"
        upstream.set_tag(REPOSITORY, tag, image.manifest.digest)
        assert_whole(entrepot.get(manifest_target(tag)), image.manifest)
    settled(entrepot)
    assert_alive(entrepot)


def starved(disk, start, upstream, image):
    """A process that stored the image before another writer took the rest of its disk; and the
    writer's file."""
    entrepot = with_image(start(cache=on(disk)), image)
    filler = disk.fill()
    starve(entrepot, upstream, image)
    return entrepot, filler


def test_index_on_a_full_disk(disk, start, upstream, image):
    """The process does not abort, and every pull is right while the disk is full; a new start
    recovers."""
    entrepot, filler = starved(disk, start, upstream, image)
    pull(entrepot, image)
    assert entrepot.metrics().sum("disk_errors_total", operation="index") > 0
    filler.unlink()
    entrepot.restart()
    pull(entrepot, image)
    assert_keeps(entrepot, upstream, 1000)


def test_start_on_a_full_disk(disk, start, upstream, image):
    """The process serves, or exits so that the service manager restarts it: there may be room
    soon."""
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


def test_the_cache_stores_again_once_there_is_room(disk, start, upstream, image):
    """The cache stores new pulls again without an operator."""
    entrepot, filler = starved(disk, start, upstream, image)
    filler.unlink()
    assert_keeps(entrepot, upstream, 1000)


def test_inodes_used_up_by_others(make_disk, start, upstream, image):
    """The faults of a disk without inodes are those of a full one, and have a reason of their
    own."""
    disk = make_disk(256 * MIB, inodes=400)
    entrepot = with_image(start(cache=on(disk)), image)
    many = disk.take_inodes()
    starve(entrepot, upstream, image)
    for blob in image.layers:
        assert_hit(entrepot.get(blob_target(blob)), blob)
    assert entrepot.metrics().sum("bypass_total", reason="inodes") > 0
    shutil.rmtree(many)
    # RocksDB does not recover from a log that it could not create when it needed one: a new process
    # does.
    assert_keeps(entrepot, upstream, 1000, timeout=40)


def test_inodes_used_up_by_the_cache(make_disk, start, upstream):
    """Unused blobs are evicted for new ones, as on a disk without space."""
    disk = make_disk(256 * MIB, inodes=400)
    entrepot = start(cache=on(disk))
    for blob in add_blobs(upstream, 0, [260 * KIB] * 500):
        assert_whole(entrepot.get(blob_target(blob)), blob)
    settled(entrepot)
    assert entrepot.metrics().sum("cache_objects", kind="blob") > 50
    assert_keeps(entrepot, upstream, 1000)


# --- The file system turns read-only.


def test_read_only(disk, start, upstream, image):
    """Hits are served, misses pass through; after the repair, a new start finds all objects."""
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
    # The end of the index's log may be lost; the files are not, and get their entries again.
    eventually(lambda: entrepot.metrics().sum("cache_objects", kind="blob") >= 2, what="two files")
    upstream.forget()
    pull(entrepot, image)
    assert not any(request.method == "GET" and request.reference in
                   (layer.digest for layer in image.layers[1:]) for request in upstream.requests())
    assert_keeps(entrepot, upstream, 1000)


# --- The disk differs from the configuration.


def test_disk_smaller_than_the_cache(disk, start, upstream):
    """The log warns at the start, and the reported maximum is a size that the disk has."""
    entrepot = start(cache=on(disk, max_size="10GiB"))
    entrepot.log.wait_for(r"warn .*max_size")
    assert entrepot.metrics().sum("cache_max_bytes") <= 256 * MIB
