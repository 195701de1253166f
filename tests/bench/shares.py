#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The misses of one client while another asks for names that do not exist.

    tests/bench/shares.py [--rounds N]

A client fetches small blobs that are not stored, one after the other: alone, and then beside a
client at another address that asks for new unknown names on 64 connections, each as fast as it is
answered. The registry is an nginx on the same machine. Ends with 1 when the latter are more than
50 ms longer, by their median or by the 99th percentile. Needs a machine that runs nothing else.
"""

from __future__ import annotations

import itertools
import multiprocessing
import selectors
import socket
import statistics
import time

from harness import Site, bar, blob_target, run_suites, spread
from support import content
from support.client import Connection

VISITOR, FLOODER = "127.0.0.10", "127.0.0.20"
CONNECTIONS = 64
MISSES = 200  # of each phase
PAUSE = 0.01  # s between two of them


def flood(port: int, ready, over, answered) -> None:
    """Asks for a new name on a connection whenever it has an answer."""
    numbers = itertools.count()
    selector = selectors.DefaultSelector()

    def ask(connection: socket.socket) -> None:
        connection.send(f"GET /v2/library/unknown/manifests/name-{next(numbers)} HTTP/1.1\r\n"
                        f"Host: mirror\r\n\r\n".encode())
    for _ in range(CONNECTIONS):
        connection = socket.create_connection(("127.0.0.1", port), source_address=(FLOODER, 0))
        selector.register(connection, selectors.EVENT_READ)
        ask(connection)
    ready.set()
    while not over.is_set():
        for key, _ in selector.select(0.1):
            head = key.fileobj.recv(65536)
            assert head.startswith(b"HTTP/1.1 404"), head[:200]
            with answered.get_lock():
                answered.value += 1
            ask(key.fileobj)


def misses(port: int, targets) -> list[float]:
    """Milliseconds of each."""
    times = []
    with Connection(port, source=VISITOR) as connection:
        for target in itertools.islice(targets, MISSES):
            begun = time.monotonic()
            connection.send_request("GET", target)
            response = connection.read_response()
            times.append(1e3 * (time.monotonic() - begun))
            assert response.status == 200 and response.complete, response.status
            assert "fwd=uri-miss" in response.outcome, response.outcome
            time.sleep(PAUSE)
    return times


def p99(times: list[float]) -> float:
    return statistics.quantiles(times, n=100)[98]


def names(site: Site, rounds: int) -> None:
    blobs = [content.blob(4096, seed=n) for n in range(2 * MISSES * rounds)]
    origin = site.static({f"blobs/{blob.digest}": blob.data for blob in blobs})
    mirror = site.entrepot(f"http://127.0.0.1:{origin.port}")
    left = iter([blob_target(blob.data) for blob in blobs])
    alone, beside, rates = [], [], []
    for _ in range(rounds):
        alone.append(misses(mirror.port, left))
        ready, over = multiprocessing.Event(), multiprocessing.Event()
        answered = multiprocessing.Value("q", 0)
        flooder = multiprocessing.Process(target=flood, args=(mirror.port, ready, over, answered))
        flooder.start()
        assert ready.wait(30)
        begun, before = time.monotonic(), answered.value
        beside.append(misses(mirror.port, left))
        rates.append((answered.value - before) / (time.monotonic() - begun))
        over.set()
        flooder.join(30)
        assert flooder.exitcode == 0, "the flood failed"
    for what, figure in (("median", statistics.median), ("p99", p99)):
        quiet, crowded = [figure(one) for one in alone], [figure(one) for one in beside]
        print(f"  misses, {what}: alone {spread(quiet)} ms, beside {spread(rates)} unknown names a "
              f"second {spread(crowded)} ms")
        bar(f"{what} later, ms", statistics.median(crowded) - statistics.median(quiet), 50)


if __name__ == "__main__":
    run_suites(__doc__, {"names": names}, rounds=3)
