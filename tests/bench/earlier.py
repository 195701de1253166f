#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""This build beside an earlier one: a change must not make the pull path slower.

    tests/bench/earlier.py --earlier BINARY [--rounds N] [suite…]

Suites: hits, bulk, miss, first-byte, herd, ranges; all of them without arguments. Both builds run in turns
within one call, and change places each round; the ratio is the median of the rounds' ratios. Leaves
nothing running. Ends with 1 when a ratio is below 0.99.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import crowd
from harness import (MIB, NAME, Site, bar, blob_target, curl, into_page_cache, large_file, ratio,
                     run_suites, small_objects, spread, wrk)
from nginx import cpu_seconds
from ranges import RANDOM_RANGES, random_ranges
from support import client

NEW, OLD = "this build", "earlier"


class Sides:
    """The results of each build in each round: work per second, and processor seconds for it."""

    def __init__(self, site: Site):
        self._binaries = {NEW: os.environ["ENTREPOT_BINARY"], OLD: site.earlier}
        self._site = site
        self._rates: dict[str, list[float]] = {NEW: [], OLD: []}
        self._costs: dict[str, list[float]] = {NEW: [], OLD: []}

    def start(self, name: str, origin: int):
        return self._site.entrepot(f"http://127.0.0.1:{origin}", self._binaries[name])

    def both(self, origin: int) -> dict:
        return {name: self.start(name, origin) for name in (NEW, OLD)}

    def rounds(self, rounds: int, run: Callable[[str], tuple[float, float]]) -> None:
        """`run` returns the rate and the processor's seconds for a unit of the work."""
        for number in range(rounds):
            for name in ((NEW, OLD), (OLD, NEW))[number % 2]:
                rate, cost = run(name)
                self._rates[name].append(rate)
                self._costs[name].append(cost)

    def report(self, what: str, unit: str, scale: float = 1) -> None:
        rates, costs = self._rates, self._costs
        print(f"  {what}: {spread(rates[NEW], scale)} {unit} to {spread(rates[OLD], scale)}; CPU "
              f"{ratio(costs[NEW], costs[OLD]):.3f} ×")
        bar(f"{what}, rate to the earlier build", ratio(rates[NEW], rates[OLD]), 0.99,
            at_least=True)


def hits(site: Site, rounds: int) -> None:
    """Turns of a second, as the machine's speed changes within minutes; new processes each round,
    as the layout of its memory decides about the speed of a process."""
    origin, targets = small_objects(site)
    for what, target in targets.items():
        sides = Sides(site)
        for _ in range(rounds):
            running = sides.both(origin.port)
            for entrepot in running.values():
                assert client.get(entrepot.port, target).status == 200
                wrk(entrepot.port, target, 1)

            def run(name: str) -> tuple[float, float]:
                before = cpu_seconds([running[name].pid])
                rate = wrk(running[name].port, target, 1)
                return rate, (cpu_seconds([running[name].pid]) - before) / rate
            sides.rounds(6, run)
            for entrepot in running.values():
                site.close(entrepot)
        sides.report(f"hits, {what}", "k/s", 1e-3)


def bulk(site: Site, rounds: int) -> None:
    """New processes and new files each round, which change places as well: the place of a file in
    memory decides about the speed of reading it, and the one filled first is the slower one."""
    origin, target = large_file(site)
    digest = target.rpartition(":")[2]
    sides = Sides(site)
    for number in range(2 * rounds):
        running = sides.both(origin.port)
        for entrepot in list(running.values())[::1 if number % 2 else -1]:
            curl(entrepot.port, target)
        time.sleep(3)  # the writeback of stored bytes is no part of a hit

        def run(name: str) -> tuple[float, float]:
            entrepot = running[name]
            into_page_cache(Path(entrepot.config["cache"]["directory"]) / "blobs" / "sha256" /
                            digest[:2] / digest)
            before = cpu_seconds([entrepot.pid])
            took = curl(entrepot.port, target)
            return 1024 / took, cpu_seconds([entrepot.pid]) - before
        sides.rounds(4, run)
        for entrepot in running.values():
            site.close(entrepot)
            shutil.rmtree(entrepot.directory)
    sides.report("1 GiB hit", "MiB/s")


def miss(site: Site, rounds: int) -> None:
    """Small blobs that are not stored, over eight kept connections."""
    count = 400
    blobs = [os.urandom(4096) for _ in range(count)]
    origin = site.static({f"blobs/sha256:{hashlib.sha256(data).hexdigest()}": data
                          for data in blobs})
    targets = [blob_target(data) for data in blobs]
    sides = Sides(site)

    def run(name: str) -> tuple[float, float]:
        entrepot = sides.start(name, origin.port)
        client.get(entrepot.port, "/v2/")
        before = cpu_seconds([entrepot.pid])
        began = time.monotonic()
        crowd.check_sizes(crowd.ask(entrepot.port, targets, 8), 4096)
        took = time.monotonic() - began
        cost = cpu_seconds([entrepot.pid]) - before
        site.close(entrepot)
        shutil.rmtree(entrepot.directory)
        return count / took, cost
    run(NEW)
    sides.rounds(4 * rounds, run)
    sides.report("misses of 4 KiB", "/s")


def first_byte(site: Site, rounds: int) -> None:
    """One client requests small blobs that are not stored, over one kept connection; the builds
    take turns request by request, and new processes start each round."""
    count = 400
    blobs = [os.urandom(4096) for _ in range(count)]
    origin = site.static({f"blobs/sha256:{hashlib.sha256(data).hexdigest()}": data
                          for data in blobs})
    sides = Sides(site)
    for _ in range(4 * rounds):
        running = sides.both(origin.port)
        connections = {name: client.Connection(running[name].port) for name in running}
        times: dict[str, list[float]] = {name: [] for name in running}
        costs = {name: -cpu_seconds([running[name].pid]) for name in running}
        for number, data in enumerate(blobs):
            for name in ((NEW, OLD), (OLD, NEW))[number % 2]:
                connections[name].send_request("GET", blob_target(data))
                answer = connections[name].read_response()
                assert answer.body == data
                times[name].append(answer.first_byte_after)
        for name, entrepot in running.items():
            costs[name] += cpu_seconds([entrepot.pid])
            connections[name].close()
            site.close(entrepot)
            shutil.rmtree(entrepot.directory)
        sides.rounds(1, lambda name: (1e-3 / statistics.median(times[name]), costs[name]))
    sides.report("first bytes of a 4 KiB miss", "per ms")


def herd(site: Site, rounds: int) -> None:
    """Thirty clients request one cold blob at once."""
    origin, target = large_file(site, 16)
    sides = Sides(site)

    def run(name: str) -> tuple[float, float]:
        entrepot = sides.start(name, origin.port)
        before = cpu_seconds([entrepot.pid])
        command = ["curl", "-sS", "-f", "-o", "/dev/null", "-w", "%{time_total}",
                   f"http://127.0.0.1:{entrepot.port}{target}"]
        clients = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(30)]
        took = statistics.median(float(each.communicate()[0]) for each in clients)
        assert all(each.returncode == 0 for each in clients)
        cost = cpu_seconds([entrepot.pid]) - before
        site.close(entrepot)
        shutil.rmtree(entrepot.directory)
        return 30 * 256 / took, cost
    run(NEW)
    sides.rounds(2 * rounds, run)
    sides.report("herd of 30, 256 MiB", "MiB/s")


def ranges(site: Site, rounds: int) -> None:
    """64 KiB from random places of stored blobs."""
    files = {}
    for _ in range(16):
        data = os.urandom(64 * MIB)
        files[f"blobs/sha256:{hashlib.sha256(data).hexdigest()}"] = data
    origin = site.static(files)
    targets = [f"/v2/{NAME}/{name}" for name in files]
    files.clear()
    sides = Sides(site)
    running = sides.both(origin.port)
    listed, script = site.directory / "targets", site.directory / "random.lua"
    listed.write_text("\n".join(targets) + "\n")
    script.write_text(RANDOM_RANGES % {"targets": listed, "last": 64 * MIB - 65536})
    for entrepot in running.values():
        for target in targets:
            curl(entrepot.port, target)
        random_ranges(entrepot.port, script, 2)

    def run(name: str) -> tuple[float, float]:
        before = cpu_seconds([running[name].pid])
        rate = random_ranges(running[name].port, script, 4)
        return rate, (cpu_seconds([running[name].pid]) - before) / rate
    sides.rounds(2 * rounds, run)
    sides.report("ranges of 64 KiB", "k/s", 1e-3)


SUITES = {"hits": hits, "bulk": bulk, "miss": miss, "first-byte": first_byte,
          "herd": herd, "ranges": ranges}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--earlier", metavar="BINARY", required=True,
                        help="another build of entrepot")
    run_suites(__doc__, SUITES, parser=parser)


if __name__ == "__main__":
    main()
