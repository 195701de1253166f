# SPDX-License-Identifier: Apache-2.0
"""A serve loop never waits for the disk (reliability notes, D11): while cold blobs are read from a disk
that takes 200 ms for each window, what is in memory is answered as fast as ever."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from support import client, content
from support.checks import REPOSITORY, assert_whole, blob_target, manifest_target
from support.disk import forget
from support.gate import eventually
from support.throttle import Throttle

KIB, MIB = content.KIB, content.MIB
GIB = 1024 * MIB
# A window of 4 MiB takes 200 ms.
RATE = 20 * MIB
READERS = 3  # one more than the threads that may wait for the disk
ROUNDS = 300
ALLOWED = 0.050
CHECKED = pytest.mark.skipif(bool(os.environ.get("ENTREPOT_SANITIZE")), reason="a figure of time")


@pytest.fixture
def throttle():
    made = Throttle()
    yield made
    made.close()


@pytest.fixture
def disk(make_disk, throttle):  # its process leaves before the group goes
    return make_disk(2 * GIB)


def add_sparse(upstream, size: int) -> content.Blob:
    """Nothing but zeros, which a sparse file of the upstream's holds."""
    path = Path(upstream._files.name) / "sparse"
    with path.open("wb") as file:
        file.truncate(size)
    with path.open("rb") as file:
        digest = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    blob = content.Blob(b"", digest)
    upstream.role.blobs.setdefault(REPOSITORY, {})[digest] = (blob, str(path))
    return blob


class Mirror:
    """With a large blob that lies on the disk alone, and small things that are in memory."""

    def __init__(self, start, upstream, disk):
        self.image = upstream.add_image(REPOSITORY, content.image((20 * KIB, MIB)), "latest")
        self.cold = add_sparse(upstream, GIB)
        self.entrepot = start(
            cache={"directory": str(disk.place / "cache"), "max_size": "16GiB", "reserve_free": 0},
            # One loop, which therefore has both the cold and the hot.
            threads={"serve": 1, "fetch": 1, "store": READERS - 1})
        response = self.entrepot.get(blob_target(self.cold), keep=False)
        assert response.complete and response.sha256 == self.cold.digest
        for target, thing in self.hot():
            assert_whole(self.entrepot.get(target), thing)
        eventually(lambda: self.entrepot.metrics().sum("flights") == 0, what="no flights")
        forget(disk.place / "cache" / "blobs" / "sha256" / self.cold.digest[7:9]
               / self.cold.digest[7:])

    def hot(self):
        yield manifest_target("latest"), self.image.manifest
        yield blob_target(self.image.layers[0]), self.image.layers[0]  # in the small-object memory
        yield blob_target(self.image.layers[1]), self.image.layers[1]  # a file in the page cache

    def measure(self, rounds: int = ROUNDS) -> dict[str, list[float]]:
        """Seconds each answer took, over connections that are kept."""
        targets = [(target, self.entrepot.port) for target, _ in self.hot()]
        targets.append(("/healthz", self.entrepot.admin_port))
        took: dict[str, list[float]] = {target: [] for target, _ in targets}
        connections = [client.Connection(port) for _, port in targets]
        until = time.monotonic() + 10  # of a mirror that fails
        for _ in range(rounds):
            if time.monotonic() > until:
                break
            for (target, _), connection in zip(targets, connections):
                began = time.monotonic()
                connection.send_request("GET", target)
                assert connection.read_response(keep=False).complete
                took[target].append(time.monotonic() - began)
        for connection in connections:
            connection.close()
        return took

    def read_cold(self) -> list[client.Download]:
        """Readers that are a long way apart, each waiting for the disk."""
        readers = [self.entrepot.download(blob_target(self.cold),
                                          headers=[("Range", f"bytes={GIB // READERS * n}-")])
                   for n in range(READERS)]
        for reader in readers:
            reader.wait_received(1)
        return readers


def p99(times: list[float]) -> float:
    return sorted(times)[len(times) * 99 // 100]


def report(what: str, took: dict[str, list[float]]) -> dict[str, float]:
    figures = {target: p99(times) for target, times in took.items()}
    for target, figure in figures.items():
        print(f"{what}: p99 {1000 * figure:.2f} ms, most {1000 * max(took[target]):.2f} ms: {target[:45]}")
    return figures


# Where the kernel reads further ahead than a window is long, all pages of the next window are in the page
# cache before their bytes are.
@CHECKED
@pytest.mark.parametrize("ahead", [128, 4096])
def test_what_is_in_memory_does_not_wait(throttle, disk, start, upstream, ahead):
    disk.read_ahead(ahead)
    mirror = Mirror(start, upstream, disk)
    alone = report("alone", mirror.measure())
    throttle.add(mirror.entrepot.pid)
    throttle.reads(disk.numbers, RATE)
    readers = mirror.read_cold()
    before = [reader.received for reader in readers]
    beside = report("beside cold reads", mirror.measure())
    for reader, had in zip(readers, before):
        assert had < reader.received and reader.response is None, "was not being read all the while"
        reader.leave()
    for target, figure in beside.items():
        assert figure <= max(ALLOWED, 3 * alone[target]), target


@CHECKED
def test_the_measure_sees_a_loop_that_waits(throttle, disk, start, upstream, failing):
    """The same with a mirror that is told that everything is in the page cache: the test above is
    one that can fail."""
    disk.read_ahead(128)
    mirror = Mirror(start, upstream, disk)
    failing(mirror.entrepot, "preadv2", "retval=1")
    throttle.add(mirror.entrepot.pid)
    throttle.reads(disk.numbers, RATE)
    reader = mirror.entrepot.download(blob_target(mirror.cold))
    reader.wait_received(1)
    beside = report("beside a loop that reads the disk", mirror.measure(3))
    reader.leave()
    assert beside[manifest_target("latest")] > 2 * ALLOWED
