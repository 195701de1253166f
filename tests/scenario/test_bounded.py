# SPDX-License-Identifier: Apache-2.0
"""The cache keeps within its disk, and a full, small or broken disk is nobody's business but its
own: what cannot be kept is passed through."""

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
                            blob_target)
from support.client import download_together
from support.gate import Gate, eventually

MIB = content.MIB


def disk_usage(directory: Path) -> int:
    """As du counts. A file may go while we look."""
    used = 0
    for path in directory.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            used += path.lstat().st_blocks * 512
    return used


def in_memory_files(entrepot) -> int:
    """What files in memory hold, which no figure of /proc/PID/status tells."""
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


def test_never_above_its_size(start, upstream):
    """Four times as much as fits, by several clients: all right, and never more on the disk."""
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
    evicted = entrepot.metrics().sum("cache_evictions_total", reason="size")
    assert evicted >= 48
    assert entrepot.metrics().sum("cache_evicted_bytes_total") == evicted * 2 * MIB
    assert upstream.count("blob", method="GET") == len(everything)
    # What is told is what is there.
    used = disk_usage(cache_directory(entrepot))
    assert abs(entrepot.metrics().sum("cache_bytes") - used) <= 0.01 * used + 32 * 1024


def test_what_is_used_stays(start, upstream):
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
    files = [path for path in (cache_directory(entrepot) / "blobs").rglob("*") if path.is_file()]
    # It answers before all that it has is known to it.
    eventually(lambda: entrepot.metrics().sum("cache_objects", kind="blob") == len(files),
               what="all that is there")
    assert disk_usage(cache_directory(entrepot)) <= 16 * MIB
    upstream.forget()
    for blob in everything:
        assert_whole(entrepot.get(blob_target(blob)), blob)
    assert upstream.count("blob", method="GET") >= len(everything) - len(files)


def test_what_is_read_is_not_evicted(start, upstream):
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


class TestPassingThrough:
    """A blob of more than a quarter of the cache."""

    @pytest.fixture
    def entrepot(self, start):
        return start(cache={"max_size": "64MiB", "reserve_free": 0})

    @pytest.fixture
    def large(self, upstream):
        return upstream.add_blob(REPOSITORY, content.blob(40 * MIB, seed=5))

    def test_it_is_right_and_not_kept(self, entrepot, upstream, large):
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
        assert entrepot.metrics().sum("requests_total", outcome="bypass") == 2
        entrepot.log.wait_for("200 bypass too-large")

    def test_one_transfer_for_all_who_ask_together(self, entrepot, upstream, large):
        gate = Gate()
        upstream.script(faults.hold_at(0, gate), kind="blob", method="GET", times=1)
        downloads = download_together(entrepot.port, [blob_target(large)] * 10)
        eventually(lambda: entrepot.metrics().sum("connections") >= 10, what="ten connections")
        entrepot.get("/v2/")
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
            assert sent < large.size / 2
            if not os.environ.get("ENTREPOT_SANITIZE"):
                assert entrepot.memory()["RssAnon"] - before["RssAnon"] < 8 * MIB
            assert in_memory_files(entrepot) < 8 * MIB
            # Who comes now is not held up by it.
            assert_whole(entrepot.get(blob_target(large), keep=False), large)
        # With its last reader a transfer that nobody keeps ends.
        eventually(lambda: entrepot.metrics().sum("flights") == 0, what="no flights")
        assert upstream.body_bytes() < 2 * large.size

    def test_memory_is_bounded_where_nobody_is_slow(self, entrepot, upstream, large):
        """The window is never full then, and goes along all the same."""
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

    def test_one_who_takes_nothing_is_left_behind(self, entrepot, upstream, large):
        """He holds up those who came with him for ten seconds, and gets no byte that is wrong."""
        gate = Gate()
        upstream.script(faults.hold_at(0, gate), kind="blob", method="GET", times=1)
        with entrepot.connect(receive_buffer=4096) as stuck:
            stuck.send_request("GET", blob_target(large))
            gate.wait_arrived()
            others = download_together(entrepot.port, [blob_target(large)] * 3)
            eventually(lambda: entrepot.metrics().sum("connections") >= 4, what="four connections")
            for _ in range(8):  # of each loop one at least, behind what those four have sent
                entrepot.get("/v2/")
            gate.open()
            for other in others:
                assert_whole(other.finish(), large)
            entrepot.log.wait_for("1 clients that had been holding up the others")
            response = stuck.read_response()
        assert not response.complete
        assert_never_wrong(response, large)
        assert upstream.count("blob", method="GET") == 1

    def test_wrong_bytes_reach_nobody_whole(self, entrepot, upstream, large):
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


def test_the_rest_of_the_disk_is_someone_elses(start, upstream, small_disk):
    """max_size is more than there is: what the file system must keep free is what counts."""
    entrepot = start(cache={"directory": str(small_disk / "cache"), "max_size": "10GiB",
                            "reserve_free": "16MiB"})
    for blob in blobs(upstream, 80, MIB):
        assert_whole(entrepot.get(blob_target(blob)), blob)
        free = os.statvfs(small_disk)
        assert free.f_bavail * free.f_frsize >= 16 * MIB
    assert entrepot.metrics().sum("cache_evictions_total", reason="reserve") > 0
    assert not entrepot.log.search("other programs have taken the rest"), "nobody has"
    # And what room there is is used.
    kept = [path for path in (small_disk / "cache" / "blobs").rglob("*") if path.is_file()]
    assert 40 <= len(kept) <= 48


def test_nobody_leaves_for_what_is_too_large_for_this_disk(start, upstream, small_disk):
    """max_size would have room for it."""
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
    """D1: what cannot be kept is passed through, and kept again when there is room."""
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


def test_blobs_leave_for_what_others_write(start, upstream, small_disk):
    """D1: the file system keeps its reserve, and the log says once why blobs are gone."""
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
    """D1, D5: the client who meets the failure gets its blob, and so do all after it."""
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
    assert not file.exists()


def test_sync_fails(start, upstream, failing):
    """D6: bytes whose sync failed are not believed."""
    entrepot = start()
    blob = upstream.add_blob(REPOSITORY, content.blob(3 * MIB, seed=4))
    file = cache_directory(entrepot) / "fills" / blob.digest.replace(":", "-")
    failing(entrepot, "fdatasync", "EIO", file)
    assert_whole(entrepot.get(blob_target(blob)), blob)
    eventually(lambda: entrepot.metrics().sum("flights") == 0, what="no flights")
    assert not file.exists()
    assert_whole(entrepot.get(blob_target(blob)), blob)
    assert upstream.count("blob", method="GET") == 2
    assert entrepot.metrics().sum("disk_errors_total", operation="sync") >= 1
