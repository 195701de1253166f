# SPDX-License-Identifier: Apache-2.0
"""The rows of the tables of drills: a fault, and where each person finds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable


@dataclass(frozen=True)
class Metric:
    """A series of /metrics, summed over the labels that are not named."""

    name: str
    labels: dict[str, str]
    value: float | None = None  # None: a counter, which has grown


def grows(name: str, **labels: str) -> Metric:
    return Metric(name, labels)


def becomes(value: float, name: str, **labels: str) -> Metric:
    return Metric(name, labels, value)


@dataclass(frozen=True)
class Drill:
    """`act` begins the scene, causes the fault, and requires what clients get. The patterns are searched
    in one line each; {endpoint} and the other words of the scene are put in."""

    name: str               # its row in docs/operations.md
    act: Callable
    log: tuple[str, ...]    # lines of the log; of the output, if the process does not start
    status: tuple[str, ...]  # lines of `entrepot status`
    well: bool | None = False  # the process says that it is well; None: either
    state: str = "working"   # of the endpoint in /api/v1/upstreams
    error: str | None = None  # reason of its last error
    metric: Metric | None = None
    alerts: tuple[str, ...] = ()
    perhaps: tuple[str, ...] = ()  # alerts that depend on what meets the fault first
    runs: bool = True       # the process runs, so that it can be asked


DRILLS: list[Drill] = []


def drill(name: str, **row):
    """Adds a row."""
    def add(act: Callable) -> Callable:
        DRILLS.append(Drill(name, act, **row))
        return act
    return add
