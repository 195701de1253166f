# SPDX-License-Identifier: Apache-2.0
"""SIGKILL at every point at which the disk changes: clients then get the right bytes, the reported
size is that of the disk, and nothing needs an operator.

One scripted run touches every path to the disk: blobs in the index, in small and large files, a tag
that moves, evictions. The calls of the run are counted once; then it is repeated with a kill at the
n-th call of each kind. The short form takes a few points of each kind; ENTREPOT_CRASH_POINTS=all
takes all of them.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from support import content
from support.checks import REPOSITORY, assert_whole, blob_target, manifest_target
from support.client import Closed
from support.daemon import Daemon
from support.gate import eventually

KIB, MIB = content.KIB, content.MIB
LIMIT = 12 * MIB
# System calls of the mirror and of RocksDB that change the disk.
CALLS = ["pwrite64", "write", "fdatasync", "fsync", "rename", "mkdir", "unlink", "openat", "ftruncate"]
# How many points of each kind the short form takes: more where one of our steps ends.
SHORT = 2 if os.environ.get("ENTREPOT_SANITIZE") else 3
SHORT_OF = {"fsync": 4 * SHORT, "rename": 2 * SHORT}


class Upstream:
    """The objects that the run requests."""

    def __init__(self, upstream):
        self.upstream = upstream
        self.images = [upstream.add_image(REPOSITORY, content.image(sizes, seed=n), f"v{n}")
                       for n, sizes in enumerate([(10 * KIB, 100 * KIB, 2 * MIB),
                                                  (5 * KIB, 300 * KIB, 2 * MIB + 1)], 1)]
        self.many = [upstream.add_blob(REPOSITORY, content.blob(2 * MIB, seed=100 + n))
                     for n in range(6)]

    def everything(self):
        for number, image in enumerate(self.images, 1):
            yield manifest_target(f"v{number}"), image.manifest
            for blob in image.blobs:
                yield blob_target(blob), blob
        for blob in self.many:
            yield blob_target(blob), blob

    def run(self, entrepot) -> None:
        """Requests all objects until the process is gone; a complete response has the right
        bytes."""
        try:
            for target, thing in self.everything():
                response = entrepot.get(target)
                if response.complete and response.status == 200:
                    assert_whole(response, thing)
            self.upstream.set_tag(REPOSITORY, "v1", self.images[1].manifest.digest)
            entrepot.get(manifest_target("v1"), headers={"Cache-Control": "no-cache"})
        except (OSError, Closed):
            pass
        finally:
            self.upstream.set_tag(REPOSITORY, "v1", self.images[0].manifest.digest)


@pytest.fixture
def script(upstream):
    return Upstream(upstream)


@pytest.fixture
def make(prepare):
    return lambda: prepare(cache={"max_size": "12MiB", "reserve_free": 0},
                           log={"level": "info", "format": "text", "access": False})


def trace(entrepot, *expressions: str) -> Daemon:
    tracer = Daemon("strace", "-f", "-p", str(entrepot.pid), *expressions)
    tracer.log.wait_for("attached")
    return tracer


def settled(entrepot) -> None:
    eventually(lambda: entrepot.metrics().sum("flights") == 0, what="no flights")


def calls_of_a_run(make, script) -> dict[str, int]:
    entrepot = make().start()
    tracer = trace(entrepot, "-e", f"trace={','.join(CALLS)}")
    script.run(entrepot)
    settled(entrepot)
    tracer.stop()  # first: the leak check does not work under a tracer
    entrepot.terminate()
    counts = {call: 0 for call in CALLS}
    for line in tracer.log.lines:
        if match := re.search(r"^(?:\[pid +\d+\] )?(\w+)\(", line):
            counts[match[1]] = counts.get(match[1], 0) + 1
    return counts


def points(call: str, count: int) -> list[int]:
    """The n-th calls at which to kill."""
    short = SHORT_OF.get(call, SHORT)
    if os.environ.get("ENTREPOT_CRASH_POINTS") == "all" or count <= short:
        return list(range(1, count + 1))
    return sorted({1 + n * (count - 1) // (short - 1) for n in range(short)})


def blob_files(entrepot) -> dict[str, int]:
    directory = Path(entrepot.config["cache"]["directory"]) / "blobs"
    return {path.name: path.stat().st_size for path in directory.rglob("*") if path.is_file()}


def assert_accounted(entrepot) -> None:
    """The reported size is the size on the disk: no file lies there uncounted."""
    directory = Path(entrepot.config["cache"]["directory"])

    def used() -> int:
        return sum(path.lstat().st_blocks * 512 for path in directory.rglob("*")
                   if path.is_file())
    eventually(lambda: abs(entrepot.metrics().sum("cache_bytes") - used()) <= 0.01 * used() + 65536,
               what="accounted bytes within 1 % of du")
    assert used() <= LIMIT


def assert_sound(entrepot, script) -> None:
    """After the next start all objects are served right, and the size is right before and after."""
    assert_accounted(entrepot)
    for _ in range(2):
        for target, thing in script.everything():
            response = entrepot.get(target)
            if target.endswith("/v1"):  # the tag moved: either manifest is right
                thing = next((image.manifest for image in script.images
                              if image.manifest.data == response.body), thing)
            assert_whole(response, thing)
    settled(entrepot)
    assert_accounted(entrepot)
    # Every file has the size of its blob.
    sizes = {thing.digest[7:]: thing.size for _, thing in script.everything()}
    for name, size in blob_files(entrepot).items():
        assert size == sizes[name]
    assert not entrepot.log.search(r" error .*(index|bug)")


def kill_at(make, script, call: str, when: int) -> None:
    entrepot = make().start()
    tracer = trace(entrepot, "-e", f"trace={call}", "-e",
                   f"inject={call}:signal=SIGKILL:when={when}")
    script.run(entrepot)
    try:
        settled(entrepot)
    except (OSError, Closed):
        pass
    if entrepot.running:  # the run made fewer calls this time
        entrepot.kill9()
    else:
        assert entrepot.wait_exit() == -9
    tracer.stop()
    entrepot.start()
    assert_sound(entrepot, script)
    entrepot.terminate()
    subprocess.run(["rm", "-rf", str(entrepot.directory)], check=True)


@pytest.mark.parametrize("call", CALLS)
def test_kill_at(make, script, call):
    count = calls_of_a_run(make, script)[call]
    for when in points(call, count):
        kill_at(make, script, call, when)


def test_kills_during_the_start(make, script):
    """Ten starts are killed; the eleventh finds all objects."""
    entrepot = make().start()
    script.run(entrepot)
    settled(entrepot)
    entrepot.kill9()
    for _ in range(10):
        entrepot.start()
        entrepot.kill9()
    entrepot.start()
    assert_sound(entrepot, script)


def test_an_entry_whose_file_is_gone(make, upstream):
    """Eviction unlinks a file before the index has erased its entry; the kill comes between, at the
    write of the index's log. The size does not count an entry without a file, even if no client
    requests it."""
    entrepot = make().start()
    blobs = [upstream.add_blob(REPOSITORY, content.blob(2 * MIB, seed=200 + n)) for n in range(4)]
    for blob in blobs:
        assert_whole(entrepot.get(blob_target(blob)), blob)
    eventually(lambda: entrepot.metrics().sum("cache_objects", kind="blob") == 4, what="4 kept")
    entrepot.kill9()
    name = blobs[0].digest[7:]
    directory = Path(entrepot.config["cache"]["directory"])
    (directory / "blobs" / "sha256" / name[:2] / name).unlink()
    entrepot.start()
    assert_accounted(entrepot)
