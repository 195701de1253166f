# SPDX-License-Identifier: Apache-2.0
"""Many clients at the same moment, one missing blob, and a thin link to the registry: a deployment on all
nodes of a site. The link is a pair of virtual interfaces between two networks, shaped to the stated
rate of body bytes. Registry and caches are real; the clients are one process that discards bodies
unread (one client verifies the digest, for the others the size counts). The ideal is the blob's size at
the rate of the link. With 500 clients the link is thinner, because the bytes that they get together
pass the cores of this machine. Every round has new, empty caches.

*Over the link* are all bytes that arrived, with headers, as a multiple of the blob; *GETs* are those of
the blob at the registry. A side that is not done after six times the ideal has failed. Without a
mirror all clients would share the link: the line above each table has that time; *direct, one client*
shows that the link has the stated rate."""

from __future__ import annotations

import functools
import hashlib
import os
import statistics
import time
from dataclasses import dataclass

import crowd
from harness import MIB, NAME
from peers import ALL, NginxCache, fresh
from report import OURS, Column, in_turns
from thin import THERE, thin_link

TITLE = "A herd behind a thin link"
COLUMNS = [Column("done", "last done, s"), Column("ideal", "× ideal"),
           Column("first", "slowest first byte, ms", 1e3, 0),
           Column("link", "over the link, × size"), Column("gets", "GETs", 1, 0)]
SIDES = {**ALL, "nginx, slices": functools.partial(NginxCache, sliced=True)}
DIRECT = "direct, one client"


@dataclass(frozen=True)
class Herd:
    clients: int
    size: int
    rate: int
    rounds: int

    @property
    def ideal(self) -> float:
        return self.size / self.rate

    def __str__(self) -> str:
        return f"{self.clients} clients, one cold blob of {self.size // MIB} MiB"


HERDS = (Herd(30, 64 * MIB, 20 * MIB, 2), Herd(500, 16 * MIB, 4 * MIB, 1))
QUICK = (Herd(30, 4 * MIB, 20 * MIB, 1), Herd(500, MIB, 4 * MIB, 1))


def run(lab) -> None:
    root = lab.directory / "root"
    (root / "v2" / NAME / "blobs").mkdir(parents=True)
    with thin_link(root, lab.directory / "origin") as link:
        for herd in QUICK if lab.quick else HERDS:
            one_herd(lab, link, root, herd)


def one_herd(lab, link, root, herd: Herd) -> None:
    data = os.urandom(herd.size)
    target = f"/v2/{NAME}/blobs/sha256:{hashlib.sha256(data).hexdigest()}"
    (root / target[1:]).write_bytes(data)
    link.set_rate(herd.rate)
    results = in_turns({
        DIRECT: functools.partial(direct, link, herd, target),
        **{name: functools.partial(through, lab, link, herd, target, made)
           for name, made in SIDES.items()}}, lab.rounds(herd.rounds), warm_up=False)
    lab.report.text(f"{herd.rate // MIB} MiB/s: ideally {herd.ideal:.1f} s; all {herd.clients} "
                    f"directly, at best {herd.clients * herd.ideal:.0f} s.")
    lab.report.table(str(herd), results, COLUMNS)
    ours = results.samples.get(OURS, {})
    for what, metric, limit in (("bytes over the link, headers too, to size", "link", 1.06),
                                ("last done to ideal", "ideal", 1.1)):
        lab.report.bar(f"{herd}: {what}",
                       statistics.median(ours[metric]) if metric in ours else None, limit)
    lab.report.chart(f"herd-{herd.clients}", f"{herd}, × ideal", results, COLUMNS[1])


def direct(link, herd: Herd, target: str) -> dict[str, float]:
    return measure(link, herd, target, link.port, 1, THERE)


def through(lab, link, herd: Herd, target: str, made) -> dict[str, float]:
    with fresh(lab, made, link.origin) as peer:
        return measure(link, herd, target, peer.port, herd.clients, peer.host)


def measure(link, herd: Herd, target: str, port: int, clients: int, host: str) -> dict[str, float]:
    link.forget()
    try:
        answers = crowd.ask(port, [target] * clients, clients, 6 * herd.ideal, 1, host)
    except TimeoutError as late:
        raise TimeoutError(f"{late}, and {link.link_bytes() / herd.size:.1f} × the blob had come "
                           "over the link") from late
    crowd.check_sizes(answers, herd.size)
    came = link.link_bytes() / herd.size
    time.sleep(0.1)  # the registry logs an answer when it has ended
    done = max(each.done for each in answers)
    return {"done": done, "ideal": done / herd.ideal, "link": came,
            "gets": link.gets(target), "first": max(each.first for each in answers)}
