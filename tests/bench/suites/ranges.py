# SPDX-License-Identifier: Apache-2.0
"""Parts of blobs, as lazy pullers (stargz, SOCI, Dragonfly) and containerd's parallel fetch request them: of
a missing 256 MiB blob at a registry of 20 MiB/s the first two bytes, then 64 KiB at 200 MiB; a missing
64 MiB blob by eight connections at once, 8 MiB each, at 40 MiB/s; parts of 64 KiB at random of stored
blobs by `wrk`. A side that answers a range with the whole blob has failed, as its client would have.
nginx is shown with slices, too, as recipes for ranges use them."""

from __future__ import annotations

import functools
import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor

from harness import MIB, NAME
from peers import Distribution, Entrepot, NginxCache, Peer, Varnish
from ranges import KIB, RANDOM_RANGES, open_range, random_ranges, timed_range
from report import Column, in_turns
from support import client, content
from support.upstream import ScriptedUpstream
from support.wire import Line

TITLE = "Ranges"
SLICES = functools.partial(NginxCache, sliced=True)
MADE = {"Entrepot": Entrepot, "nginx": NginxCache, "nginx, slices": SLICES, "varnish": Varnish,
        "distribution": Distribution}


def cold(lab, made, size: int, rate: int, ask) -> dict[str, float]:
    """A fresh cache before a fresh registry, and what `ask` of the two finds."""
    upstream = ScriptedUpstream()
    upstream.line = Line(rate)  # of the registry, however many connections ask
    try:
        blob = upstream.add_blob(NAME, content.blob(size, seed=1))
        peer = made(lab, upstream.url)
        try:
            client.get(peer.port, "/v2/")
            figures = ask(peer, blob)
            return {**figures, "fetched": upstream.body_bytes() / MIB}
        finally:
            peer.stop()
    finally:
        upstream.stop()


def first_parts(peer: Peer, blob) -> dict[str, float]:
    far = blob.size // 32 * 25
    return {"far": timed_range(peer.port, blob, far, far + 64 * KIB - 1),
            "near": timed_range(peer.port, blob, 0, 1)}


def eight_parts(peer: Peer, blob) -> dict[str, float]:
    part = blob.size // 8
    began = time.monotonic()
    with ThreadPoolExecutor(8) as workers:
        parts = list(workers.map(lambda begin: open_range(peer.port, blob, begin, part),
                                 range(0, blob.size, part)))
    took = time.monotonic() - began
    assert parts == [hashlib.sha256(blob.data[at:at + part]).hexdigest()
                     for at in range(0, blob.size, part)], "wrong bytes"
    return {"time": took}


def at_random(lab) -> None:
    files = {}
    for _ in range(2 if lab.quick else 8):
        data = os.urandom(64 * MIB)
        files[f"blobs/sha256:{hashlib.sha256(data).hexdigest()}"] = data
    origin = lab.static(files)
    url = f"http://127.0.0.1:{origin.port}"
    targets = [f"/v2/{NAME}/{name}" for name in files]
    everyone = [lab.keep(made(lab, url)) for made in MADE.values()]
    for peer in everyone:
        for target in targets:
            answer = client.get(peer.port, target, keep=False)
            assert target.endswith(answer.sha256), peer.name
    files.clear()
    listed, script = lab.directory / "targets", lab.directory / "random.lua"
    listed.write_text("\n".join(targets) + "\n")
    script.write_text(RANDOM_RANGES % {"targets": listed, "last": 64 * MIB - 65536})
    seconds = 1 if lab.quick else 3

    def measure(peer: Peer) -> dict[str, float]:
        before = peer.cpu()
        rate = random_ranges(peer.port, script, seconds)
        return {"rate": rate, "cpu": (peer.cpu() - before) / (rate * seconds)}
    results = in_turns({peer.name: functools.partial(measure, peer) for peer in everyone},
                       lab.rounds(2))
    lab.report.table("64 KiB at random of stored blobs of 64 MiB, 64 connections", results, [
        Column("rate", "thousand requests/s", 1e-3, 1), Column("cpu", "CPU µs a request", 1e6, 1)])
    lab.report.bar("random ranges: requests a second to nginx", results.ratio("rate", "nginx"), 1,
                   at_least=True)


def run(lab) -> None:
    large, several = (16 * MIB, 8 * MIB) if lab.quick else (256 * MIB, 64 * MIB)
    results = in_turns({name: functools.partial(cold, lab, made, large, 20 * MIB, first_parts)
                        for name, made in MADE.items()}, 1, warm_up=False)
    lab.report.table("First parts of a cold 256 MiB blob", results, [
        Column("far", "64 KiB at 200 MiB, ms", 1, 1), Column("near", "then 2 bytes, ms", 1, 1),
        Column("fetched", "MiB from the registry", 1, 2)])
    lab.report.bar("cold range far behind, ms", results.ratio("far", "Entrepot") and
                   results.samples["Entrepot"]["far"][0], 150)
    results = in_turns({name: functools.partial(cold, lab, made, several, 40 * MIB, eight_parts)
                        for name, made in MADE.items()}, lab.rounds(2), warm_up=False)
    lab.report.table("A cold 64 MiB blob in eight parts at once, ideal 1.6 s", results, [
        Column("time", "seconds"), Column("fetched", "MiB from the registry", 1, 1)])
    at_random(lab)
