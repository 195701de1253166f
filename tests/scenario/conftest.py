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

from support.daemon import Daemon  # noqa: E402
from support.disk import Disk  # noqa: E402
from support.entrepot import run  # noqa: E402
from support.tls import Authority  # noqa: E402
# pylint: disable=unused-import
from support.fixtures import (account, make_upstream, prepare,  # noqa: E402, F401
                              pytest_runtest_makereport, start, upstream)


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


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A certificate authority."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def check_auth(tmp_path):
    """`entrepot check` of a listener with this `auth`."""
    def run_check(auth, **more):
        file = tmp_path / "entrepot.json"
        file.write_text(json.dumps({"listen": [{"address": "127.0.0.1:5000", "auth": auth}],
                                    "cache": {"directory": str(tmp_path / "cache")}, **more}))
        return run("check", "--config", str(file))
    return run_check


@pytest.fixture
def failing():
    """Makes system calls of a process fail, or wait, until the tracer that is returned stops."""
    tracers = []

    def inject(entrepot, calls: str, what: str, path: Path | None = None) -> Daemon:
        what = what if "=" in what else f"error={what}"
        tracers.append(Daemon("strace", "-f", "-p", str(entrepot.pid), "-e", f"trace={calls}",
                              "-e", f"inject={calls}:{what}", *(["-P", str(path)] if path else [])))
        tracers[-1].log.wait_for("attached")
        return tracers[-1]
    yield inject
    for tracer in tracers:
        tracer.stop()


@pytest.fixture
def make_disk(tmp_path):
    """Small file systems that can be filled and broken. Named before `start`, so that it outlives
    the process."""
    made: list[Disk] = []

    def make(size: int, inodes: int | None = None) -> Disk:
        directory = tmp_path / f"disk-{len(made)}"
        directory.mkdir()
        made.append(Disk(directory, size, inodes))
        return made[-1]
    yield make
    for disk in made:
        disk.close()
