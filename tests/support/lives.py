# SPDX-License-Identifier: Apache-2.0
"""One cache whose process dies under load again and again: the actions of each life, and the
conditions between two lives. The test decides how the process dies, and which files may be left."""

from __future__ import annotations

import random
from typing import Callable

from .load import (Catalogue, Found, Judge, Load, MIB, cache_of, look_at, seed_of_run,
                   start_in_time)

# The limit of the cache: less than the sum of the requested objects.
LIMIT = 24 * MIB
SETTINGS = {"cache": {"max_size": f"{LIMIT // MIB}MiB", "reserve_free": 0},
            "log": {"level": "info", "format": "text", "access": False}}


class Lives:
    """ENTREPOT_SEED repeats a run, as far as threads can be repeated."""

    def __init__(self, upstream):
        self._upstream, self._rng = upstream, random.Random(seed_of_run())
        upstream.rate = 40 * MIB  # so that kills come in the middle of fills
        self._catalogue = Catalogue(upstream, self._rng)
        self._entrepot = self._judge = None
        self.answers = 0
        self.interrupted = 0  # replies that the end cut off
        self.whole = 0  # sums of the found files
        self.parts = 0
        self.bad_parts = 0
        self.short = 0  # pulls that ended short because of a damaged part
        self.slowest_start = 0.0

    def of(self, entrepot) -> None:
        """Uses this process, which runs on an empty cache."""
        self._entrepot, self._judge = entrepot, Judge(self._catalogue, LIMIT)

    def work_until(self, end: Callable[[], None]) -> Found:
        """Loads the process up to a random moment, then calls `end`, after which there is no
        process; returns the files that it has left on the disk."""
        load = Load(self._entrepot, self._catalogue, self._rng)
        load.wait_received(self._rng.randrange(1, 48 * MIB))
        load.ending()
        end()
        load.finish()
        self._upstream.forget()
        found = look_at(cache_of(self._entrepot), self._catalogue)
        self.answers += load.answers
        self.interrupted += load.interrupted
        self.whole += found.whole
        self.parts += found.parts
        self.bad_parts += len(found.bad_parts)
        return found

    def start_again(self, found: Found) -> None:
        """Starts the process on the files that `found` describes, and checks it."""
        self.slowest_start = max(self.slowest_start, start_in_time(self._entrepot))
        before = self._judge.short
        self._judge.check(self._entrepot, found)
        self.short += self._judge.short - before
