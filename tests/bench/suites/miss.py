# SPDX-License-Identifier: Apache-2.0
"""Missing blobs, from nginx serving files beside it, so that the registry's own time is next to nothing.
Every round has new, empty caches.

- *1 GiB* by curl; a first round is not counted. Entrepot verifies the digest before it sends the end;
  distribution verifies the copy that it stores, which it downloads a second time, but not the one that
  its client gets; nginx and varnish verify nothing. *SHA-256 alone* is one core's time for the proof,
  from memory: a verifying cache cannot be faster, and processors without SHA instructions take three
  to four times as long.
- *First byte*: 200 blobs of 4 KiB, one after the other over kept connections, each requested from the
  origin and then from the cache. *Added* is the median of the differences.
- *Eight at a time*: the same blobs over eight kept connections, as many small layers are pulled."""

from __future__ import annotations

import functools
import hashlib
import os
import statistics

import crowd
from harness import blob_target, curl, into_page_cache, large_file
from main_path import proof_alone
from peers import ALL, fresh
from report import OURS, Column, in_turns
from support import client

TITLE = "Misses"
SMALL, SIZE = 200, 4096


def run(lab) -> None:
    bulk(lab)
    blobs = [os.urandom(SIZE) for _ in range(20 if lab.quick else SMALL)]
    origin = lab.static({f"blobs/sha256:{hashlib.sha256(data).hexdigest()}": data
                         for data in blobs})
    one_after_the_other(lab, origin.port, blobs)
    eight_at_a_time(lab, origin.port, [blob_target(data) for data in blobs])


def bulk(lab) -> None:
    origin, target = large_file(lab, 4 if lab.quick else 64)
    path = lab.directory / "root" / target[1:]

    def through(made) -> dict[str, float]:
        into_page_cache(path)
        lab.settle()
        with fresh(lab, made, f"http://127.0.0.1:{origin.port}") as peer:
            before = peer.cpu()
            return {"time": curl(peer.port, target), "cpu": peer.cpu() - before}

    def alone() -> dict[str, float]:
        took = proof_alone(lab, target)
        return {"time": took, "cpu": took}

    results = in_turns({**{name: functools.partial(through, made) for name, made in ALL.items()},
                        "SHA-256 alone": alone}, lab.rounds(2))
    lab.report.table("A missing blob of 1 GiB", results, [Column("time", "seconds"),
                                                        Column("cpu", "CPU s by then")])
    lab.report.bar("1 GiB miss: time to nginx, which verifies nothing",
                   results.ratio("time", "nginx"), 1.25)
    lab.report.chart("miss-bulk", "1 GiB miss, seconds", results, Column("time", "seconds"))
    lab.close(origin)
    path.unlink()


def first_byte(connection: client.Connection, data: bytes) -> float:
    connection.send_request("GET", blob_target(data))
    answer = connection.read_response()
    assert answer.status == 200 and answer.body == data, f"a wrong answer, status {answer.status}"
    return answer.first_byte_after


def one_after_the_other(lab, origin: int, blobs: list[bytes]) -> None:
    def measure(made) -> dict[str, float]:
        direct, through = [], []
        with fresh(lab, made, f"http://127.0.0.1:{origin}") as peer, \
                client.Connection(origin) as near, client.Connection(peer.port) as far:
            for data in blobs:
                direct.append(first_byte(near, data))
                through.append(first_byte(far, data))
        return {"first": statistics.median(through), "direct": statistics.median(direct),
                "late": sorted(through)[len(through) * 95 // 100],
                "added": statistics.median(b - a for a, b in zip(direct, through))}

    results = in_turns({name: functools.partial(measure, made) for name, made in ALL.items()},
                       lab.rounds(3), warm_up=False)
    columns = [Column("first", "ms", 1e3), Column("late", "95th percentile, ms", 1e3),
               Column("direct", "direct beside it, ms", 1e3), Column("added", "added, ms", 1e3)]
    lab.report.table(f"First byte of a missing 4 KiB blob, {len(blobs)} per round", results, columns)
    ours = results.samples.get(OURS, {}).get("added")
    lab.report.bar("First byte of a miss: ms added to direct",
                   statistics.median(ours) * 1e3 if ours else None, 1)
    lab.report.chart("miss-first", "4 KiB miss, ms added to the first byte", results, columns[-1])


def eight_at_a_time(lab, origin: int, targets: list[str]) -> None:
    def ask(port: int) -> dict[str, float]:
        return {"time": max(each.done for each in crowd.ask(port, targets, connections=8))}

    def through(made) -> dict[str, float]:
        with fresh(lab, made, f"http://127.0.0.1:{origin}") as peer:
            return ask(peer.port)

    results = in_turns({"direct": functools.partial(ask, origin),
                        **{name: functools.partial(through, made) for name, made in ALL.items()}},
                       lab.rounds(3), warm_up=False)
    lab.report.table(f"{len(targets)} cold blobs of 4 KiB, eight at a time", results,
                     [Column("time", "seconds", 1, 3)])
