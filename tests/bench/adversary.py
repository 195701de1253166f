#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""All attacks at once beside a client that pulls images.

    tests/bench/adversary.py [--duration 20m] [--attacks a,b] [--without a,b]

Attackers (attacks.py), each from an address of its own, do what strangers may do; an upstream of
theirs helps them (hostile.py). A client from another address requests stored objects and pulls
images that are not stored (visitor.py), alone for a while and then beside them. The registry it
pulls from is 30 ms away. Ends with 1 when one of these is missed, and prints which:

- the process is alive, and ends with 0 at SIGTERM;
- anonymous memory keeps within 256 MiB;
- the client's hits: p99 within 10 ms; its misses: median and p99 within three times of those alone;
- the client has no failure and no wrong byte, and /healthz always answers;
- at the end 90 % of the cache's size are stored blobs and manifests.

It needs a machine that runs nothing else.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
os.environ.setdefault("ENTREPOT_BINARY", str(HERE.parent.parent / "build/release/entrepot"))

import attacks  # noqa: E402
import hostile  # noqa: E402
import visitor  # noqa: E402
from soak import seconds  # noqa: E402
from support import content  # noqa: E402
from support.config import settings  # noqa: E402
from support.entrepot import Entrepot  # noqa: E402

MIB = content.MIB
CACHE = 512 * MIB
MEMORY, HITS_P99, MISSES, STORED = 256.0, 10.0, 3.0, 90.0  # MiB, ms, times, %
SETTLE = 15.0  # s after the attackers have gone


class Peer:
    """A process of the benchmark at the other end of a pipe."""

    def __init__(self, work, *arguments):
        self.pipe, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.Process(target=work, args=(theirs, *arguments), daemon=True)
        self._process.start()

    def ask(self, question, patience: float = 180):
        self.pipe.send(question)
        return self.hear(patience)

    def hear(self, patience: float = 180):
        if not self.pipe.poll(patience):
            raise AssertionError("a part of this program says nothing")
        return self.pipe.recv()

    def end(self) -> None:
        self._process.kill()
        self._process.join()


class Memory(threading.Thread):
    """The peak of the process's anonymous memory, with its time."""

    def __init__(self, entrepot: Entrepot):
        super().__init__(daemon=True)
        self._entrepot = entrepot
        self.over = threading.Event()
        self.begun = time.monotonic()
        self.samples: list[tuple[float, float]] = []  # s, MiB
        self.start()

    def run(self) -> None:
        while not self.over.wait(0.25):
            try:
                now = self._entrepot.memory().get("RssAnon", 0) / MIB
            except OSError:
                return
            self.samples.append((time.monotonic() - self.begun, now))

    @property
    def peak(self) -> tuple[float, float]:
        return max(self.samples, key=lambda one: one[1])


def percentile(values: list[float], part: float) -> float:
    return sorted(values)[int(len(values) * part)] if values else float("inf")


class Run:
    def __init__(self, duration: float, chosen: list[str], directory: Path, ends: ExitStack):
        self._duration, self._chosen = duration, chosen
        self._missed: list[str] = []
        registries = Peer(hostile.serve)
        ends.callback(registries.end)
        well, bad = registries.hear()
        self._entrepot = Entrepot(directory, configuration(directory / "cache", well, bad)).start()
        ends.callback(self._kill)
        self._client = Peer(visitor.run, self._entrepot.port, self._entrepot.admin_port, CACHE)
        ends.callback(self._client.end)
        self._attackers = Peer(attacks.run, chosen, self._entrepot.port, self._entrepot.admin_port)
        ends.callback(self._attackers.end)

    def _kill(self) -> None:
        if self._entrepot.running:
            self._entrepot.kill9()

    def go(self) -> int:
        self._client.hear()
        memory = Memory(self._entrepot)
        self._client.pipe.send("begin")
        self._wait(max(15.0, min(120.0, self._duration / 5)), "alone")
        alone = self._client.ask("phase")
        self._attackers.pipe.send("begin")
        self._wait(self._duration, "beside attackers")
        beside = self._client.ask("phase")
        did = self._attackers.ask("end")
        self._wait(SETTLE, "alone again")
        self._client.pipe.send("end")
        memory.over.set()
        print("attacks: " + "".join(f"\n    {name}: {what}" for name, what in did.items()))
        self._report(alone, beside, memory)
        print(f"missed: {', '.join(self._missed)}" if self._missed else "all held")
        return 1 if self._missed else 0

    def _wait(self, duration: float, name: str) -> None:
        print(f"{name}: {duration:.0f} s", flush=True)
        end = time.monotonic() + duration
        while time.monotonic() < end and self._entrepot.running:
            time.sleep(0.5)

    def _bar(self, name: str, held: bool, text: str) -> None:
        print(f"    {'held  ' if held else 'MISSED'} {name}: {text}")
        if not held:
            self._missed.append(name)

    def _report(self, alone: visitor.Phase, beside: visitor.Phase, memory: Memory) -> None:
        bar = self._bar
        stored = self._stored()
        at, peak = memory.peak
        bar("memory", peak <= MEMORY, f"at most {peak:.0f} MiB, {at:.0f} s in; bar {MEMORY:.0f} MiB")
        p99 = percentile(beside.hits, 0.99) * 1e3
        bar("hits", p99 <= HITS_P99, f"p99 {p99:.1f} ms of {len(beside.hits)}, alone "
            f"{percentile(alone.hits, 0.99) * 1e3:.1f} ms; bar {HITS_P99:.0f} ms; "
            f"{beside.cold} were no longer stored")
        for name, part in (("misses, median", 0.5), ("misses, p99", 0.99)):
            before, now = percentile(alone.misses, part), percentile(beside.misses, part)
            bar(name, now <= MISSES * before, f"{now * 1e3:.0f} ms of {len(beside.misses)}, alone "
                f"{before * 1e3:.0f} ms of {len(alone.misses)}: {now / before:.2f} ×; bar {MISSES:.0f} ×")
        probes = max(beside.probes, default=float("inf"))
        print(f"    /healthz: {len(beside.probes)} answers, mean "
              f"{statistics.fmean(beside.probes or [0]) * 1e3:.1f} ms, worst {probes * 1e3:.0f} ms")
        failures = [*alone.failures, *beside.failures]
        bar("failures", not failures, f"{len(failures)} {failures[:3]}")
        wrong = [*alone.wrong, *beside.wrong]
        bar("wrong bytes", not wrong, f"{len(wrong)} {wrong[:3]}")
        bar("stored", stored >= STORED, f"{stored:.1f} % of the cache's size; bar {STORED:.0f} %")
        try:
            self._entrepot.close()
            bar("alive, and ended with 0", True, "yes")
        except AssertionError as problem:
            bar("alive, and ended with 0", False, str(problem)[-3000:])

    def _stored(self) -> float:
        if not self._entrepot.running:
            return 0.0
        stats = json.loads(self._entrepot.admin("/api/v1/cache").body)
        print(f"cache: {stats}")
        return (stats["blob_bytes"] + stats["manifest_bytes"]) / CACHE * 100


def configuration(cache: Path, well: str, bad: str) -> dict:
    """The product's own settings, except for sizes and those that tests cannot have."""
    upstreams = {"well": {"endpoint": well}, "hostile": {"endpoint": bad}}
    config = settings(cache, upstreams, cache={"max_size": str(CACHE), "reserve_free": 0},
                      threads=None, limits=None, log={"level": "info", "access": False})
    config["timeouts"] = {"drain": "5s"}
    return config


def chosen_attacks(options, parser: argparse.ArgumentParser) -> list[str]:
    wanted = options.attacks.split(",") if options.attacks else attacks.names()
    without = options.without.split(",") if options.without else []
    if unknown := {*wanted, *without} - {*attacks.names()}:
        parser.error(f"no such attack: {', '.join(unknown)}; there are {', '.join(attacks.names())}")
    return [name for name in wanted if name not in without]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--duration", type=seconds, default=seconds("20m"))
    parser.add_argument("--attacks", help="only these: " + ", ".join(attacks.names()))
    parser.add_argument("--without", help="all but these")
    options = parser.parse_args()
    chosen = chosen_attacks(options, parser)
    with tempfile.TemporaryDirectory(prefix="entrepot-adversary-") as directory, ExitStack() as ends:
        return Run(options.duration, chosen, Path(directory), ends).go()


if __name__ == "__main__":
    sys.exit(main())
