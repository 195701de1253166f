# SPDX-License-Identifier: Apache-2.0
"""A process that runs out of descriptors, gets SIGTERM, is stopped and continued, or dies with many
transfers in progress."""

from __future__ import annotations

import os
import resource
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from support import content, faults, ports
from support.checks import REPOSITORY, assert_hit, assert_whole, blob_target, manifest_target
from support.client import Closed, Connection, Download
from support.gate import Gate, eventually
from support.handover import Replacement
from support.keeping import settled

KIB, MIB = content.KIB, content.MIB
MOST_IDLE = 25 * MIB
SANITIZED = bool(os.environ.get("ENTREPOT_SANITIZE"))


@pytest.fixture(autouse=True)
def many_files():
    """Raises the limit of the test's own descriptors: it holds the other end of each connection."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, before[1]), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def stored(entrepot, upstream, size: int, seed: int = 0) -> content.Blob:
    blob = upstream.add_blob(REPOSITORY, content.blob(size, seed=seed))
    assert_whole(entrepot.get(blob_target(blob)), blob)
    settled(entrepot)
    return blob


@pytest.mark.skipif(SANITIZED, reason="a figure of memory")
def test_frees_the_memory_of_the_start(start, upstream):
    entrepot = start()
    blob = stored(entrepot, upstream, MIB)
    eventually(lambda: entrepot.memory()["VmRSS"] <= MOST_IDLE, what="little memory")
    print(f"{entrepot.memory()['VmRSS'] / MIB:.1f} MiB resident")
    assert_hit(entrepot.get(blob_target(blob)), blob)  # with the same code


@dataclass
class Arriving:
    """A blob on its way from the upstream to clients, which all wait for the gate to open."""

    blob: content.Blob
    gate: Gate
    downloads: list[Download]

    def assert_whole(self) -> None:
        for download in self.downloads:
            assert_whole(download.finish(), self.blob)


def start_arriving(entrepot, upstream, size: int, held_at: int, clients: int = 1) -> Arriving:
    blob, gate = upstream.add_blob(REPOSITORY, content.blob(size, seed=2)), Gate()
    upstream.script(faults.hold_at(held_at, gate), kind="blob", method="GET", times=1)
    downloads = [entrepot.download(blob_target(blob)) for _ in range(clients)]
    for download in downloads:
        download.wait_received(held_at)
    return Arriving(blob, gate, downloads)


def slow_readers(entrepot, blob, count: int) -> list[Connection]:
    """Read no more than the kernel's buffers take until the test lets them."""
    readers = []
    for _ in range(count):
        reader = entrepot.connect()
        reader.send_request("GET", blob_target(blob), [("Connection", "close")])
        readers.append(reader)
    for reader in readers:
        reader.pending = reader.socket.recv(1)
    return readers


def take_all(reader: Connection):
    response = reader.read_response(keep=False)
    reader.close()
    return response


def processor_time(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# --- No descriptors are left.


@pytest.mark.skipif(SANITIZED, reason="UBSan needs a descriptor to see whether memory can be read")
def test_out_of_descriptors(start, upstream):
    """New clients get an error or wait, the loops do not spin, and running responses go on."""
    entrepot = start()
    hit = stored(entrepot, upstream, 32 * MIB, seed=1)
    arriving = start_arriving(entrepot, upstream, 8 * MIB, held_at=4 * MIB, clients=4)
    readers = slow_readers(entrepot, hit, 4)
    limit = max(64, len(os.listdir(f"/proc/{entrepot.pid}/fd")) + 8)
    resource.prlimit(entrepot.pid, resource.RLIMIT_NOFILE, (limit, limit))
    newcomers = [entrepot.connect() for _ in range(2 * limit)]
    entrepot.log.wait_for("out of file descriptors")
    successor = _successor_without_descriptor(entrepot, limit)
    before, began = processor_time(entrepot.pid), time.monotonic()
    time.sleep(2)  # the measured time
    spent = (processor_time(entrepot.pid) - before) / (time.monotonic() - began)
    print(f"out of descriptors: {100 * spent:.1f} % of a processor")
    assert spent < (0.5 if SANITIZED else 0.1)
    resource.prlimit(entrepot.pid, resource.RLIMIT_NOFILE, (limit, limit))
    arriving.gate.open()
    arriving.assert_whole()
    for reader in readers:
        assert_whole(take_all(reader), hit)
    for newcomer in newcomers:
        newcomer.close()
    for seed in (3, 4):
        another = upstream.add_blob(REPOSITORY, content.blob(2 * MIB, seed=seed))
        eventually(lambda: _answers(entrepot), what="an answer")
        assert_whole(entrepot.get(blob_target(another)), another)
    settled(entrepot)
    assert_hit(entrepot.get(blob_target(another)), another)
    # It had to wait as well.
    assert successor.take_sockets()[-1] == "end"
    successor.close()


def _successor_without_descriptor(entrepot, limit: int) -> Replacement:
    """Connects while no descriptor is free; the listeners hold some in reserve."""
    used = {int(fd) for fd in os.listdir(f"/proc/{entrepot.pid}/fd")}
    free = next(fd for fd in range(limit + 1) if fd not in used)
    resource.prlimit(entrepot.pid, resource.RLIMIT_NOFILE, (free, limit))
    return Replacement(entrepot)


def _answers(entrepot) -> bool:
    try:
        return entrepot.get("/v2/").status == 200
    except (OSError, Closed):
        return False


# --- Memory.


@pytest.mark.skipif(SANITIZED, reason="sanitizers take memory")
def test_memory_of_slow_readers(start, upstream):
    """500 clients read nothing, of stored and of arriving blobs: 64 KiB each at most."""
    entrepot = start()
    hit = stored(entrepot, upstream, 32 * MIB, seed=1)
    arriving = start_arriving(entrepot, upstream, 32 * MIB, held_at=31 * MIB)
    before = entrepot.memory()
    readers = slow_readers(entrepot, hit, 250) + slow_readers(entrepot, arriving.blob, 250)
    entrepot.get("/v2/")
    after = entrepot.memory()
    grown = sum(after[kind] - before[kind] for kind in ("RssAnon", "RssShmem"))
    print(f"500 slow readers: {grown / MIB:.1f} MiB, {after['VmRSS'] / MIB:.1f} MiB in all")
    assert grown <= 500 * 64 * KIB
    arriving.gate.open()
    arriving.assert_whole()
    for reader in (readers[0], readers[-1]):
        response = take_all(reader)
        assert response.complete and response.sha256 in (hit.digest, arriving.blob.digest)
    for reader in readers:
        reader.close()


# --- SIGTERM.


def test_stop_with_many_transfers(start, upstream):
    """The listener closes at once; transfers that can end within the drain time end whole, the
    others are cut short, and the exit code is 0."""
    entrepot = start(timeouts={"drain": "25s"}, listen=[{"address": ports.keep_address()}])
    hit, large = (stored(entrepot, upstream, size * MIB) for size in (5, 32))
    arriving = start_arriving(entrepot, upstream, 4 * MIB, held_at=2 * MIB, clients=50)
    readers = slow_readers(entrepot, hit, 200)
    stuck = slow_readers(entrepot, large, 1)[0]
    gate = Gate()
    upstream.script(faults.hold(gate), kind="manifest", times=1)
    image = upstream.add_image(REPOSITORY, content.image(), "latest")
    kept = entrepot.connect()
    kept.send_request("GET", manifest_target("latest"))  # without "Connection: close"
    gate.wait_arrived()
    began = time.monotonic()
    os.kill(entrepot.pid, signal.SIGTERM)
    eventually(lambda: _refused(entrepot.port), what="a closed listener")
    assert time.monotonic() - began < 20, "it closes at once, not when all is drained"
    arriving.gate.open()
    gate.open()
    response = kept.read_response()
    assert_whole(response, image.manifest)
    assert response.headers["Connection"] == "close"
    arriving.assert_whole()
    with ThreadPoolExecutor(50) as takers:
        for response in takers.map(take_all, readers):
            assert response.complete and response.sha256 == hit.digest
    print(f"250 of 251 transfers drained in {time.monotonic() - began:.1f} s")
    assert entrepot.wait_exit() == 0
    assert time.monotonic() - began >= 25
    assert not take_all(stuck).complete


def _refused(port: int) -> bool:
    try:
        Connection(port, timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


# --- Signals.


def test_broken_pipes(start, upstream):
    """SIGPIPE has no effect, whether a process sends it or a closed connection causes it."""
    entrepot = start()
    hit = stored(entrepot, upstream, 8 * MIB)
    for reader in slow_readers(entrepot, hit, 50):
        reader.close()
    os.kill(entrepot.pid, signal.SIGPIPE)
    eventually(lambda: entrepot.metrics().sum("connections") <= 1, what="no connections")
    assert_hit(entrepot.get(blob_target(hit)), hit)


# Less than the process is stopped for; more than a busy machine needs for what comes before.
SHORT = {"first_byte": "2s", "stall": "2s", "header": "2s", "idle": "2s", "send": "2s"}


def stop_and_continue(entrepot, meanwhile) -> None:
    """Stops the process for longer than every deadline."""
    os.kill(entrepot.pid, signal.SIGSTOP)
    try:
        meanwhile()
        time.sleep(3)  # what is tried
    finally:
        os.kill(entrepot.pid, signal.SIGCONT)


def test_transfers_of_a_stopped_process(start, upstream):
    """Peers that did their part while the process stood still are not disconnected."""
    entrepot = start(timeouts=SHORT)
    hit = stored(entrepot, upstream, 32 * MIB, seed=1)
    arriving = start_arriving(entrepot, upstream, 8 * MIB, held_at=4 * MIB)
    reader = slow_readers(entrepot, hit, 1)[0]
    with ThreadPoolExecutor(1) as taker:
        taken = []
        stop_and_continue(entrepot, lambda: (arriving.gate.open(),
                                             taken.append(taker.submit(take_all, reader))))
        assert_whole(taken[0].result(), hit)
    arriving.assert_whole()
    assert upstream.count("blob", reference=arriving.blob.digest) == 1


def test_requests_to_a_stopped_process(start):
    entrepot = start(timeouts=SHORT)
    half, *idle = [entrepot.connect() for _ in range(20)]
    half.send(b"GET /v2/ HTTP/1.1\r\nHost: a\r\n")
    for connection in idle:
        connection.send_request("GET", "/v2/")
        assert connection.read_response().status == 200

    def ask() -> None:
        half.send(b"\r\n")
        for connection in idle:
            connection.send_request("GET", "/v2/")
    stop_and_continue(entrepot, ask)
    for connection in (half, *idle):
        assert connection.read_response().status == 200


# --- Crashes again and again.


@pytest.mark.skipif(SANITIZED, reason="sanitizers report the crashes")
def test_crash_loop(start, upstream):
    """With a thousand blobs and downloads in progress: each start takes moments, and hits stay
    hits."""
    entrepot = start()
    blobs = [upstream.add_blob(REPOSITORY, content.blob(20 * KIB + n, seed=n)) for n in range(1000)]
    with entrepot.connect() as connection:
        for blob in blobs:
            connection.send_request("GET", blob_target(blob))
            assert connection.read_response(keep=False).sha256 == blob.digest
    settled(entrepot)
    large = upstream.add_blob(REPOSITORY, content.blob(16 * MIB, seed=2000))
    starts = []
    for round_number in range(5):
        gate = Gate()
        rule = upstream.script(faults.hold_at(-MIB, gate), kind="blob", method="GET")
        download = entrepot.download(blob_target(large))
        gate.wait_arrived()
        download.wait_received(MIB)
        os.kill(entrepot.pid, signal.SIGSEGV)
        assert entrepot.wait_exit() == -signal.SIGSEGV
        rule.cancel()
        gate.open()
        assert not download.finish().complete
        began = time.monotonic()
        entrepot.start()
        starts.append(time.monotonic() - began)
        blob = blobs[round_number * 199]
        assert_hit(entrepot.get(blob_target(blob)), blob)
    print(f"starts after SIGSEGV: {max(starts):.2f} s at most")
    assert max(starts) <= 5
    assert_whole(entrepot.get(blob_target(large)), large)
