#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Hits with the access log in a file beside hits without an access log, of the same build.

    tests/bench/access_log.py [--rounds N] [suite…]

Suites: hits, warnings; both without arguments. The processes of `hits` run in turns within one call, new
ones each round, and the ratio is the median of the turns' ratios. `warnings` asks the process for a warning
again and again while wrk asks as fast as it can, and looks for each of them in the log. Leaves nothing
running. Ends with 1 when a bar was missed.
"""

from __future__ import annotations

import os
import signal
import threading
import time

from harness import Site, bar, ratio, run_suites, small_objects, spread, wrk
from nginx import cpu_seconds
from support import client

NONE, FILE, SAMPLE = "no access log", "file", "one of 100"


def logs(site: Site) -> dict[str, dict]:
    """The configuration of each kind. The disk takes its lines as fast as they come."""
    file = {"access": True, "access_file": str(site.directory / "access.log")}
    return {NONE: {"access": False}, FILE: file, SAMPLE: {**file, "access_sample": 100}}


def start(site: Site, origin: int, log: dict):
    return site.entrepot(f"http://127.0.0.1:{origin}", log={"level": "info", **log})


def hits(site: Site, rounds: int) -> None:
    origin, targets = small_objects(site)
    for what, target in targets.items():
        rates: dict[str, list[float]] = {name: [] for name in logs(site)}
        costs: dict[str, list[float]] = {name: [] for name in rates}
        dropped = lines = 0.0
        for _ in range(rounds):
            running = {name: start(site, origin.port, log) for name, log in logs(site).items()}
            for entrepot in running.values():
                assert client.get(entrepot.port, target).status == 200
                wrk(entrepot.port, target, 1)
            for turn in range(6):
                for name in list(running)[::-1 if turn % 2 else 1]:
                    before = cpu_seconds([running[name].pid])
                    rates[name].append(wrk(running[name].port, target, 1))
                    costs[name].append((cpu_seconds([running[name].pid]) - before) / rates[name][-1])
            dropped += running[FILE].metrics().sum("log_dropped_total")
            lines += running[FILE].metrics().sum("requests_total")
            for entrepot in running.values():
                site.close(entrepot)
            os.truncate(site.directory / "access.log", 0)
        for name in (FILE, SAMPLE):
            print(f"  {what}, {name}: {spread(rates[name], 1e-3)} k/s to {spread(rates[NONE], 1e-3)}; "
                  f"CPU {ratio(costs[name], costs[NONE]):.3f} ×")
            bar(f"{what}, {name}: rate to that without", ratio(rates[name], rates[NONE]), 0.97,
                at_least=True)
        print(f"  {what}: {dropped:.0f} of {lines:.0f} lines lost")


def warnings(site: Site, _rounds: int) -> None:
    """SIGHUP is one line each time; signals that come while one is read are one signal."""
    origin, targets = small_objects(site)
    target = targets["4 KiB blob"]
    entrepot = start(site, origin.port, logs(site)[FILE])
    assert client.get(entrepot.port, target).status == 200
    over = threading.Event()
    read = 0

    def ask() -> None:
        nonlocal read
        while not over.is_set():
            os.kill(entrepot.pid, signal.SIGHUP)
            while entrepot.metrics().sum("reloads_total") == read:
                time.sleep(0.01)
            read += 1
    asker = threading.Thread(target=ask)
    asker.start()
    wrk(entrepot.port, target, 8)
    over.set()
    asker.join()
    site.close(entrepot)  # the log is whole then
    found = sum("SIGHUP: nothing has changed" in line for line in entrepot.log.lines)
    print(f"  lines of {read} reloads beside wrk: {found}")
    bar("lines found of those expected", found / read, 1, at_least=True)


if __name__ == "__main__":
    run_suites(__doc__, {"hits": hits, "warnings": warnings})
