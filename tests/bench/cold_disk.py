#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The speed of responses from memory while a slow disk delays the readers of a cold 1 GiB blob.

    tests/bench/cold_disk.py [--rounds N]

One serve loop, a disk of 20 MiB a second, three readers far apart. Beside it the same requests
without readers. Needs root. Ends with 1 when a bar was missed.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from harness import MIB, Site, bar, run_suites
from support import client
from support.cold_disk import GIB, SETTINGS, ColdDisk, cache_settings
from support.disk import Disk
from support.throttle import Throttle
from support.upstream import ScriptedUpstream

RATE = 20 * MIB  # a window of 4 MiB takes 200 ms
ANSWERS = 300


def answer_times(mirror: ColdDisk) -> dict[str, list[float]]:
    """Seconds for each target, over kept connections."""
    took: dict[str, list[float]] = {}
    connections = [(target, client.Connection(port)) for target, port in mirror.hot_targets()]
    for _ in range(ANSWERS):
        for target, connection in connections:
            began = time.monotonic()
            connection.send_request("GET", target)
            assert connection.read_response(keep=False).complete
            took.setdefault(target, []).append(time.monotonic() - began)
    for _, connection in connections:
        connection.close()
    return took


def p99(times: list[float]) -> float:
    return sorted(times)[len(times) * 99 // 100]


def cold_disk(site: Site, rounds: int) -> None:
    upstream, throttle = site.keep(ScriptedUpstream()), site.keep(Throttle())
    disk = site.keep(Disk(Path(tempfile.mkdtemp(dir=site.directory)), 2 * GIB))
    directory = disk.place / "cache"
    entrepot = site.entrepot(upstream.url, cache=cache_settings(directory), **SETTINGS)
    mirror = ColdDisk(entrepot, upstream, directory)
    throttle.add(entrepot.pid)
    alone: dict[str, list[float]] = {}
    beside: dict[str, list[float]] = {}
    for _ in range(rounds):
        throttle.reads(disk.numbers, 100 * GIB)
        for target, times in answer_times(mirror).items():
            alone.setdefault(target, []).extend(times)
        throttle.reads(disk.numbers, RATE)
        readers = mirror.readers()
        for target, times in answer_times(mirror).items():
            beside.setdefault(target, []).extend(times)
        assert all(reader.response is None for reader in readers), "was not read all the while"
        throttle.reads(disk.numbers, 100 * GIB)
        for reader in readers:
            reader.leave()
    for (target, times), what in zip(beside.items(), ("manifest by tag", "blob in memory",
                                                      "file in the page cache", "/healthz")):
        print(f"  {what}: p99 {1e3 * p99(times):.2f} ms beside cold reads, "
              f"{1e3 * p99(alone[target]):.2f} ms alone")
        bar("p99 beside cold reads, ms", 1e3 * p99(times), 10)


if __name__ == "__main__":
    run_suites(__doc__, {"cold-disk": cold_disk}, rounds=3)
