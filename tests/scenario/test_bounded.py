# SPDX-License-Identifier: Apache-2.0
"""The cache keeps within its disk space. On a full, small or broken disk, objects that cannot be
stored pass through."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest

from support import content, faults
from support.checks import (REPOSITORY, assert_error, assert_hit, assert_never_wrong, assert_whole,
                            blob_target, manifest_target)
from support.client import download_together, wait_until_read
from support.gate import Gate, eventually

MIB = content.MIB


def disk_usage(directory: Path) -> int:
    """Counts as du does. A file may go during the count."""
    used = 0
    for path in directory.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            used += path.lstat().st_blocks * 512
    return used


def in_memory_files(entrepot) -> int:
    """The bytes in files in memory, which no figure of /proc/PID/status counts."""
    held = 0
    for fd in Path(f"/proc/{entrepot.pid}/fd").iterdir():
        try:
            if "entrepot-passing" in os.readlink(fd):
                held += os.stat(fd).st_blocks * 512
        except FileNotFoundError:
            pass  # closed meanwhile
    return held


@pytest.fixture
def small_disk():
    """A file system of 64 MiB for the cache alone."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    with tempfile.TemporaryDirectory(prefix="disk-") as place:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64M", "tmpfs", place], check=True)
        try:
            yield Path(place)
        finally:
            subprocess.run(["umount", "-l", place], check=True)


def cache_directory(entrepot) -> Path:
    return Path(entrepot.config["cache"]["directory"])


def blobs(upstream, count: int, size: int) -> list[content.Blob]:
    return [upstream.add_blob(REPOSITORY, content.blob(size, seed=n)) for n in range(count)]


def test_the_cache_never_exceeds_its_size(start, upstream):
    """Several clients pull four times as much as fits: all bytes are right, and the disk never
    holds more."""
    limit = 32 * MIB
    entrepot = start(cache={"max_size": "32MiB", "reserve_free": 0})
    everything = blobs(upstream, 64, 2 * MIB)
    most = 0
    for at in range(0, len(everything), 4):
        batch = everything[at:at + 4]
        targets = [blob_target(blob) for blob in batch for _ in range(2)]
        for download, blob in zip(download_together(entrepot.port, targets),
                                  [blob for blob in batch for _ in range(2)]):
            assert_whole(download.finish(), blob)
        most = max(most, disk_usage(cache_directory(entrepot)))
    assert most <= limit
    assert most > limit // 2, "room that is not used"
    # The background job leaves a little free.
    eventually(lambda: entrepot.metrics().sum("cache_bytes") <= 0.99 * limit, what="1 % free")

    def counted_in_bytes() -> bool:
        metrics = entrepot.metrics()  # of one moment, in which an eviction may be half counted
        evicted = metrics.sum("cache_evictions_total", reason="size")
        return evicted >= 48 and metrics.sum("cache_evicted_bytes_total") == evicted * 2 * MIB
    eventually(counted_in_bytes, what="evictions of 2 MiB each")
    assert upstream.count("blob", method="GET") == len(everything)
    # The reported size is the size on the disk.
    used = disk_usage(cache_directory(entrepot))
    assert abs(entrepot.metrics().sum("cache_bytes") - used) <= 0.01 * used + 32 * 1024


def test_a_used_blob_is_not_evicted(start, upstream):
    entrepot = start(cache={"max_size": "32MiB", "reserve_free": 0})
    wanted = upstream.add_blob(REPOSITORY, content.blob(2 * MIB, seed=1000))
    for _ in range(4):
        assert_whole(entrepot.get(blob_target(wanted)), wanted)
    for blob in blobs(upstream, 40, 2 * MIB):
        assert_whole(entrepot.get(blob_target(blob)), blob)
    assert_hit(entrepot.get(blob_target(wanted)), wanted)


def test_evicted_blobs_do_not_come_back_by_a_restart(start, upstream):
    entrepot = start(cache={"max_size": "16MiB", "reserve_free": 0})
    everything = blobs(upstream, 20, 2 * MIB)
    for blob in everything:
        assert_whole(entrepot.get(blob_target(blob)), blob)
    entrepot.restart()

    def files() -> int:
        return sum(path.is_file() for path in (cache_directory(entrepot) / "blobs").rglob("*"))
    # The process answers before it has read its whole index; then it may evict one to leave a little free.
    eventually(lambda: entrepot.metrics().sum("cache_objects", kind="blob") == files() > 0,
               what="all entries loaded")
    kept = files()
    assert disk_usage(cache_directory(entrepot)) <= 16 * MIB
    upstream.forget()
    for blob in everything:
        assert_whole(entrepot.get(blob_target(blob)), blob)
    assert upstream.count("blob", method="GET") >= len(everything) - kept


def test_a_blob_that_is_being_read_is_not_evicted(start, upstream):
    entrepot = start(cache={"max_size": "32MiB", "reserve_free": 0})
    read = upstream.add_blob(REPOSITORY, content.blob(7 * MIB, seed=1))
    assert_whole(entrepot.get(blob_target(read)), read)
    with entrepot.connect(receive_buffer=4096) as slow:
        slow.send_request("GET", blob_target(read))
        slow.read_head()
        for blob in blobs(upstream, 30, 2 * MIB):
            assert_whole(entrepot.get(blob_target(blob)), blob)
        upstream.forget()
        assert_hit(entrepot.get(blob_target(read)), read)
    assert upstream.count() == 0


def kernel_buffers() -> int:
    """The most bytes that the kernel holds of a TCP connection; it grows them as it sees fit."""
    return sum(int(Path(f"/proc/sys/net/ipv4/{name}").read_text().split()[2])
               for name in ("tcp_rmem", "tcp_wmem"))


def wait_until_joined(entrepot, downloads) -> None:
    """As wait_until_read(), until the requests have reached the transfer as well: a later request,
    for something else, has gone the same way through the pools and the fetch loop and back."""
    wait_until_read(entrepot, downloads)
    assert entrepot.get(manifest_target(f"sha256:{'0' * 64}")).status == 404


class TestPassingThrough:
    """A blob of more than a quarter of the cache."""

    @pytest.fixture
    def entrepot(self, start):
        return start(cache={"max_size": "64MiB", "reserve_free": 0}, threads={"serve": 1})

    @pytest.fixture
    def large(self, upstream):
        return upstream.add_blob(REPOSITORY, content.blob(56 * MIB, seed=5))

    def test_its_bytes_are_right_and_not_stored(self, entrepot, upstream, large):
        small = upstream.add_blob(REPOSITORY, content.blob(MIB, seed=6))
        assert_whole(entrepot.get(blob_target(small)), small)
        for _ in range(2):
            response = entrepot.get(blob_target(large), keep=False)
            assert_whole(response, large)
        assert upstream.count("blob", reference=large.digest) == 2
        assert disk_usage(cache_directory(entrepot)) < 4 * MIB
        assert_hit(entrepot.get(blob_target(small)), small)
        eventually(lambda: entrepot.metrics().sum("bypass_total", reason="too-large") == 2,
                   what="two counted")
        eventually(lambda: entrepot.metrics().sum("requests_total", outcome="bypass") == 2,
                   what="two requests counted")
        entrepot.log.wait_for("200 bypass too-large")

    def test_one_transfer_serves_concurrent_requests(self, entrepot, upstream, large):
        gate = Gate()
        upstream.script(faults.hold_at(0, gate), kind="blob", method="GET", times=1)
        downloads = download_together(entrepot.port, [blob_target(large)] * 10)
        wait_until_joined(entrepot, downloads)
        gate.open()
        for download in downloads:
            assert_whole(download.finish(), large)
        assert upstream.count("blob", method="GET") == 1

    def test_memory_is_bounded_whatever_a_reader_does(self, entrepot, upstream, large):
        before = entrepot.memory()
        with entrepot.connect(receive_buffer=4096) as stuck:
            stuck.send_request("GET", blob_target(large))
            stuck.read_head()
            # The upstream is held while the only reader stands still.
            sent = 0
            while sent != (sent := upstream.body_bytes()) or sent == 0:
                threading.Event().wait(0.2)
            assert sent < kernel_buffers() + 8 * MIB < large.size
            if not os.environ.get("ENTREPOT_SANITIZE"):
                assert entrepot.memory()["RssAnon"] - before["RssAnon"] < 8 * MIB
            assert in_memory_files(entrepot) < 8 * MIB
            # The slow reader does not delay a new one.
            assert_whole(entrepot.get(blob_target(large), keep=False), large)
        # The transfer, which is not stored, ends with its last reader.
        eventually(lambda: entrepot.metrics().sum("flights") == 0, what="no flights")
        assert upstream.body_bytes() < 2 * large.size

    def test_memory_is_bounded_with_fast_readers(self, entrepot, upstream, large):
        """The window is never full then, and moves nevertheless."""
        upstream.script(faults.rate(20 * MIB), kind="blob", method="GET", times=1)
        download = download_together(entrepot.port, [blob_target(large)])[0]
        most = 0

        def nearly_all() -> bool:
            nonlocal most
            most = max(most, in_memory_files(entrepot))
            return upstream.body_bytes() > large.size - 2 * MIB
        eventually(nearly_all, what="the end of the transfer")
        assert_whole(download.finish(), large)
        assert MIB < most < 8 * MIB

    def test_a_reader_that_takes_nothing_is_cut(self, entrepot, upstream, large):
        """The reader delays the other clients of its transfer for ten seconds, and gets no wrong
        byte."""
        gate = Gate()
        upstream.script(faults.hold_at(0, gate), kind="blob", method="GET", times=1)
        with entrepot.connect(receive_buffer=4096) as stuck:
            stuck.send_request("GET", blob_target(large))
            gate.wait_arrived()
            others = download_together(entrepot.port, [blob_target(large)] * 3)
            wait_until_joined(entrepot, others)
            gate.open()
            for other in others:
                assert_whole(other.finish(), large)
            entrepot.log.wait_for("1 clients that delayed the others")
            response = stuck.read_response()
        assert not response.complete
        assert_never_wrong(response, large)
        assert upstream.count("blob", method="GET") == 1

    def test_wrong_bytes_are_never_a_complete_response(self, entrepot, upstream, large):
        upstream.script(faults.flip_byte(large.size - 1), kind="blob", method="GET", times=1)
        response = entrepot.get(blob_target(large), keep=False)
        assert not response.complete and response.received <= large.size - content.TAIL
        assert_whole(entrepot.get(blob_target(large), keep=False), large)

    @pytest.mark.parametrize("ranges", [True, False])
    def test_a_broken_transfer_is_resumed(self, entrepot, upstream, large, ranges):
        upstream.script(faults.reset_after(30 * MIB), kind="blob", method="GET", times=1)
        if not ranges:
            upstream.script(faults.ignore_range, kind="blob")
        assert_whole(entrepot.get(blob_target(large), keep=False), large)
        assert upstream.requests("blob", method="GET")[-1].range is not None


def test_a_small_file_system(start, upstream, small_disk):
    """300 blobs of 1 MiB through 64 MiB, by eight clients at a time."""
    entrepot = start(cache={"directory": str(small_disk / "cache"), "max_size": "48MiB",
                            "reserve_free": "4MiB"})
    everything = blobs(upstream, 300, MIB)
    for at in range(0, len(everything), 8):
        batch = everything[at:at + 8]
        for download, blob in zip(
                download_together(entrepot.port, [blob_target(blob) for blob in batch]), batch):
            assert_whole(download.finish(), blob)
        assert disk_usage(small_disk) <= 48 * MIB
    assert entrepot.metrics().sum("disk_errors_total") == 0


def test_the_reserve_of_the_disk_stays_free(start, upstream, small_disk):
    """max_size is larger than the disk: the reserve of the file system counts."""
    entrepot = start(cache={"directory": str(small_disk / "cache"), "max_size": "10GiB",
                            "reserve_free": "16MiB"})
    for blob in blobs(upstream, 80, MIB):
        assert_whole(entrepot.get(blob_target(blob)), blob)
        free = os.statvfs(small_disk)
        assert free.f_bavail * free.f_frsize >= 16 * MIB
    assert entrepot.metrics().sum("cache_evictions_total", reason="reserve") > 0
    assert not entrepot.log.search("other programs have taken the rest"), "no other program has"
    # And the cache uses the room that there is.
    kept = [path for path in (small_disk / "cache" / "blobs").rglob("*") if path.is_file()]
    assert 40 <= len(kept) <= 48


def test_a_blob_too_large_for_the_disk_evicts_nothing(start, upstream, small_disk):
    """max_size would have room for the blob, the disk has not."""
    entrepot = start(cache={"directory": str(small_disk / "cache"), "max_size": "10GiB",
                            "reserve_free": "16MiB"})
    kept = blobs(upstream, 30, MIB)
    for blob in kept:
        assert_whole(entrepot.get(blob_target(blob)), blob)
    large = upstream.add_blob(REPOSITORY, content.blob(100 * MIB, seed=9))
    assert "fwd=bypass" in entrepot.get(blob_target(large), keep=False).outcome
    eventually(lambda: entrepot.metrics().sum("bypass_total", reason="too-large") == 1,
               what="one counted")
    for blob in kept:
        assert_hit(entrepot.get(blob_target(blob)), blob)
    assert entrepot.metrics().sum("cache_evictions_total") == 0


def test_a_disk_filled_by_others(start, upstream, small_disk):
    """Blobs pass through while the disk is full, and are stored again when there is room."""
    entrepot = start(cache={"directory": str(small_disk / "cache"), "max_size": "48MiB",
                            "reserve_free": 0})
    filler = small_disk / "filler"
    with filler.open("wb") as file:
        with pytest.raises(OSError):
            while True:
                file.write(b"x" * MIB)
                file.flush()
    blob, other = blobs(upstream, 2, 3 * MIB)
    for _ in range(2):
        assert_whole(entrepot.get(blob_target(blob)), blob)
    assert upstream.count("blob", method="GET") == 2
    eventually(lambda: entrepot.metrics().sum("bypass_total", reason="disk-full") == 2,
               what="two counted")
    filler.unlink()
    assert_whole(entrepot.get(blob_target(other)), other)
    eventually(lambda: "; hit" in entrepot.get(blob_target(other)).outcome, what="a hit")


def test_writes_of_others_evict_blobs(start, upstream, small_disk):
    """The cache evicts blobs to keep the reserve of the file system, and logs the reason once."""
    entrepot = start(cache={"directory": str(small_disk / "cache"), "max_size": "40MiB",
                            "reserve_free": "8MiB"})
    for blob in blobs(upstream, 30, MIB):
        assert_whole(entrepot.get(blob_target(blob)), blob)
    assert entrepot.metrics().sum("cache_evictions_total") == 0
    (small_disk / "others").write_bytes(bytes(28 * MIB))

    def reserve_kept() -> bool:
        free = os.statvfs(small_disk)
        return free.f_bavail * free.f_frsize >= 8 * MIB
    eventually(reserve_kept, what="blobs leave")
    entrepot.log.wait_for("other programs have taken the rest")
    for blob in blobs(upstream, 10, MIB):
        assert_whole(entrepot.get(blob_target(blob)), blob)
        assert reserve_kept()
    assert entrepot.metrics().sum("cache_evictions_total", reason="reserve") >= 10
    assert entrepot.metrics().sum("cache_evictions_total", reason="size") == 0
    assert entrepot.log.text.count("other programs have taken the rest") == 1


@pytest.mark.parametrize("error, reason", [("EIO", "disk-error"), ("ENOSPC", "disk-full")])
def test_writes_fail(start, upstream, failing, error, reason):
    """The client of a failed write gets its blob, and so do all later clients."""
    entrepot = start()
    blob = upstream.add_blob(REPOSITORY, content.blob(9 * MIB, seed=3))
    file = cache_directory(entrepot) / "fills" / blob.digest.replace(":", "-")
    failing(entrepot, "pwrite64", error, file)
    for _ in range(2):
        assert_whole(entrepot.get(blob_target(blob)), blob)
    assert upstream.count("blob", method="GET") == 2
    assert entrepot.metrics().sum("disk_errors_total", operation="write") >= 1
    eventually(lambda: entrepot.metrics().sum("bypass_total", reason=reason) == 2,
               what="both counted")
    eventually(lambda: not file.exists(), what="the end of the file")


def test_sync_fails(start, upstream, failing):
    """Bytes whose sync failed are not served as stored."""
    entrepot = start()
    blob = upstream.add_blob(REPOSITORY, content.blob(3 * MIB, seed=4))
    file = cache_directory(entrepot) / "fills" / blob.digest.replace(":", "-")
    failing(entrepot, "fdatasync", "EIO", file)
    assert_whole(entrepot.get(blob_target(blob)), blob)
    eventually(lambda: entrepot.metrics().sum("flights") == 0, what="no flights")
    eventually(lambda: not file.exists(), what="the end of the file")
    assert_whole(entrepot.get(blob_target(blob)), blob)
    assert upstream.count("blob", method="GET") == 2
    assert entrepot.metrics().sum("disk_errors_total", operation="sync") >= 1
