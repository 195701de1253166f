# SPDX-License-Identifier: Apache-2.0
"""The short form of answers.py: one seed, so that a failure comes from a change of the code and not
from luck. The long form looks for new failures: tests/fuzz/answers.py --duration 1h."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from fuzz.answers import Campaign  # noqa: E402

SEED, LIVES, CASES = 1, 2, 24


def test_spoilt_answers(tmp_path):
    campaign = Campaign(SEED, CASES, tmp_path)
    problem = campaign.run(LIVES, None)
    print(campaign.summary())
    assert not problem, problem
    outcomes = campaign.tally.outcomes
    # The run covers both usable answers and others.
    assert all(outcomes[what] > least for what, least in (
        ("200 hit", 100), ("200 fwd=uri-miss", 100), ("502 fwd=uri-miss", 5))), outcomes
