# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the scenario tests: see support/fixtures.py."""

from __future__ import annotations

import collections
import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import pytest  # noqa: E402

from support.entrepot import run  # noqa: E402
# pylint: disable=unused-import
from support.fixtures import (account, authority, failing, make_disk,  # noqa: E402, F401
                              make_upstream, prepare, pytest_runtest_makereport, start, upstream)


def pytest_collection_modifyitems(config, items):
    """Skips half of the cases under a sanitizer, where a case takes many times as long. The thread
    sanitizer runs one half of a test with many cases and the others the other half; a build without
    sanitizer runs all."""
    sanitizer = os.environ.get("ENTREPOT_SANITIZE")
    if not sanitizer:
        return
    first = 1 if "thread" in sanitizer else 0
    cases = collections.defaultdict(list)
    for item in items:
        cases[item.nodeid.split("[")[0]].append(item)
    left_out = [case for all_of_it in cases.values() if len(all_of_it) >= 4
                for case in all_of_it[1 - first::2]]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


@pytest.fixture
def check_auth(tmp_path):
    """`entrepot check` of a listener with this `auth`."""
    def run_check(auth, **more):
        file = tmp_path / "entrepot.json"
        file.write_text(json.dumps({"listen": [{"address": "127.0.0.1:5000", "auth": auth}],
                                    "cache": {"directory": str(tmp_path / "cache")}, **more}))
        return run("check", "--config", str(file))
    return run_check
