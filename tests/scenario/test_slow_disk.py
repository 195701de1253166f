# SPDX-License-Identifier: Apache-2.0
"""A serve loop never waits for the disk: while a disk that stands still delays the readers of a
cold blob, requests for data in memory are answered. tests/bench/cold_disk.py measures how fast."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from support import client, content
from support.cold_disk import SETTINGS, ColdDisk, cache_settings
from support.checks import manifest_target
from support.gate import eventually
from support.throttle import Throttle

MIB = content.MIB
GIB = 1024 * MIB
# So slow that a stop finds the readers in the middle of a window: 4 MiB take 100 ms.
RATE = 40 * MIB
STOPS = 8
ROUNDS = 20
STILL = 60  # checks in a row, 5 ms apart, without a new byte: longer than a window takes on its way
TOO_LATE = 2.0  # seconds, for an answer that should not come


@pytest.fixture
def throttle():
    made = Throttle()
    yield made
    made.close()


@pytest.fixture
def disk(make_disk, throttle):  # the process ends before its control group
    return make_disk(2 * GIB)


@pytest.fixture
def mirror(disk, throttle, start, upstream):
    directory = disk.place / "cache"
    made = ColdDisk(start(cache=cache_settings(directory), **SETTINGS), upstream, directory)
    throttle.add(made.entrepot.pid)
    throttle.reads(disk.numbers, RATE)
    yield made
    throttle.reads(disk.numbers, GIB)  # lets waiting readers end


def received(readers) -> list[int]:
    return [reader.received for reader in readers]


def is_busy(pid: int) -> bool:
    """A thread of the process runs, or waits for a processor."""
    states = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):  # the thread has ended
            states.append((task / "stat").read_text().rpartition(")")[2].split()[0])
    return "R" in states


def wait_for_standstill(readers, pid: int) -> None:
    """Waits until all bytes that were on their way when the disk stopped have arrived."""
    last, looks = None, 0

    def still() -> bool:
        nonlocal last, looks
        now = received(readers)
        settled = (now == last and not any(reader.unread() for reader in readers)
                   and not is_busy(pid))
        last, looks = now, looks + 1 if settled else 0
        return looks >= STILL
    eventually(still, what="readers that are held up")


# If the kernel reads further ahead than a window is long, all pages of the next window are in the
# page cache before their bytes are.
@pytest.mark.parametrize("ahead", [128, 4096])
def test_a_blob_in_memory_does_not_wait(throttle, disk, mirror, ahead):
    disk.read_ahead(ahead)
    connections = [(target, client.Connection(port)) for target, port in mirror.hot_targets()]
    readers = mirror.readers()
    for _ in range(STOPS):
        throttle.stop_reads(disk.numbers)
        wait_for_standstill(readers, mirror.entrepot.pid)
        held = received(readers)
        for _ in range(ROUNDS):
            for target, connection in connections:
                connection.send_request("GET", target)
                response = connection.read_response(keep=False)
                assert response.status == 200 and response.complete
        assert received(readers) == held, "the disk did not stand still"
        throttle.reads(disk.numbers, RATE)
        for reader, had in zip(readers, held):
            reader.wait_received(had + MIB)
    for reader in readers:
        reader.leave()
    for _, connection in connections:
        connection.close()


def test_the_check_finds_a_loop_that_reads_the_disk(throttle, disk, mirror, failing):
    """The same with a mirror that cannot ask for the page cache: this proves that the
    test above can fail."""
    disk.read_ahead(128)
    tracer = failing(mirror.entrepot, "preadv2", "EOPNOTSUPP")
    readers = mirror.readers()
    throttle.stop_reads(disk.numbers)
    wait_for_standstill(readers, mirror.entrepot.pid)
    with client.Connection(mirror.entrepot.port, timeout=TOO_LATE) as connection:
        connection.send_request("GET", manifest_target("latest"))
        with pytest.raises(TimeoutError):
            connection.read_response(keep=False)
    throttle.reads(disk.numbers, GIB)
    tracer.stop()
    assert mirror.entrepot.get(manifest_target("latest")).status == 200
    for reader in readers:
        reader.leave()
