# SPDX-License-Identifier: Apache-2.0
"""`docker pull` by a real dockerd: a Debian of four layers, from a registry on this machine. *direct*
has the registry itself in `registry-mirrors`, the others have the mirror there, so that the engine
does the same for all. *cold* is with an empty mirror that has just started, *warm* the same pull once
more, from that mirror; *direct* pulls twice as well, and the others are compared with the mean of the
two. Before each pull the engine has nothing of the image, and everything written before is on the disk.
The time is the user's: most of it the engine's own, which unpacks layers while others still arrive.

A pull counts only if the engine had the one mirror in its list, got the right image, and the registry
was asked for every blob by a cold pull and for none by a warm one. Three pulls before the first round
warm up the engine. Then Entrepot and *direct* have more rounds, alone, as single rounds differ by a
fifth; the bars apply to all their rounds. debootstrap makes the image on first use; it stays in the
build directory."""

from __future__ import annotations

import functools
import json
import os
import time
from pathlib import Path

from harness import HERE
from peers import ALL, Peer
from report import OURS, Column, Results, in_turns
from support import rootfs
from support.docker_registry import DockerRegistry
from support.engines import Docker
from support.gate import eventually

TITLE = "A pull by the Docker engine"
COLUMNS = [Column("cold", "cold, s"), Column("warm", "warm, s"),
           Column("cold_cpu", "mirror's CPU s, cold"), Column("warm_cpu", "warm")]
DIRECT = "direct"
ROUNDS, PAIRS = 3, 8  # of all sides; of the two that the bars are about
PULL_AT_MOST = 60


class Engine:
    """One dockerd for all sides, told of another mirror by SIGHUP."""

    def __init__(self, lab, registry: DockerRegistry, image: str):
        self._registry, self._image = registry, image
        self._config = lab.directory / "daemon.json"
        self._write(registry.url)
        self.docker = lab.keep(Docker(config=self._config))

    def _write(self, mirror: str) -> None:
        self._config.write_text(json.dumps({"registry-mirrors": [mirror]}))

    def _mirrors(self) -> list[str]:
        listed = self.docker("info", "--format", "{{json .RegistryConfig.Mirrors}}", timeout=20)
        return [url.rstrip("/") for url in json.loads(listed.stdout.strip().splitlines()[-1])]

    def use(self, mirror: str) -> None:
        self._write(mirror)
        self.docker.reload()
        eventually(lambda: self._mirrors() == [mirror], what=f"the engine's mirror {mirror}")

    def forget(self) -> None:
        self.docker.remove_all()

    def pull(self) -> float:
        """Seconds."""
        began = time.monotonic()
        self.docker("pull", "--quiet", self._image, timeout=PULL_AT_MOST)
        return time.monotonic() - began

    def image(self) -> str:
        """The digest of its configuration, which names all else."""
        return self.docker("image", "inspect", "--format", "{{.Id}}", self._image).stdout.strip()

    def blobs_of_registry(self) -> dict[str, int]:
        return self._registry.gets("blobs")


class Pulls:
    """Pulls by each side, of the same image."""

    def __init__(self, lab, registry: DockerRegistry, image: str, layers: int):
        self._lab, self._url = lab, registry.url
        self._engine = Engine(lab, registry, image)
        self._engine.pull()
        self._image = self._engine.image()
        blobs = self._engine.blobs_of_registry()
        assert len(blobs) == layers + 1, f"{len(blobs)} blobs for {layers} layers and a config"

    def direct(self) -> dict[str, float]:
        self._engine.use(self._url)
        mean = (self._one_pull(from_registry=True) + self._one_pull(from_registry=True)) / 2
        return {"cold": mean, "warm": mean}

    def through(self, made: type[Peer]) -> dict[str, float]:
        peer = made(self._lab, self._url)
        try:
            self._lab.note_setup(peer)
            self._engine.use(f"http://127.0.0.1:{peer.port}")
            before = peer.cpu()
            cold = self._one_pull(from_registry=True)
            between = peer.cpu()
            warm = self._one_pull(from_registry=False)
            return {"cold": cold, "warm": warm,
                    "cold_cpu": between - before, "warm_cpu": peer.cpu() - between}
        finally:
            peer.stop()

    def _one_pull(self, from_registry: bool) -> float:
        self._engine.forget()
        self._lab.settle()
        before = self._engine.blobs_of_registry()
        took = self._engine.pull()
        assert self._engine.image() == self._image, "another image than the registry's"
        after = self._engine.blobs_of_registry()
        asked = {target for target in after if after[target] > before.get(target, 0)}
        expected = set(after) if from_registry else set()
        assert asked == expected, f"the registry sent {len(asked)} of {len(after)} blobs"
        return took


def round_by_round(results: Results) -> str:
    """Each side's times to *direct* in the same round."""
    lines = ["**To direct, round by round**\n", "|  | cold | warm |", "|---|---|---|"]
    for side in results.sides():
        if side == DIRECT:
            continue
        cells = []
        for metric in ("cold", "warm"):
            ours, theirs = (results.samples.get(name, {}).get(metric, [])
                            for name in (side, DIRECT))
            cells.append(", ".join(f"{a / b:.3f}" for a, b in zip(ours, theirs)) or "failed")
        lines.append("| " + " | ".join([side, *cells]) + " |")
    return "\n".join(lines)


def run(lab) -> None:
    build = Path(os.environ.get("ENTREPOT_BUILD_DIR", HERE.parent.parent / "build/release"))
    registry = lab.keep(DockerRegistry(rootfs.store(build)))
    # The quick one takes 28 MB of it that need no unpacking to speak of.
    name, layers = (rootfs.LAYERS, 7) if lab.quick else (rootfs.DEBIAN, 4)
    pulls = Pulls(lab, registry, f"{name}:latest", layers)
    sides = {DIRECT: pulls.direct, **{
        name: functools.partial(pulls.through, made) for name, made in ALL.items()}}
    pulls.direct()
    results = in_turns(sides, lab.rounds(ROUNDS), warm_up=False)
    lab.report.table(f"Pull of {name}, {layers} layers", results, COLUMNS)
    lab.report.chart("engine", "docker pull, cold, seconds", results, COLUMNS[0])
    in_turns({side: sides[side] for side in (DIRECT, OURS)}, lab.rounds(PAIRS), warm_up=False,
             into=results)
    lab.report.table(f"{OURS} and direct, all {lab.rounds(ROUNDS) + lab.rounds(PAIRS)} rounds",
                     results.only(DIRECT, OURS), COLUMNS)
    lab.report.bar("Warm pull to direct", results.ratio("warm", DIRECT), 1)
    lab.report.bar("Cold pull to direct", results.ratio("cold", DIRECT), 1.02)
    table = round_by_round(results)
    lab.report.text(table)
    print(table, flush=True)
