#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Spoilt answers of upstreams against the built binary: their heads, bodies and timing.

    tests/fuzz/answers.py [--seed N] [--duration 1h | --count N] [--cases N] [--case SEED]

Each case is an upstream of its own whose valid answers are changed, and clients that request
everything a registry has from it (scene.py, mutations.py, visits.py). Some dozen cases share one
life of the process, which then has to end by itself. Ends with 1 and prints the violation and its
case:

- the process is alive, no sanitizer has reported, SIGTERM ends it with 0;
- a body delivered whole by digest has the right bytes; HEAD and GET of it agree;
- every request has an answer in time, made of our own fields alone, and an error has its form;
- another upstream that is well has all its answers, new ones and stored ones, all the time;
- nothing is left in flight, and anonymous memory keeps within 256 MiB (not under a sanitizer).

A case is repeated alone by --case, a life by its seed and --count 1.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
os.environ.setdefault("ENTREPOT_BINARY", str(HERE.parent.parent / "build/asan/entrepot"))

from bench.soak import seconds  # noqa: E402
from fuzz.scene import Case  # noqa: E402
from fuzz.visits import LONGEST, Tally, Violation, Visitor  # noqa: E402
from support import content  # noqa: E402
from support.checks import REPOSITORY, blob_target, manifest_target  # noqa: E402
from support.client import Closed  # noqa: E402
from support.config import settings  # noqa: E402
from support.entrepot import Entrepot  # noqa: E402
from support.gate import eventually  # noqa: E402
from support.upstream import ScriptedUpstream  # noqa: E402

MEMORY = 256 * content.MIB
AT_ONCE = 12  # cases


class Patrol(threading.Thread):
    """A client of a well-behaved upstream, beside the faults of the others."""

    def __init__(self, entrepot: Entrepot, upstream: ScriptedUpstream):
        super().__init__(daemon=True)
        self._entrepot, self._upstream = entrepot, upstream
        self._over = threading.Event()
        self.rounds = 0
        self.problem = ""
        self.start()

    def run(self) -> None:
        try:
            stored = self._new()
            while not self._over.wait(0.2):  # the pace of the load, not a wait for anything
                self._ask(*self._new())
                self._ask(*stored)
                self.rounds += 1
        except (AssertionError, OSError, Closed) as problem:
            self.problem = f"the upstream that is well: {problem!r}"

    def _new(self) -> tuple[content.Blob, content.Manifest]:
        """Requested for the first time, and whole."""
        image = content.image((70_000,), seed=-1 - self.rounds)
        self._upstream.add_image(REPOSITORY, image, f"v{self.rounds}")
        return image.layers[0], image.manifest

    def _ask(self, blob: content.Blob, manifest: content.Manifest) -> None:
        for target, data in ((blob_target(blob), blob.data), (manifest_target(manifest), manifest.data)):
            # On an overloaded machine one answer of its upstream may come too late.
            def whole() -> bool:
                response = self._entrepot.get(f"{target}?ns=well", timeout=LONGEST)
                assert response.status in (200, 503, 504), (target, response)
                assert not response.complete or response.status != 200 or response.body == data, target
                return response.status == 200 and response.complete
            eventually(whole, what=f"{target} served")

    def finish(self) -> None:
        self._over.set()
        self.join(LONGEST)
        if self.problem or self.is_alive():
            raise Violation(self.problem or "the upstream that is well: no answer")


class Life:
    """One process and its cases."""

    def __init__(self, directory: Path, cases: list[int], tally: Tally):
        self._tally = tally
        directory.mkdir()
        self._well = ScriptedUpstream()
        self.cases = [Case(seed) for seed in cases]
        self.suspects: list[int] = []  # seeds of the cases that may have caused a failure
        self._running: list[Case] = []
        self._problems: list[str] = []
        self.peak = 0
        upstreams = {"well": self._well} | {f"u{n}": case.settings()
                                            for n, case in enumerate(self.cases)}
        chance = random.Random(cases[0])
        self._entrepot = Entrepot(directory, settings(
            directory / "cache", upstreams, cache={"max_size": "256MiB", "reserve_free": 0},
            timeouts={"connect": "2s", "first_byte": "3s", "stall": "2s"},
            limits={"transfers_per_blob": chance.choice((1, 8))}))

    def run(self) -> list[str]:
        """Runs the case and returns the violations."""
        try:
            self._entrepot.start()
            patrol = Patrol(self._entrepot, self._well)
            with ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(self._run_case, range(len(self.cases))))
            for work in (patrol.finish, self._end):
                if not self._problems:
                    self._guard(work, self.cases)
        finally:
            for case in self.cases:
                case.stop()
            self._well.stop()
            if self._entrepot.running:
                self._entrepot.kill9()
        return self._problems

    def _run_case(self, number: int) -> None:
        case = self.cases[number]
        if self._problems:
            return
        self._running.append(case)
        visitor = Visitor(self._entrepot.port, f"u{number}", case, self._tally)
        self._guard(visitor.run, [case])
        case.over.set()
        if not self._problems:
            self._running.remove(case)

    def _guard(self, work, cases: list[Case]) -> None:
        try:
            work()
        except (AssertionError, OSError) as problem:
            if self._has_ended():
                self._report_end()
                return
            self.suspects += [case.seed for case in cases]
            self._problems.append("\n".join([str(problem), *_spoilt_of(cases[:1])]))

    def _has_ended(self) -> bool:
        """A process that dies closes its connections before it is gone."""
        try:
            eventually(lambda: not self._entrepot.running, 5)
        except AssertionError:
            return False
        return True

    def _report_end(self) -> None:
        if not self.suspects:
            self.suspects += [case.seed for case in self._running or self.cases]
            self._problems.append("\n".join(["the process has ended:", self._entrepot.log.text[-6000:],
                                             *_spoilt_of(self._running)]))

    def _end(self) -> None:
        entrepot = self._entrepot
        for gauge in ("flights", "connections"):
            eventually(lambda: entrepot.metrics().sum(gauge) == 0, LONGEST, f"no {gauge} at the end")
        self.peak = entrepot.memory()["RssAnon"]
        if not os.environ.get("ENTREPOT_SANITIZE") and "asan" not in os.environ["ENTREPOT_BINARY"]:
            assert self.peak <= MEMORY, f"{self.peak / content.MIB:.0f} MiB of anonymous memory"
        entrepot.terminate()


def _spoilt_of(cases: list[Case]) -> list[str]:
    """The cases, and the spoilt answers of each."""
    return [line for case in cases
            for line in (f"  case {case.seed}:", *(f"    {spoilt}" for spoilt in case.spoilt))]


def seeds_of(life_seed: int, count: int) -> list[int]:
    rng = random.Random(life_seed)
    return [rng.randrange(1 << 40) for _ in range(count)]


class Campaign:
    def __init__(self, seed: int, cases: int, directory: Path):
        self._seed, self._directory = seed, directory
        self.tally = Tally()
        self.lives = self.questions = self.peak = 0
        self._cases, self.cases = cases, 0

    def run(self, count: int | None, duration: float | None) -> str:
        """Runs so many lives, or so long. Returns the first violation, or nothing."""
        end = time.monotonic() + (duration or 0)
        while time.monotonic() < end or (count is not None and self.lives < count):
            seed = self._seed + self.lives
            print(f"life {seed}: {sum(self.tally.outcomes.values())} answers so far", flush=True)
            problems, suspects = self.run_cases(seeds_of(seed, self._cases))
            if problems:
                again = [suspect for suspect in suspects if self.run_cases([suspect])[0]]
                return "\n".join([f"VIOLATION in the life of --seed {seed} --count 1", *problems,
                                  f"again, alone: {[f'--case {one}' for one in again]}, "
                                  f"of {len(suspects)} that may be to blame"])
        return ""

    def run_cases(self, seeds: list[int]) -> tuple[list[str], list[int]]:
        """Runs the cases in a life of their own. Returns the violation, and the cases that may have
        caused it."""
        directory = self._directory / f"life-{self.lives}"
        life = Life(directory, seeds, self.tally)
        self.lives += 1
        try:
            return life.run(), life.suspects
        finally:
            self.cases += len(seeds)
            self.questions += sum(one.questions for one in life.cases)
            self.peak = max(self.peak, life.peak)
            shutil.rmtree(directory, ignore_errors=True)

    def summary(self) -> str:
        outcomes = ", ".join(f"{what}: {count}" for what, count in self.tally.outcomes.most_common())
        return (f"{self.lives} lives, {self.cases} cases, "
                f"{sum(self.tally.outcomes.values())} answers to clients, {self.questions} of upstreams; "
                f"longest {self.tally.longest:.1f} s, memory {self.peak / content.MIB:.0f} MiB\n"
                f"    {outcomes}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--duration", type=seconds, help="30s, 20m, 1h")
    parser.add_argument("--count", type=int, help="lives")
    parser.add_argument("--cases", type=int, default=30, help="in a life")
    parser.add_argument("--case", type=int, help="the seed of one, which is run alone")
    options = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="entrepot-fuzz-"))
    print(f"seed {options.seed}", flush=True)
    try:
        campaign = Campaign(options.seed, options.cases, directory)
        if options.case is not None:
            problem = "\n".join(campaign.run_cases([options.case])[0])
        else:
            problem = campaign.run(options.count or (None if options.duration else 10), options.duration)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    print(problem or "no violation")
    print(campaign.summary())
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main())
