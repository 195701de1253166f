# SPDX-License-Identifier: Apache-2.0
"""kill -9 at random moments under load, and what must hold after each: besides the crash matrix
(scenario/test_crash.py), which kills at chosen calls but with one client.

Eight clients pull blobs, ranges and moving tags through a cache that is too small for them, so
fills, evictions and index writes are always under way. Five kills; ENTREPOT_KILLS=500 for the long
form. ENTREPOT_SEED repeats a run as far as threads can be repeated.
"""

from __future__ import annotations

import os
import random

from support.load import Catalogue, Judge, Load, MIB, cache_of, look_at, seed_of_run, start_in_time

KILLS = int(os.environ.get("ENTREPOT_KILLS") or 5)


def test_random_kills(prepare, upstream):
    rng = random.Random(seed_of_run())
    upstream.rate = 40 * MIB  # so that fills are met in their middle
    catalogue = Catalogue(upstream, rng)
    entrepot = prepare(cache={"max_size": "24MiB", "reserve_free": 0},
                       log={"level": "info", "format": "text", "access": False}).start()
    judge = Judge(catalogue, 24 * MIB)
    answers = interrupted = resumable = 0
    slowest = 0.0
    for _ in range(KILLS):
        load = Load(entrepot, catalogue, rng)
        load.wait_received(rng.randrange(1, 48 * MIB))
        load.ending()
        entrepot.kill9()
        load.finish()
        upstream.forget()
        answers += load.answers
        interrupted += load.interrupted
        found = look_at(cache_of(entrepot), catalogue)
        # What was written before a kill is in the kernel's hands: every file is as it was left.
        assert not found.damaged and not found.bad_beginnings, found
        resumable += found.beginnings
        slowest = max(slowest, start_in_time(entrepot))
        judge.check(entrepot, found)
    print(f"{KILLS} kills, {answers} answers, {interrupted} cut off, {resumable} beginnings left, "
          f"slowest start {slowest:.2f} s")
    assert interrupted > 0, "no kill met a client: the load is no load"
