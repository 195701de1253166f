# SPDX-License-Identifier: Apache-2.0
"""An index that can no longer be written, or is removed with all files, on a disk that works: pulls
go on, no wrong byte is served, and a new start stores objects again."""

from __future__ import annotations

import contextlib
import shutil
import threading
from pathlib import Path

import pytest

from support import content
from support.checks import REPOSITORY, assert_hit, assert_whole, blob_target, manifest_target
from support.entrepot import EXIT_RESTART
from support.gate import DEADLINE, eventually
from support.keeping import (SIZES, add_blobs, assert_alive, assert_keeps, may_ask_for_restart,
                             pull, restart_if_asked, settled, with_image)
from support.load import cache_of

KIB, MIB = content.KIB, content.MIB


@pytest.fixture
def image(upstream):
    return upstream.add_image(REPOSITORY, content.image(SIZES), "latest")


# --- The log of the index cannot be written.


def log_of_the_index(entrepot) -> Path:
    return max((cache_of(entrepot) / "index").glob("*.log"), key=lambda file: file.stat().st_mtime)


def break_the_index(entrepot, upstream, image, failing):
    """Every later write of the index fails: RocksDB never uses a log again that failed once."""
    tracer = failing(entrepot, "write,pwrite64,fdatasync", "EIO", log_of_the_index(entrepot))
    upstream.set_tag(REPOSITORY, "other", image.manifest.digest)
    assert_whole(entrepot.get(manifest_target("other")), image.manifest)
    eventually(lambda: entrepot.metrics().sum("disk_errors_total", operation="index") > 0,
               what="the error")
    return tracer


def test_index_log_fails(start, upstream, image, failing):
    """The process goes on serving and stores nothing new; the entries confirmed before are still
    there after a restart."""
    entrepot = with_image(start(), image)
    tracer = break_the_index(entrepot, upstream, image, failing)
    # The process exits for a restart 15 s after its start at the earliest: on a slow machine in the
    # middle of the test.
    with may_ask_for_restart(entrepot):
        before = entrepot.metrics().sum("cache_objects", kind="blob")
        for blob in image.layers:
            assert_hit(entrepot.get(blob_target(blob)), blob)
        for _ in range(2):
            pull(entrepot, image)
            for blob in add_blobs(upstream, 100, SIZES):
                assert_whole(entrepot.get(blob_target(blob)), blob)
            settled(entrepot)
            assert entrepot.metrics().sum("cache_objects", kind="blob") == before
        assert_alive(entrepot)
    tracer.stop()
    eventually(lambda: not entrepot.running, 2 * DEADLINE, "an end that asks for a restart")
    restart_if_asked(entrepot)
    upstream.forget()
    pull(entrepot, image)
    assert upstream.count() == 0


def test_index_log_can_be_written_again(start, upstream, image, failing):
    """RocksDB recovers by a new start only, so the process exits for a restart once it is
    worthwhile."""
    entrepot = with_image(start(), image)
    tracer = break_the_index(entrepot, upstream, image, failing)
    with may_ask_for_restart(entrepot):
        assert_alive(entrepot)
    tracer.stop()
    eventually(lambda: not entrepot.running, 2 * DEADLINE, "an end that asks for a restart")
    restart_if_asked(entrepot)
    assert_keeps(entrepot, upstream, 1000)


# --- All files are removed.


def test_everything_removed_under_load(start, upstream, image):
    """The whole cache directory is removed while eight clients pull. No error and no wrong byte
    until the process exits for a restart, if the clients have not finished by then."""
    entrepot = start()
    pull(entrepot, image)
    many = add_blobs(upstream, 100, [30 * KIB, 300 * KIB, 3 * MIB] * 8)
    removed, halfway = threading.Event(), threading.Barrier(9)
    errors = []

    def client(number: int) -> None:
        try:
            for at in range(3 * len(many)):
                if at == len(many):
                    halfway.wait(2 * DEADLINE)
                if at > 2 * len(many):
                    removed.wait(2 * DEADLINE)
                blob = many[(at * (number + 1)) % len(many)]
                with may_ask_for_restart(entrepot):
                    assert_whole(entrepot.get(blob_target(blob), keep=False), blob)
                    assert_whole(entrepot.get(manifest_target("latest")), image.manifest)
                if not entrepot.running:
                    break
        except BaseException as error:
            errors.append(error)  # the first one; the rest follow from it
            halfway.abort()
    clients = [threading.Thread(target=client, args=(number,)) for number in range(8)]
    for each in clients:
        each.start()
    with contextlib.suppress(threading.BrokenBarrierError):
        halfway.wait(2 * DEADLINE)
    shutil.rmtree(cache_of(entrepot), ignore_errors=True)
    shutil.rmtree(cache_of(entrepot), ignore_errors=True)  # fills that ended meanwhile
    removed.set()
    for each in clients:
        each.join()
    assert not errors, errors[0]
    eventually(lambda: not entrepot.running, what="an end that asks for a restart")
    restart_if_asked(entrepot)
    assert_alive(entrepot)


def test_everything_removed(start, upstream, image):
    """The cache stores objects again from then on, after a restart if the process requests one."""
    entrepot = with_image(start(), image)
    shutil.rmtree(cache_of(entrepot))
    with may_ask_for_restart(entrepot):
        pull(entrepot, image)
    assert entrepot.wait_exit() == EXIT_RESTART
    entrepot.start()
    assert_keeps(entrepot, upstream, 1000)
