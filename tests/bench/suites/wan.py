# SPDX-License-Identifier: Apache-2.0
"""A pull of an image from a far registry: each reply begins 80 ms after its request, and each connection
delivers 3 MiB/s, as those to registries overseas do. The tag by HEAD, the manifest by its digest, then
the configuration and five layers of 1 to 16 MiB, three at a time as engines do, all digests verified.
*Cold* with a new, empty cache, *warm* the same pull again.

*Two endpoints*: Entrepot with this registry and a mirror of it whose replies begin after 120 ms and
whose connections deliver 6 MiB/s. It has measured neither when it starts; *next* is another image of
the same size, cold, after the first.

The registry is scripted and on this machine: opening a connection costs nothing here, which favours
sides that open many; there are no losses either. Each side checks tags again as its configuration
says; distribution does each time."""

from __future__ import annotations

import functools
import time

import crowd
from harness import MIB, NAME
from peers import ALL, Entrepot, NginxCache, fresh
from report import OURS, Column, in_turns
from support import client, content
from support.upstream import ScriptedUpstream

TITLE = "A far registry"
LAYERS = (16 * MIB, 8 * MIB, 4 * MIB, 2 * MIB, MIB)
DIRECT, TWO = "direct", f"{OURS}, two endpoints"
COLUMNS = [Column("cold", "cold, s"), Column("direct", "× direct"), Column("next", "next, s"),
           Column("warm", "warm, s", 1, 3), Column("bytes", "from upstream, × size"),
           Column("second", "of that from the second, %", 100, 0)]


class Far:
    """Registries with the same two images."""

    def __init__(self, lab):
        faster = 10 if lab.quick else 1
        self.first = lab.keep(ScriptedUpstream(rate=3 * MIB * faster))
        self.second = lab.keep(ScriptedUpstream(rate=6 * MIB * faster))
        self.first.delay, self.second.delay = 0.08, 0.12
        self.images = [content.image(LAYERS, seed=seed) for seed in (1, 2)]
        for each in (self.first, self.second):
            for number, image in enumerate(self.images):
                each.add_image(NAME, image, f"tag{number}")

    def forget(self) -> None:
        self.first.forget()
        self.second.forget()

    def brought(self) -> dict[str, float]:
        first, second = self.first.body_bytes(), self.second.body_bytes()
        size = sum(blob.size for blob in self.images[0].blobs)
        return {"bytes": (first + second) / size, "second": second / (first + second)}

    def pull(self, port: int, number: int = 0) -> float:
        """Seconds for all of an image."""
        image, began = self.images[number], time.monotonic()
        with client.Connection(port) as connection:
            accept = [("Accept", image.manifest.media_type)]
            connection.send_request("HEAD", f"/v2/{NAME}/manifests/tag{number}", accept)
            answer = connection.read_response("HEAD")
            assert answer.headers.get("Docker-Content-Digest") == image.manifest.digest, answer
            connection.send_request("GET", f"/v2/{NAME}/manifests/{image.manifest.digest}", accept)
            assert connection.read_response().body == image.manifest.data, "another manifest"
        crowd.ask(port, [f"/v2/{NAME}/blobs/{blob.digest}" for blob in image.blobs], 3, limit=40)
        return time.monotonic() - began


def run(lab) -> None:
    far, last = Far(lab), {}

    def direct(upstream: ScriptedUpstream) -> dict[str, float]:
        far.forget()
        took = far.pull(upstream.port)
        last.setdefault(upstream, []).append(took)
        return {"cold": took, "direct": took / last[far.first][-1], **far.brought()}

    def through(made) -> dict[str, float]:
        with fresh(lab, made, far.first.url) as peer:
            far.forget()
            cold = far.pull(peer.port)
            brought = far.brought()
            warm = far.pull(peer.port)
            following = {"next": far.pull(peer.port, 1)} if made is two else {}
        return {"cold": cold, "direct": cold / last[far.first][-1], "warm": warm, **brought,
                **following}

    def two(site, _origin: str) -> Entrepot:
        urls = [{"url": each.url} for each in (far.first, far.second)]
        peer = Entrepot(site, {"endpoints": urls})
        peer.name = TWO
        return peer

    kinds = {**ALL, TWO: two, "nginx, slices": functools.partial(NginxCache, sliced=True)}
    results = in_turns({DIRECT: functools.partial(direct, far.first),
                        f"{DIRECT}, from the second": functools.partial(direct, far.second),
                        **{name: functools.partial(through, made) for name, made in kinds.items()}},
                       lab.rounds(2), warm_up=False)
    lab.report.table("31 MiB from far away", results, COLUMNS)
    lab.report.bar("cold pull from far: time to direct", results.ratio("cold", DIRECT), 1.02)
    lab.report.bar("cold pull from far, two endpoints: time to direct",
                   results.ratio("cold", DIRECT, TWO), 1.02)
    lab.report.chart("wan", "Cold pull from far, seconds", results, COLUMNS[0])
