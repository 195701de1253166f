# SPDX-License-Identifier: Apache-2.0
"""Resident memory, summed over the processes of a peer: *VmRSS* is all of it, *RssAnon* the part that is
not backed by a file. Pages that several processes share count in each, and mapped pages of files
(varnish: its cache) count as VmRSS although the kernel can reclaim them. Neither includes socket buffers
and the page cache of the kernel.

*Idle*: ten seconds after the start, and the CPU of the ten seconds that follow. *Connections*:
each has requested `/v2/` and stays open; all are still open when memory is read. *Slow readers*:
clients of one stored blob of 64 MiB, each taking 256 KiB/s and comparing the bytes; the maximum of
some eight seconds, in a process that has only stored that blob before. Each is measured once, because
speed plays no part. The limits of the peers are raised as needed."""

from __future__ import annotations

import contextlib
import functools
import os
import resource
import socket
import struct
import time

from harness import MIB, NAME, blob_target
from peers import ALL, Peer
from report import OURS, Column, Results, in_turns
from support import client

TITLE = "Memory"
IDLE = [Column("rss", "VmRSS, MiB", 1 / MIB, 1), Column("anon", "RssAnon, MiB", 1 / MIB, 1),
        Column("cpu", "% of a core", 100, 3)]
CROWD = [Column("rss", "VmRSS, MiB", 1 / MIB, 1), Column("anon", "RssAnon, MiB", 1 / MIB, 1),
         Column("each", "KiB of VmRSS each", 1 / 1024, 1)]
READERS = [Column("grown", "RssAnon grown by, MiB", 1 / MIB, 1),
           Column("anon", "RssAnon, MiB", 1 / MIB, 1), Column("rss", "VmRSS, MiB", 1 / MIB, 1),
           Column("rate", "MiB/s to all", 1 / MIB, 0)]
# varnish closes after 5 s what is idle, unless told otherwise.
OPTIONS = {"Entrepot": {"limits": {"connections": 12_000}}, "nginx": {"connections": 8192},
           "varnish": {"timeout_idle": 120}}
PACE, PIECE = 256 << 10, 32 << 10


@contextlib.contextmanager
def files_allowed(count: int):
    """Descriptors for this process and those it starts. Not everyone may have more than the hard
    limit."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(count, before[0]), max(count, before[1])))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def idle(made, stack: contextlib.ExitStack, seconds: float) -> tuple[dict[str, Peer], Results]:
    """All at once, as none of them does anything. They run on."""
    peers: dict[str, Peer] = {}
    results = Results()
    for name in ALL:
        try:
            peers[name] = made(name)
            stack.callback(peers[name].stop)
        except Exception as error:  # pylint: disable=broad-exception-caught
            results.fail(name, error)
    time.sleep(seconds)
    memory = {name: peer.memory() for name, peer in peers.items()}
    before = {name: peer.cpu() for name, peer in peers.items()}
    began = time.monotonic()
    time.sleep(seconds)
    for name, peer in peers.items():
        spent = (peer.cpu() - before[name]) / (time.monotonic() - began)
        results.add(name, {"rss": memory[name]["VmRSS"], "anon": memory[name]["RssAnon"],
                           "cpu": spent})
    return peers, results


class Crowd:
    """Clients that have asked for something and say no more."""

    def __init__(self):
        self._sockets: list[socket.socket] = []

    def come(self, port: int, count: int) -> None:
        for _ in range(count):
            one = socket.socket()
            self._sockets.append(one)
            one.settimeout(client.DEADLINE)
            one.connect(("127.0.0.1", port))
            one.sendall(b"GET /v2/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            answer = one.recv(65536)
            assert answer.startswith(b"HTTP/1.1 200"), answer[:80]

    def still_open(self) -> int:
        def is_open(one: socket.socket) -> bool:
            one.setblocking(False)
            try:
                return one.recv(1) != b""
            except BlockingIOError:
                return True
            except OSError:
                return False
        return sum(map(is_open, self._sockets))

    def close(self) -> None:
        for one in self._sockets:
            # RST: no port of ours has to wait for another use.
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            one.close()


def crowd(peer: Peer, count: int, settle: float) -> dict[str, float]:
    before = peer.memory()
    connections = Crowd()
    try:
        connections.come(peer.port, count)
        time.sleep(settle)
        memory = peer.memory()
        left = connections.still_open()
        assert left == count, f"{count - left} of {count} idle connections were closed"
    finally:
        connections.close()
    return {"rss": memory["VmRSS"], "anon": memory["RssAnon"],
            "each": (memory["VmRSS"] - before["VmRSS"]) / count}


class Reader:
    """A client that takes its time."""

    def __init__(self, port: int, target: str, data: bytes):
        self._connection = client.Connection(port, receive_buffer=PIECE)
        self._connection.send_request("GET", target)
        self._data, self.received = data, 0

    def read_head(self) -> None:
        head = self._connection.read_head()
        assert head.status == 200 and int(head.headers["Content-Length"]) == len(self._data), head

    def read(self, until: int) -> None:
        while self.received < until:
            piece = self._connection.receive(until - self.received)
            assert piece, "a body was cut short"
            assert self._data.startswith(piece, self.received), "the body of another object"
            self.received += len(piece)

    def close(self) -> None:
        self._connection.close()


def slow_readers(made, name: str, target: str, data: bytes, count: int,
                 seconds: float) -> dict[str, float]:
    with contextlib.ExitStack() as stack:
        peer: Peer = made(name)
        stack.callback(peer.stop)
        got = client.get(peer.port, target)
        assert got.body == data, f"not the blob: {got.status}, {got.received} bytes"
        time.sleep(seconds / 8)
        before = peer.memory()["RssAnon"]
        readers: list[Reader] = []
        for _ in range(count):
            readers.append(Reader(peer.port, target, data))
            stack.callback(readers[-1].close)
        for reader in readers:
            reader.read_head()
        began = time.monotonic()
        most = read_on(peer, readers, began, seconds)
        took = time.monotonic() - began
        return {"grown": most["RssAnon"] - before, "anon": most["RssAnon"], "rss": most["VmRSS"],
                "rate": sum(reader.received for reader in readers) / took}


def read_on(peer: Peer, readers: list[Reader], began: float, seconds: float) -> dict[str, int]:
    """The most memory of each kind while they read."""
    most = peer.memory()
    for until in range(PIECE, int(seconds * PACE) + 1, PIECE):
        for reader in readers:
            reader.read(until)
        memory = peer.memory()
        most = {kind: max(value, memory[kind]) for kind, value in most.items()}
        time.sleep(max(0.0, began + until / PACE - time.monotonic()))
    return most


def run(lab) -> None:
    wait, connections, count, seconds = (1, 500, 50, 1) if lab.quick else (10, 10_000, 500, 8)
    data = os.urandom(64 * MIB)
    target = blob_target(data)
    origin = lab.static({target.removeprefix(f"/v2/{NAME}/"): data})
    url = f"http://127.0.0.1:{origin.port}"

    def made(name: str) -> Peer:
        peer = ALL[name](lab, url, **OPTIONS.get(name, {}))
        lab.note_setup(peer)
        return peer

    with files_allowed(connections + 2000):
        with contextlib.ExitStack() as stack:
            peers, quiet = idle(made, stack, wait)
            crowded = in_turns({name: functools.partial(crowd, peer, connections, wait / 10)
                                for name, peer in peers.items()}, 1, warm_up=False)
        read = in_turns({name: functools.partial(slow_readers, made, name, target, data, count,
                                                 seconds) for name in ALL}, 1, warm_up=False)
    show(lab.report, quiet, crowded, read, connections, count)


def show(report, quiet: Results, crowded: Results, read: Results, connections: int,
         count: int) -> None:
    def ours(results: Results, metric: str, scale: float) -> float | None:
        values = results.samples.get(OURS, {}).get(metric)
        return values[0] * scale if values else None

    report.table("Idle", quiet, IDLE)
    report.bar("Idle: VmRSS, MiB", ours(quiet, "rss", 1 / MIB), 25)
    report.bar("Idle: % of a core", ours(quiet, "cpu", 100), 0.2)
    report.table(f"{connections} idle connections", crowded, CROWD)
    report.chart("connections", f"VmRSS with {connections} idle connections, MiB", crowded,
                 CROWD[0])
    report.table(f"{count} slow readers of one stored blob", read, READERS)
    report.bar("Slow readers: RssAnon grown by, MiB", ours(read, "grown", 1 / MIB), 16)
