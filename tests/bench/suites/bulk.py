# SPDX-License-Identifier: Apache-2.0
"""A stored blob of 1 GiB, by curl: one client, eight clients at the same time, and from the disk. *sendfile*
is nginx sending the file itself, without a cache: the limit of the kernel. varnish maps its file, which
stays in memory, so its last figure does not measure a disk."""

from __future__ import annotations

import functools
import subprocess
import time

from harness import curl, into_page_cache, large_file, out_of_page_cache
from peers import ALL, Peer
from report import Column, in_turns

TITLE = "Hits of 1 GiB"
COLUMNS = [Column("time", "seconds"), Column("cpu", "CPU s")]
CEILING = "sendfile"


class StaticFile(Peer):
    """The origin's own nginx."""

    name = CEILING

    def __init__(self, origin, path):
        self._origin, self._path, self.port = origin, path, origin.port

    def pids(self):
        return self._origin.pids

    def stored(self):
        return [self._path]


def eight(port: int, target: str) -> float:
    began = time.monotonic()
    clients = [subprocess.Popen(["curl", "-sS", "-f", "-o", "/dev/null",
                                 f"http://127.0.0.1:{port}{target}"]) for _ in range(8)]
    codes = [each.wait() for each in clients]
    assert not any(codes), f"curl ended with {codes}"
    return time.monotonic() - began


def measure(peer: Peer, target: str, ask, prepare) -> dict[str, float]:
    for path in peer.stored():
        prepare(path)
    before = peer.cpu()
    took = ask(peer.port, target)
    return {"time": took, "cpu": peer.cpu() - before}


def run(lab) -> None:
    origin, target = large_file(lab, **({"pieces": 4} if lab.quick else {}))
    url = f"http://127.0.0.1:{origin.port}"
    everyone: list[Peer] = [lab.keep(made(lab, url)) for made in ALL.values()]
    everyone.insert(1, StaticFile(origin, lab.directory / "root" / target[1:]))
    for peer in everyone:
        curl(peer.port, target)
    lab.settle()
    for what, ask, prepare, rounds in (
            ("One client, from the page cache", curl, into_page_cache, 8),
            ("Eight clients at once, from the page cache", eight, into_page_cache, 2),
            ("One client, from the disk", curl, out_of_page_cache, 2)):
        results = in_turns({peer.name: functools.partial(measure, peer, target, ask, prepare)
                            for peer in everyone}, lab.rounds(rounds))
        lab.report.table(what, results, COLUMNS)
        if ask is curl and prepare is into_page_cache:
            lab.report.bar("1 GiB hit: time to nginx's cache", results.ratio("time", "nginx"), 1)
            lab.report.bar("1 GiB hit: CPU to nginx's cache", results.ratio("cpu", "nginx"), 1)
            lab.report.chart("bulk", "1 GiB hit, seconds of CPU", results, COLUMNS[1])
