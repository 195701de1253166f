# SPDX-License-Identifier: Apache-2.0
"""The requests of clients to a registry: the model of tests/bench/eviction, smaller, so that real
servers can answer all of them within seconds. A few dozen bases below some hundred images of
unequal popularity, machines that keep the pulled images, builds that keep nothing, releases that
many machines pull at once, and scans through images that no other client requests."""

from __future__ import annotations

import bisect
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass

APPS, TAIL, BASES, NODES = 150, 600, 12, 30
POPULARITY, BASE_POPULARITY = 0.9, 1.0  # of Zipf
# Shares of events; the rest are pulls by a machine.
BUILD, SCAN, RELEASE, COLLECTION, LOSS = 0.25, 0.05, 0.04, 0.02, 0.002
BURST = NODES * 3 // 10  # machines that pull a release at most

# How large layers are: so many of them are at most so large, log-uniform in between.
_QUANTILES = [(0.0, 32), (0.20, 1e3), (0.45, 1e5), (0.65, 1e6), (0.80, 1e7), (0.95, 1e8),
              (0.995, 6e8), (1.0, 2e9)]
LEAST, MB = 64, 1e6


def as_registry(size: float) -> float:
    """Shorter, in the order they have. As in a registry those of at most a megabyte are two thirds
    of the layers and 0.3 % of the bytes."""
    return size / 12 if size < MB else MB * (size / MB) ** 0.5


def mostly_small(size: float) -> float:
    """Half are below 30 kB and none above 11 MB: there are many images of a few small files."""
    return size if size < 1000 else 1000 * (size / 1000) ** 0.64


@dataclass(frozen=True)
class Trace:
    sizes: list[int]     # by object
    requests: list[int]  # objects

    @property
    def footprint(self) -> int:
        return sum(self.sizes[n] for n in set(self.requests))

    @property
    def bytes(self) -> int:
        return sum(self.sizes[n] for n in self.requests)


class Zipf:
    def __init__(self, count: int, alpha: float):
        self._sums = list(itertools.accumulate((rank + 1) ** -alpha for rank in range(count)))

    def draw(self, rng: random.Random) -> int:
        return bisect.bisect(self._sums, rng.random() * self._sums[-1])


class Generator:
    def __init__(self, seed: int, shorten: Callable[[float], float]):
        self._rng, self._shorten = random.Random(seed), shorten
        self._sizes: list[int] = []
        self._requests: list[int] = []
        self._demand = Zipf(APPS, POPULARITY)
        bases = [[self._new_layer() for _ in range(self._rng.randint(1, 6))] for _ in range(BASES)]
        of_bases = Zipf(BASES, BASE_POPULARITY)
        self._images = [(list(bases[of_bases.draw(self._rng)]), self._own_layers())
                        for _ in range(APPS + TAIL)]
        self._nodes: list[set[int]] = [set() for _ in range(NODES)]

    def _new_layer(self) -> int:
        point = self._rng.random()
        above = next(n for n, (share, _) in enumerate(_QUANTILES) if point < share)
        (low, small), (high, large) = _QUANTILES[above - 1], _QUANTILES[above]
        size = small * (large / small) ** ((point - low) / (high - low))
        self._sizes.append(max(LEAST, int(self._shorten(size))))
        return len(self._sizes) - 1

    def _own_layers(self) -> list[int]:
        count = min(2 + int(self._rng.expovariate(1 / 5)), 30)
        return [self._new_layer() for _ in range(count)]

    def run(self, requests: int) -> Trace:
        while len(self._requests) < requests:
            self._event()
        return Trace(self._sizes, self._requests[:requests])

    def _event(self) -> None:
        kind = self._rng.random()
        for share, event in ((BUILD, self._build), (SCAN, self._scan), (RELEASE, self._release),
                             (COLLECTION, self._collect), (LOSS, self._lose)):
            kind -= share
            if kind < 0:
                event()
                return
        self._pull(self._any_node(), self._demand.draw(self._rng))

    def _layers(self, image: int) -> list[int]:
        base, own = self._images[image]
        return base + own

    def _any_node(self) -> set[int]:
        return self._rng.choice(self._nodes)

    def _pull(self, node: set[int], image: int) -> None:
        missing = [layer for layer in self._layers(image) if layer not in node]
        self._requests += missing
        node.update(missing)

    def _build(self) -> None:
        self._requests += self._layers(self._demand.draw(self._rng))

    def _scan(self) -> None:
        self._requests += self._layers(APPS + self._rng.randrange(TAIL))

    def _release(self) -> None:
        """A new version: it replaces the last layers."""
        app = self._demand.draw(self._rng)
        own = self._images[app][1]
        count = min(self._rng.randint(1, 3), len(own))
        own[len(own) - count:] = [self._new_layer() for _ in range(count)]
        for _ in range(self._rng.randint(1, BURST)):
            self._pull(self._any_node(), app)

    def _collect(self) -> None:
        """A machine frees its disk: half of its layers go."""
        node = self._any_node()
        node.difference_update(self._rng.sample(sorted(node), len(node) // 2))

    def _lose(self) -> None:
        self._any_node().clear()
