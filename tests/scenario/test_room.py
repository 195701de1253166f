# SPDX-License-Identifier: Apache-2.0
"""Sizes of the cache as parts of its file system, and sizes that leave no room."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from support import content
from support.checks import REPOSITORY, assert_whole, blob_target
from support.entrepot import run
from support.gate import eventually
from support.reload import reload

MIB = content.MIB


def disk_size(place) -> int:
    status = os.statvfs(place)
    return status.f_blocks * status.f_frsize


def max_bytes(entrepot) -> int:
    return int(entrepot.metrics().sum("cache_max_bytes"))


def no_room(entrepot) -> dict[str, int]:
    samples = entrepot.metrics()
    return {reason: int(samples.sum("cache_no_room", reason=reason))
            for reason in ("max-size", "reserve-disk", "reserve-free")}


def test_a_part_of_the_file_system(start):
    """And another part at SIGHUP."""
    entrepot = start(cache={"max_size": "40%", "reserve_free": "1%"})
    total = disk_size(entrepot.config["cache"]["directory"])
    assert max_bytes(entrepot) == total // 100 * 40 + total % 100 * 40 // 100
    entrepot.config["cache"]["max_size"] = "41%"
    reload(entrepot)
    eventually(lambda: max_bytes(entrepot) == total // 100 * 41 + total % 100 * 41 // 100, what="41 %")
    assert entrepot.log.search(r"SIGHUP: cache\.max_size: 40% -> 41%$")


def test_a_file_system_that_grows(start, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64M", "tmpfs", str(place)], check=True)
    try:
        entrepot = start(cache={"directory": str(place / "cache"), "max_size": "50%", "reserve_free": "10%"})
        assert max_bytes(entrepot) == 32 * MIB
        subprocess.run(["mount", "-o", "remount,size=128M", str(place)], check=True)
        eventually(lambda: max_bytes(entrepot) == 64 * MIB, what="half of it")
        reserve = 128 * MIB // 100 * 10 + 128 * MIB % 100 * 10 // 100
        eventually(lambda: entrepot.metrics().sum("disk_reserve_bytes") == reserve, what="a tenth")
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.parametrize("reason, sizes, why", [
    ("reserve-disk", {"max_size": "1GiB", "reserve_free": "8000TiB"}, "cache.reserve_free keeps 8388608000 MiB"),
    ("reserve-free", {"max_size": "1GiB", "reserve_free": "nearly all"}, "cache.reserve_free keeps .* free, and of the "),
    ("max-size", {"max_size": 1000, "reserve_free": 0}, "cache.max_size is 1000 bytes")])
def test_no_room_is_loud_and_ends_with_a_reload(start, upstream, tmp_path, reason, sizes, why):
    if sizes["reserve_free"] == "nearly all":
        sizes = {**sizes, "reserve_free": disk_size(tmp_path) - 1}
    entrepot = start(cache={"directory": str(tmp_path / "cache"), **sizes})
    directory = entrepot.config["cache"]["directory"]
    entrepot.log.wait_for(rf"error .*nothing can be stored in {directory}: {why}")
    eventually(lambda: no_room(entrepot)[reason] == 1, what="the metric")
    assert sum(no_room(entrepot).values()) == 1
    blob = upstream.add_blob(REPOSITORY, content.blob(MIB, seed=1))
    assert_whole(entrepot.get(blob_target(blob)), blob)
    entrepot.log.wait_for(rf"{blob.digest}.*no-room")
    eventually(lambda: entrepot.metrics().sum("bypass_total", reason="no-room") > 0, what="the transfer has ended")
    stats = json.loads(entrepot.admin("/api/v1/cache").body)
    assert stats["no_room"] == reason
    done = run("status", "--address", f"127.0.0.1:{entrepot.admin_port}")
    assert done.returncode == 1 and f"fault: cache: nothing can be stored ({reason})" in done.stdout
    done = run("check", "--config", str(entrepot.config_path))
    if reason != "reserve-free":  # there it is a cache already, whose files might be evicted
        assert done.returncode == 0 and f"nothing can be stored in {directory}" in done.stderr
    entrepot.config["cache"] |= {"max_size": "1GiB", "reserve_free": 0}
    reload(entrepot)
    entrepot.log.wait_for(f"there is room in {directory} again")
    eventually(lambda: sum(no_room(entrepot).values()) == 0, what="the metric follows")
    assert_whole(entrepot.get(blob_target(blob)), blob)
    eventually(lambda: "; hit" in entrepot.get(blob_target(blob)).outcome, what="a hit")


def test_check_warns_before_the_start(tmp_path):
    (tmp_path / "file").write_bytes(bytes(10000))
    done = run("check", "-s", f"cache.directory={tmp_path / 'none' / 'yet'}",
               "-s", f"cache.reserve_free={disk_size(tmp_path) - 1}")
    assert done.returncode == 0 and "nothing can be stored" in done.stderr
    done = run("check", "-s", f"cache.directory={tmp_path}", "-s", "cache.reserve_free=0")
    assert "nothing can be stored" not in done.stderr


@pytest.mark.parametrize("value", ["0%", "101%", "-1%", "%", "1.5%", "80 %", "80%%", "80"])
def test_bad_parts_are_refused(value):
    done = run("check", "-s", f'cache.max_size="{value}"')
    if value == "80":  # bytes
        assert done.returncode == 0
    else:
        assert done.returncode == 78 and "cache.max_size" in done.stderr, done.stderr
    done = run("check", "-s", 'cache.reserve_free="100%"')
    assert done.returncode == 78 and "cache.reserve_free" in done.stderr
