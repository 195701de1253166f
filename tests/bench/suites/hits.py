# SPDX-License-Identifier: Apache-2.0
"""Small stored objects, requested over kept connections as fast as `wrk -t1` can. `wrk` uses a core of its
own and ends near 100 thousand requests per second, so the CPU per request says more than the rate.
distribution asks the registry about a tag each time, which costs it this test."""

from __future__ import annotations

import functools

from harness import small_objects, wrk
from nginx import OCI_MANIFEST
from peers import Distribution, Entrepot, NginxCache, Peer, Varnish
from report import Column, in_turns
from support import client

TITLE = "Hits of small objects"
COLUMNS = [Column("rate", "thousand requests/s", 1e-3, 1, more_is_better=True),
           Column("cpu", "CPU µs a request", 1e6, 1)]


def measure(peer: Peer, target: str, connections: int, seconds: int) -> dict[str, float]:
    status = client.get(peer.port, target, headers=[("Accept", OCI_MANIFEST)]).status
    assert status == 200, f"status {status}"
    before = peer.cpu()
    rate = wrk(peer.port, target, seconds, connections)
    assert rate, f"no answer in {seconds} s"
    return {"rate": rate, "cpu": (peer.cpu() - before) / (rate * seconds)}


def run(lab) -> None:
    origin, targets = small_objects(lab)
    url = f"http://127.0.0.1:{origin.port}"
    everyone = [lab.keep(peer) for peer in (
        Entrepot(lab, url), Entrepot(lab, url, loops=1), NginxCache(lab, url), Varnish(lab, url),
        Distribution(lab, url))]
    for peer in everyone:
        lab.note_setup(peer)
    for what, target in targets.items():
        for connections in (64, 1000):
            one_target(lab, everyone, what, target, connections)


def one_target(lab, everyone: list[Peer], what: str, target: str, connections: int) -> None:
    seconds = 1 if lab.quick else 2
    results = in_turns({peer.name: functools.partial(measure, peer, target, connections, seconds)
                        for peer in everyone}, lab.rounds(3 if connections == 64 else 1))
    lab.report.table(f"{what}, {connections} connections", results, COLUMNS)
    if connections == 64:
        lab.report.bar(f"{what}: requests a second to nginx", results.ratio("rate", "nginx"), 1,
                       at_least=True)
        lab.report.bar(f"{what}: CPU a request to nginx", results.ratio("cpu", "nginx"), 0.85)
        if what == "4 KiB blob":
            lab.report.chart("hits", "4 KiB hits, CPU µs a request", results, COLUMNS[1])
