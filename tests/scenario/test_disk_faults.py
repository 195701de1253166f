# SPDX-License-Identifier: Apache-2.0
"""Disks that fill up, break, come back and lie: pulls go on, nothing wrong is served, and what can be
kept again is kept again (reliability notes, D2 to D12). The simpler ones are in test_bounded.py and
test_recovery.py."""

from __future__ import annotations

import contextlib
import shutil
import threading
from pathlib import Path

import pytest

from support import content
from support.checks import REPOSITORY, assert_hit, assert_whole, blob_target, manifest_target
from support.entrepot import EXIT_RESTART
from support.gate import eventually

KIB, MIB = content.KIB, content.MIB
# Into the index; a file written in one go; a file that is read while it arrives.
SIZES = [10 * KIB, 200 * KIB, 2 * MIB]


@pytest.fixture
def disk(make_disk):
    """Room for RocksDB: it goes on by itself only where it finds 64 MiB free."""
    return make_disk(256 * MIB)


@pytest.fixture
def image(upstream):
    return upstream.add_image(REPOSITORY, content.image(SIZES), "latest")


def on(disk, **more) -> dict:
    return {"directory": str(disk.place / "cache"), "max_size": "240MiB", "reserve_free": 0, **more}


def directory(entrepot) -> Path:
    return Path(entrepot.config["cache"]["directory"])


def file_of(entrepot, blob) -> Path:
    return directory(entrepot) / "blobs" / "sha256" / blob.digest[7:9] / blob.digest[7:]


def add_blobs(upstream, first: int, sizes) -> list[content.Blob]:
    return [upstream.add_blob(REPOSITORY, content.blob(size, seed=first + n))
            for n, size in enumerate(sizes)]


def pull(entrepot, image) -> None:
    assert_whole(entrepot.get(manifest_target("latest")), image.manifest)
    for blob in image.blobs:
        assert_whole(entrepot.get(blob_target(blob)), blob)


def settled(entrepot) -> None:
    eventually(lambda: entrepot.metrics().sum("flights") == 0, what="no flights")


def with_image(entrepot, image):
    """The same, and it keeps the image."""
    pull(entrepot, image)
    settled(entrepot)
    return entrepot


def assert_alive(entrepot) -> None:
    assert entrepot.admin("/healthz").status == 200
    assert entrepot.get("/v2/").status == 200


def assert_keeps(entrepot, upstream, seed: int, timeout: float = 10) -> None:
    """Within that time what is pulled is kept, by a new start where the process asks for one; and all of
    it is found again after another."""
    numbers = iter(range(seed, seed + 10_000))

    def pull_some() -> list[content.Blob]:
        blobs = add_blobs(upstream, 10 * next(numbers), SIZES)
        for blob in blobs:
            assert_whole(entrepot.get(blob_target(blob)), blob)
        settled(entrepot)
        return blobs

    def kept() -> bool:
        if not entrepot.running:
            assert entrepot.wait_exit() == EXIT_RESTART
            entrepot.start()
        return file_of(entrepot, pull_some()[-1]).exists()
    eventually(kept, timeout, "keeping again")
    blobs = pull_some()
    assert entrepot.admin("/readyz").status == 200
    entrepot.restart()
    for blob in blobs:
        assert_hit(entrepot.get(blob_target(blob)), blob)


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
    """D2: no abort, and every pull is right while there is no room; a new start forgets about it."""
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
    # RocksDB does not get over a log it could not create: another process does.
    assert entrepot.wait_exit(30) == EXIT_RESTART
    entrepot.start()
    assert_keeps(entrepot, upstream, 1000)


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


# --- The log of the index fails.


def log_of_the_index(entrepot) -> Path:
    return max((directory(entrepot) / "index").glob("*.log"), key=lambda file: file.stat().st_mtime)


def break_the_index(entrepot, upstream, image, failing):
    """Every later write of the index fails: RocksDB believes in no log that failed once."""
    tracer = failing(entrepot, "write,pwrite64,fdatasync", "EIO", log_of_the_index(entrepot))
    upstream.set_tag(REPOSITORY, "other", image.manifest.digest)
    assert_whole(entrepot.get(manifest_target("other")), image.manifest)
    eventually(lambda: entrepot.metrics().sum("disk_errors_total", operation="index") > 0,
               what="the error")
    return tracer


def test_index_log_fails(start, upstream, image, failing):
    """D6: goes on serving, keeps nothing new, and what was acknowledged is there after a restart."""
    entrepot = with_image(start(), image)
    tracer = break_the_index(entrepot, upstream, image, failing)
    before = entrepot.metrics().sum("cache_objects", kind="blob")
    for _ in range(2):
        pull(entrepot, image)
        for blob in add_blobs(upstream, 100, SIZES):
            assert_whole(entrepot.get(blob_target(blob)), blob)
        settled(entrepot)
    for blob in image.layers:
        assert_hit(entrepot.get(blob_target(blob)), blob)
    assert entrepot.metrics().sum("cache_objects", kind="blob") == before
    assert_alive(entrepot)
    tracer.stop()
    if entrepot.running:
        entrepot.terminate()
    else:
        assert entrepot.wait_exit() == EXIT_RESTART
    entrepot.start()
    upstream.forget()
    pull(entrepot, image)
    assert upstream.count() == 0


def test_index_log_can_be_written_again(start, upstream, image, failing):
    """D6: only a new start helps RocksDB, so the process asks for one when it is worth it."""
    entrepot = with_image(start(), image)
    tracer = break_the_index(entrepot, upstream, image, failing)
    assert_alive(entrepot)
    tracer.stop()
    eventually(lambda: not entrepot.running, 35, "an end that asks for a restart")
    assert entrepot.wait_exit() == EXIT_RESTART
    entrepot.start()
    assert_keeps(entrepot, upstream, 1000)


# --- D9, D10, D12: what was there is not, or is something else.


def test_everything_removed_under_load(start, upstream, image):
    """D9: the whole cache directory goes while eight clients pull. No error, no wrong byte; and it is
    made anew."""
    entrepot = start()
    pull(entrepot, image)
    many = add_blobs(upstream, 100, [30 * KIB, 300 * KIB, 3 * MIB] * 8)
    removed, halfway = threading.Event(), threading.Barrier(9)
    errors = []

    def client(number: int) -> None:
        try:
            for at in range(3 * len(many)):
                if at == len(many):
                    halfway.wait(30)
                if at > 2 * len(many):
                    removed.wait(30)
                blob = many[(at * (number + 1)) % len(many)]
                assert_whole(entrepot.get(blob_target(blob), keep=False), blob)
                assert_whole(entrepot.get(manifest_target("latest")), image.manifest)
        except BaseException as error:
            errors.append(error)  # the first one; the rest follow from it
            halfway.abort()
    clients = [threading.Thread(target=client, args=(number,)) for number in range(8)]
    for each in clients:
        each.start()
    with contextlib.suppress(threading.BrokenBarrierError):
        halfway.wait(30)
    shutil.rmtree(directory(entrepot), ignore_errors=True)
    shutil.rmtree(directory(entrepot), ignore_errors=True)  # what arrived meanwhile
    removed.set()
    for each in clients:
        each.join()
    assert not errors, errors[0]
    assert_alive(entrepot)


def test_everything_removed(start, upstream, image):
    """D9: kept again from then on, by a new start where it asks for one."""
    entrepot = with_image(start(), image)
    shutil.rmtree(directory(entrepot))
    pull(entrepot, image)
    assert entrepot.wait_exit() == EXIT_RESTART
    entrepot.start()
    assert_keeps(entrepot, upstream, 1000)


def test_disk_smaller_than_the_cache(disk, start, upstream):
    """D12: said at the start, and the size told is one that there is."""
    entrepot = start(cache=on(disk, max_size="10GiB"))
    entrepot.log.wait_for(r"warn .*max_size", timeout=1)
    assert entrepot.metrics().sum("cache_max_bytes") <= 256 * MIB
