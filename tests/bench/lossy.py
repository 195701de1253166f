#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A cold blob over a long way on which packets are lost: by one connection of curl's, and through
Entrepot, in turn.

    tests/bench/lossy.py [--rounds N] [suite…]

Suites: lossy; all of them without arguments. Leaves nothing running. Ends with 1 when a bar was missed.
"""

from __future__ import annotations

import hashlib
import os
import statistics
import subprocess
import time

from harness import MIB, Site, bar, blob_target, run_suites, spread  # first: finds the others

from far_link import Way, far_link
from support import client
from thin import THERE

WAY = Way(round_trip=0.2, loss=0.005, rate=12 * MIB)
SIZE = 16 * MIB


def fetch(host: str, port: int, target: str) -> float:
    began = time.monotonic()
    done = subprocess.run(["curl", "-sS", "-f", f"http://{host}:{port}{target}"],
                          capture_output=True, check=True)
    took = time.monotonic() - began
    assert target.endswith(hashlib.sha256(done.stdout).hexdigest()), "a wrong body"
    return took


def lossy(site: Site, rounds: int) -> None:
    """Each round has another blob and a mirror with an empty cache."""
    root, alone, through, came = site.directory / "root", [], [], []
    with far_link(root, site.directory / "origin", WAY) as link:
        for _ in range(rounds):
            data = os.urandom(SIZE)
            target = blob_target(data)
            path = root / target[1:]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            alone.append(fetch(THERE, link.port, target))
            entrepot = site.entrepot(link.origin)
            client.get(entrepot.port, "/v2/")
            link.forget()
            through.append(fetch("127.0.0.1", entrepot.port, target))
            came.append(link.link_bytes() / SIZE)
            site.close(entrepot)
    gains = [before / after for before, after in zip(alone, through)]
    print(f"  {SIZE // MIB} MiB, {WAY.round_trip * 1e3:.0f} ms there and back, {WAY.loss:.1%} of the "
          f"packets lost: {spread(alone, digits=0)} s by one connection, {spread(through, digits=0)} s "
          f"through Entrepot; over the link {spread(came)} × its bytes")
    bar("gain over one connection", statistics.median(gains), 4, at_least=True)
    bar("over the link, headers and what was lost too", max(came), 1.1)


SUITES = {"lossy": lossy}


if __name__ == "__main__":
    run_suites(__doc__, SUITES, rounds=1)
