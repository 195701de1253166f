# SPDX-License-Identifier: Apache-2.0
"""A registry's day in a minute: layers of skewed popularity, requested by eight clients over kept
connections, in one order for all sides (tests/bench/traffic.py; the seed is fixed). Every cache has
the same disk, a tenth of the bytes of all layers; *distribution* has no bound and shows the result
of an unbounded cache. Blobs only: other suites measure tags.

Layers are smaller than real ones, in two ways. *As in a registry*: layers of at most a megabyte are
two thirds of the layers and under a hundredth of the bytes. *Mostly small layers*: nine of ten are
that small, and they have a third of the bytes, more than the fifth of its disk that Entrepot sets
apart for them.

The first fifth fills the caches and is not counted. Hits are the requests (or bytes) that the registry
did not have to answer: one minus its replies with blobs divided by those of the clients; a side that
fetches a blob twice to store it once pays for that here. *Registry asked* is every request that it got.
nginx checks its bound every ten seconds, far too rarely for a day this short: the test makes it check
at once while the clients wait. Each body is compared as it arrives. An error or a body that ends early
is a failed answer, counted and not repeated; wrong bytes fail their side. Times are to the last byte,
and clients, peer and registry share the machine: the times tell a hit from a miss, and nothing about
networks."""

from __future__ import annotations

import functools
import hashlib
import os
import queue
import shutil
import statistics
import threading
import time
from pathlib import Path

from harness import MIB, NAME
from nginx import Nginx
from peers import ALL, Distribution, Entrepot, NginxCache, Peer, Varnish
from report import Column, in_turns
from support import client
from traffic import Generator, Trace, as_registry, mostly_small

TITLE = "A mixed load with little disk"
HITS = [Column("hits", "% of requests hit", 100, 1), Column("byte_hits", "% of bytes hit", 100, 1),
        Column("saved", "MiB saved", 1 / MIB, 0), Column("asked", "registry asked", 1, 0),
        Column("failed", "failed answers", 1, 0),
        Column("disk", "MiB on disk at the end", 1 / MIB, 0),
        Column("most", "at most", 1 / MIB, 0)]
TIMES = [Column("p50", "p50, ms", 1e3, 2), Column("p99", "p99, ms", 1e3, 1),
         Column("cpu", "CPU s of the peer", 1, 1)]
SEED, CLIENTS, DISK_SHARE, WARM_SHARE = 42, 8, 0.1, 0.2
ROOM_AT_MOST = 30  # seconds
FAILED_AT_MOST = 100


class Objects:
    """The registry's blobs: each begins with its number and goes on like all others."""

    def __init__(self, root: Path, trace: Trace):
        self.sizes = trace.sizes
        self._rest = os.urandom(max(trace.sizes))
        self.targets: dict[int, str] = {}
        directory = root / "v2" / NAME / "blobs"
        directory.mkdir(parents=True)
        for number in set(trace.requests):
            data = self.start(number) + self._rest[8:self.sizes[number]]
            digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
            (directory / digest).write_bytes(data)
            self.targets[number] = f"/v2/{NAME}/blobs/{digest}"

    @staticmethod
    def start(number: int) -> bytes:
        return number.to_bytes(8, "big")

    def is_piece(self, number: int, offset: int, piece: bytes) -> bool:
        if offset < 8:
            head = 8 - offset
            return (self.start(number).startswith(piece[:head], offset)
                    and self._rest.startswith(piece[head:], 8))
        return self._rest.startswith(piece, offset)


class Replay:
    """One pass through requests, by several clients that take the next one each."""

    def __init__(self, port: int, objects: Objects, requests: list[int], room: threading.Event):
        self._port, self._objects, self._room = port, objects, room
        self._next: queue.SimpleQueue[int] = queue.SimpleQueue()
        for number in requests:
            self._next.put(number)
        self.times: list[float] = []
        self.bytes = self.failed = 0
        self._wrong: list[BaseException] = []
        self._lock = threading.Lock()

    def run(self) -> "Replay":
        threads = [threading.Thread(target=self._client) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._wrong:
            raise self._wrong[0]
        return self

    def _client(self) -> None:
        connection: client.Connection | None = None
        while not self._wrong:
            if not self._room.wait(ROOM_AT_MOST):
                self._wrong.append(TimeoutError("the cache stays above its bound"))
                break
            try:
                number = self._next.get_nowait()
            except queue.Empty:
                break
            try:
                connection = connection or client.Connection(self._port)
                self._one(connection, number)
            except (EOFError, OSError, client.Closed) as error:
                if connection:
                    connection.close()
                connection = None
                self._failed(error)
            except Exception as error:  # pylint: disable=broad-exception-caught
                self._wrong.append(error)
        if connection:
            connection.close()

    def _failed(self, error: BaseException) -> None:
        with self._lock:
            self.failed += 1
            if self.failed > FAILED_AT_MOST:
                self._wrong.append(error)

    def _one(self, connection: client.Connection, number: int) -> None:
        began = time.monotonic()
        connection.send_request("GET", self._objects.targets[number])
        head = connection.read_head()
        if head.status != 200:
            raise EOFError(f"status {head.status}")
        received = 0
        for piece in connection.read_body(head):
            if not self._objects.is_piece(number, received, piece):
                raise AssertionError(f"wrong bytes after {received}")
            received += len(piece)
        if received != self._objects.sizes[number]:
            raise EOFError(f"{received} of {self._objects.sizes[number]} bytes")
        with self._lock:
            self.times.append(time.monotonic() - began)
            self.bytes += received


class Watch(threading.Thread):
    """The most that a cache was seen to take. Holds the clients while nginx is above its bound, and
    has it look at it."""

    def __init__(self, peer: Peer, bound: int):
        super().__init__(daemon=True)
        self._peer, self._over, self._looked = peer, threading.Event(), 0.0
        self._held = isinstance(peer, NginxCache)
        self._bound = bound * 1.02 + 2 * MIB  # it does not count its directories
        self.room = threading.Event()
        self.room.set()
        self.most = 0

    def run(self) -> None:
        while not self._over.wait(0.02 if self._held else 0.5):
            taken = self._peer.disk()
            self.most = max(self.most, taken)
            if taken <= self._bound or not self._held:
                self.room.set()
                continue
            self.room.clear()
            if time.monotonic() - self._looked > 0.2:  # what it may take to start and to delete
                self._looked = time.monotonic()
                self._peer.look_at_size()

    def end(self) -> None:
        self._over.set()
        self.join()
        self.room.set()


def measure(lab, made, bound: int, origin: Nginx, objects: Objects,
            requests: list[int]) -> dict[str, float]:
    peer: Peer = made(lab, f"http://127.0.0.1:{origin.port}")
    lab.settle()
    watch = Watch(peer, bound)
    watch.start()
    try:
        lab.note_setup(peer)
        warm = int(WARM_SHARE * len(requests))
        Replay(peer.port, objects, requests[:warm], watch.room).run()
        before, cpu = len(origin.asked()), peer.cpu()
        done = Replay(peer.port, objects, requests[warm:], watch.room).run()
        cpu = peer.cpu() - cpu
        time.sleep(1)  # for what evicts in the background, and the registry's log
        asked = origin.asked()[before:]
        sent = [size for method, path, status, size in asked
                if method == "GET" and "/blobs/" in path and status in (200, 206)]
        disk = peer.disk()
        return {"hits": 1 - len(sent) / len(done.times), "byte_hits": 1 - sum(sent) / done.bytes,
                "saved": done.bytes - sum(sent), "asked": len(asked), "failed": done.failed,
                "disk": disk, "most": max(disk, watch.most), "cpu": cpu,
                "p50": statistics.median(done.times),
                "p99": statistics.quantiles(done.times, n=100)[98]}
    finally:
        watch.end()
        peer.stop()


def run(lab) -> None:
    few = 10 if lab.quick else 1
    a_mix(lab, "Sizes as in a registry", Generator(SEED, as_registry).run(4_000 // few), ALL)
    a_mix(lab, "Mostly small layers", Generator(SEED, mostly_small).run(5_000 // few),
          {name: made for name, made in ALL.items() if made is not Distribution})


def a_mix(lab, what: str, trace: Trace, sides: dict[str, type[Peer]]) -> None:
    place = lab.directory / what.replace(" ", "-")
    objects = Objects(place / "root", trace)
    origin = lab.keep(Nginx.static(place / "origin", place / "root", log=True))
    lab.settle()
    disk = int(DISK_SHARE * trace.footprint)
    bound = {Entrepot: {"cache": {"max_size": f"{disk >> 10}KiB"}}, NginxCache: {"size": disk},
             Varnish: {"size": disk & ~4095}, Distribution: {}}
    results = in_turns({
        name: functools.partial(measure, lab, functools.partial(made, **bound[made]), disk,
                                origin, objects, trace.requests) for name, made in sides.items()},
        1, warm_up=False)
    lab.report.text(f"{what}: {len(trace.requests)} requests for {trace.bytes / 1e9:.1f} GB; "
                    f"{len(objects.targets)} layers of {trace.footprint / MIB:.0f} MiB in all, the "
                    f"disk of a cache {disk / MIB:.0f} MiB.")
    lab.report.table(f"{what}: requests and bytes saved at the registry", results, HITS)
    lab.report.chart(f"mixed-{place.name.lower()}", f"{what}: % of bytes hit", results, HITS[1])
    lab.report.table(f"{what}: time to the last byte", results, TIMES)
    lab.close(origin)
    shutil.rmtree(place)
