#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Clients while the process is replaced (serve --replace).

    tests/bench/replace.py [--rounds N] [suite…]

load: 100 connections of wrk request small objects, and one client after the other connects, while
the process is replaced N times. engines: 100 clients, each a skopeo that copies a whole image, ten at
once, during as many replacements. No request and no copy may fail; the longest time from connect() to
the answer bounds the time in which nobody accepts. Leaves nothing running. Ends with 1 when a bar is
missed.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from harness import MIB, Site, bar, run_suites, small_objects
from support import client, content
from support.checks import REPOSITORY
from support.engines import Podman
from support.upstream import ScriptedUpstream

CLIENTS = 100
AT_ONCE = 10


class Prober:
    """One new connection after the other, each with one request."""

    def __init__(self, port: int, target: str):
        self._port, self._target = port, target
        self._stop = threading.Event()
        self.times: list[float] = []
        self.failures: list[str] = []
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._stop.is_set():
            begun = time.monotonic()
            try:
                response = client.get(self._port, self._target)
                if response.status != 200 or not response.complete:
                    self.failures.append(f"{response.status}")
            except Exception as failure:  # pylint: disable=broad-except
                self.failures.append(repr(failure))
            self.times.append(time.monotonic() - begun)

    def __enter__(self) -> "Prober":
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._stop.set()
        self._thread.join()


def replace(entrepot, rounds: int) -> list[float]:
    """Seconds from the start of each new process until it serves."""
    taken = []
    for _ in range(rounds):
        begun = time.monotonic()
        before = entrepot.replace()
        taken.append(time.monotonic() - begun)
        before.wait_exit()
    return taken


def report(prober: Prober, taken: list[float], failed: int) -> None:
    print(f"  a new process serves after {statistics.median(taken) * 1e3:.0f} ms "
          f"(at most {max(taken) * 1e3:.0f}); {len(prober.times)} new connections meanwhile, median "
          f"{statistics.median(prober.times) * 1e3:.1f} ms")
    bar("failed requests", failed + len(prober.failures), 0)
    bar("longest answer to a new connection, ms", max(prober.times) * 1e3, 250)


def load(site: Site, rounds: int) -> None:
    origin, targets = small_objects(site)
    target = targets["4 KiB blob"]
    entrepot = site.entrepot(f"http://127.0.0.1:{origin.port}")
    assert client.get(entrepot.port, target).status == 200
    with subprocess.Popen(["wrk", "-t1", f"-c{CLIENTS}", "-d600s",
                           f"http://127.0.0.1:{entrepot.port}{target}"],
                          stdout=subprocess.PIPE, text=True) as wrk:
        with Prober(entrepot.port, target) as prober:
            taken = replace(entrepot, rounds)
        wrk.send_signal(2)  # it reports at SIGINT
        text = wrk.stdout.read()
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    answers = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    failed = sum(map(int, errors.groups())) if errors else 0
    requests = re.search(r"(\d+) requests in", text)[1]
    print(f"  wrk: {requests} requests over {CLIENTS} connections; "
          f"{errors[0] if errors else 'no errors'}")
    report(prober, taken, failed + (int(answers[1]) if answers else 0))


def engines(site: Site, rounds: int) -> None:
    upstream = site.keep(ScriptedUpstream())
    image = upstream.add_image(REPOSITORY, content.image((1000, 4 * MIB, 20 * MIB, 20 * MIB)), "latest")
    entrepot = site.entrepot(upstream.url)
    podman = site.keep(Podman(f"127.0.0.1:{entrepot.port}"))

    def copy(_) -> str:
        with tempfile.TemporaryDirectory(dir=site.directory) as directory:
            done = podman.skopeo("copy", f"docker://docker.io/{REPOSITORY}:latest",
                                 f"dir:{directory}", check=False)
            return "" if done.returncode == 0 else done.stderr
    with Prober(entrepot.port, f"/v2/{REPOSITORY}/blobs/{image.blobs[0].digest}") as prober:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            results = pool.map(copy, range(CLIENTS))
            taken = replace(entrepot, rounds)
            failures = [result for result in results if result]
    for failure in failures[:3]:
        print(failure)
    gets = len(upstream.requests("blob"))
    print(f"  {CLIENTS} copies of an image of {len(image.blobs)} blobs; {gets} transfers of blobs")
    report(prober, taken, len(failures))
    entrepot.log.wait_for("listening")
    assert client.get(entrepot.port, f"/v2/{REPOSITORY}/blobs/{image.blobs[1].digest}").outcome


if __name__ == "__main__":
    run_suites(__doc__, {"load": load, "engines": engines}, rounds=10)
