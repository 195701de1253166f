# SPDX-License-Identifier: Apache-2.0
"""Checks that a cache keeps objects, and keeps objects again after a fault of its disk is over."""

from __future__ import annotations

import contextlib
from pathlib import Path

from . import content
from .checks import REPOSITORY, assert_hit, assert_whole, blob_target, manifest_target
from .client import Closed
from .entrepot import EXIT_RESTART
from .gate import DEADLINE, eventually
from .load import cache_of

KIB, MIB = content.KIB, content.MIB
# One blob for the index; one file that is written at once; one file that is read while it arrives.
SIZES = [10 * KIB, 200 * KIB, 2 * MIB]


def file_of(entrepot, blob) -> Path:
    return cache_of(entrepot) / "blobs" / "sha256" / blob.digest[7:9] / blob.digest[7:]


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
    """The same process after it has stored the image."""
    pull(entrepot, image)
    settled(entrepot)
    return entrepot


def assert_alive(entrepot) -> None:
    assert entrepot.admin("/healthz").status == 200
    assert entrepot.get("/v2/").status == 200


@contextlib.contextmanager
def may_ask_for_restart(entrepot):
    """Allows the process to end while the block runs, so that the service manager restarts it."""
    try:
        yield
    # Closed: a process that ends closes connections without a request yet.
    except (ConnectionRefusedError, ConnectionResetError, Closed):
        entrepot.log.wait_for("this process ends, so that the service manager restarts it")
        eventually(lambda: not entrepot.running, what="the end that refused connections announce")


def restart_if_asked(entrepot) -> None:
    if not entrepot.running:
        assert entrepot.wait_exit() == EXIT_RESTART
        entrepot.start()


def assert_keeps(entrepot, upstream, seed: int, timeout: float = DEADLINE) -> None:
    """Pulled objects are stored again without an operator, by a restart if the process requests one,
    and all of them are found again after another restart."""
    numbers = iter(range(seed, seed + 10_000))

    def pull_some() -> list[content.Blob]:
        blobs = add_blobs(upstream, 10 * next(numbers), SIZES)
        for blob in blobs:
            assert_whole(entrepot.get(blob_target(blob)), blob)
        settled(entrepot)
        return blobs

    def kept() -> bool:
        restart_if_asked(entrepot)
        with may_ask_for_restart(entrepot):
            return file_of(entrepot, pull_some()[-1]).exists()
        return False
    eventually(kept, timeout, "keeping again")
    blobs = pull_some()
    assert entrepot.admin("/readyz").status == 200
    entrepot.restart()
    for blob in blobs:
        assert_hit(entrepot.get(blob_target(blob)), blob)
