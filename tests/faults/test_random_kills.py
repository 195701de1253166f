# SPDX-License-Identifier: Apache-2.0
"""kill -9 at random moments under load, and what must hold after each: besides the crash matrix
(scenario/test_crash.py), which kills at chosen calls but with one client.

Eight clients pull blobs, ranges and moving tags through a cache that is too small for them, so
fills, evictions and index writes are always under way. Five kills; ENTREPOT_KILLS=500 for the long
form. ENTREPOT_SEED repeats a run as far as threads can be repeated.
"""

from __future__ import annotations

import os

from support.lives import Lives, SETTINGS

KILLS = int(os.environ.get("ENTREPOT_KILLS") or 5)


def test_random_kills(prepare, upstream):
    lives = Lives(upstream)
    entrepot = prepare(**SETTINGS).start()
    lives.of(entrepot)
    for _ in range(KILLS):
        found = lives.work_until(entrepot.kill9)
        # The kernel holds all bytes written before a kill: every file is as the process left it.
        assert not found.damaged and not found.bad_parts, found
        lives.start_again(found)
    print(f"{KILLS} kills, {lives.answers} answers, {lives.interrupted} cut off, "
          f"{lives.parts} parts left, slowest start {lives.slowest_start:.2f} s")
    assert lives.interrupted > 0, "no kill met a client: the load is no load"
