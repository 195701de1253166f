#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Entrepot beside the mirrors that its users would run instead: nginx, varnish and distribution as
caches, the registry itself as the floor, and files sent by nginx as the ceiling.

    tests/bench/run.sh [--quick] [--out FILE] [suite…]

All on this machine, in this run, in turns. Writes FILE (docs/benchmarks.md where every suite runs) with
tables, pictures, the machine, versions and the configuration of every peer beside it. --quick takes
the shortest of each, to see that it runs: its figures say nothing. Leaves nothing running.
"""

from __future__ import annotations

import argparse
import datetime
import importlib
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import harness
from harness import Site
from peers import versions
from report import Report

SUITES = ("hits", "bulk", "miss", "herd", "ranges", "wan", "memory", "mixed", "engine")
PROJECT = harness.HERE.parent.parent


class Lab(Site):
    """The place in which one suite runs: its processes, its report and its settings."""

    def __init__(self, report: Report, quick: bool, setups: dict[str, str]):
        super().__init__()
        self.report, self.quick = report, quick
        self._setups = setups

    def rounds(self, full: int) -> int:
        return 1 if self.quick else full

    def settle(self) -> None:
        """The writeback of stored bytes is no part of a hit."""
        subprocess.run(["sync", "-f", self.directory], check=True)

    def note_setup(self, peer) -> None:
        """Keeps its configuration beside the results, once for each kind."""
        name = re.sub(r"\W+", "-", peer.name).strip("-").lower()
        text = peer.setup().replace(str(self.directory), "/bench")
        self._setups.setdefault(name, text)


def machine() -> str:
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = re.search(r"model name\s*: (.*)", info)
    flags = re.search(r"flags\s*: (.*)", info)
    memory = int(re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text("ascii"))[1])
    release = dict(re.findall(r'(\w+)="?([^"\n]*)"?', Path("/etc/os-release").read_text("utf-8")))
    sha = "with" if flags and "sha_ni" in flags[1].split() else "without"
    return (f"{os.cpu_count()} × {model[1] if model else platform.machine()} ({sha} SHA "
            f"instructions), {memory / (1 << 20):.0f} GiB, {release.get('PRETTY_NAME', 'Linux')}, "
            f"kernel {platform.release()}")


def busy_with() -> float:
    """The cores that other processes use, over a second: a shared machine shows here."""
    def idle_and_all() -> tuple[int, int]:
        fields = [int(word) for word in Path("/proc/stat").read_text("ascii").split("\n")[0].split()[1:]]
        return fields[3] + fields[4], sum(fields[:8])
    before = idle_and_all()
    time.sleep(1)
    after = idle_and_all()
    spent = after[1] - before[1]
    return (1 - (after[0] - before[0]) / spent) * (os.cpu_count() or 1) if spent else 0.0


def commit() -> str:
    command = ["git", "-c", f"safe.directory={PROJECT}", "-C", PROJECT, "describe", "--always",
               "--dirty"]
    try:
        done = subprocess.run(command, text=True, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"  # no git here, or no clone
    return done.stdout.strip()


def introduce(report: Report, options: argparse.Namespace) -> None:
    words = " ".join(["tests/bench/run.sh", *(["--quick"] if options.quick else []), *options.suites])
    listed = ", ".join(f"{name} {version}" for name, version in versions().items())
    report.text(f"""# Benchmarks

Made by `{words}` on {datetime.date.today()}, commit {commit()}; not written by hand.

- Machine: {machine()}. Other processes took {busy_with():.2f} cores when it began.
- {listed}.
- Every side is measured in turns within one run; a figure is the median of its rounds with the least
  and the most in brackets. *Entrepot to it* is the median of the ratios round by round, in the first
  column's figure. A first round that warms up is not counted.
- The configuration of each side is beside this file, in [benchmarks](benchmarks).
- Loopback has no bandwidth of its own: the tables compare the work of a core, unless a line says
  otherwise. Client and peers share the cores.
""")
    if options.quick:
        report.text("**A quick run: its figures say nothing.**")


def measured(name: str, report: Report, quick: bool, setups: dict[str, str]) -> bool:
    """Returns whether the suite ended normally."""
    began = time.monotonic()
    print(f"{name}:", flush=True)
    suite = importlib.import_module(f"suites.{name}")
    report.text(f"## {suite.TITLE}\n\n{suite.__doc__.strip()}")
    failure = None
    try:
        with Lab(report, quick, setups) as lab:
            suite.run(lab)
    except Exception as error:  # pylint: disable=broad-exception-caught
        if TERMINATED:
            sys.exit("terminated")
        failure = error
        report.text(f"**The suite failed**: {error}")
        print(f"  the suite failed: {error!r}", file=sys.stderr, flush=True)
    print(f"  ({time.monotonic() - began:.0f} s)", flush=True)
    return failure is None


TERMINATED: list[int] = []


def terminate(number: int, _frame) -> None:
    """Stops the running processes. A process that got the same signal and ended is no failure."""
    TERMINATED.append(number)
    sys.exit("terminated")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--quick", action="store_true", help="the shortest of each suite")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where the document goes")
    parser.add_argument("suites", nargs="*", metavar="suite", choices=[[], *SUITES],
                        help=", ".join(SUITES))
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, terminate)
    whole = not options.suites and not options.quick
    out = options.out or (PROJECT / "docs/benchmarks.md" if whole else
                          Path(tempfile.mkdtemp(prefix="entrepot-figures-")) / "benchmarks.md")
    report, setups, broken = Report(out), {}, []
    introduce(report, options)
    for name in options.suites or SUITES:
        if not measured(name, report, options.quick, setups):
            broken.append(name)
    if whole:
        report.text((harness.HERE / "profiles.md").read_text(encoding="utf-8"))
    report.write()
    out.with_suffix("").mkdir(exist_ok=True)
    for name, text in setups.items():
        (out.with_suffix("") / f"{name}.txt").write_text(text)
    print(f"written: {out}")
    if broken:
        sys.exit("failed: " + ", ".join(broken))


if __name__ == "__main__":
    main()
