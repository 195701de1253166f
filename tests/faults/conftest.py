# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the fault tests: those of support/fixtures.py, and disks of their own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

# pylint: disable=unused-import
from support.disk_image import DiskImage, why_not  # noqa: E402
from support.fixtures import (make_upstream, prepare, pytest_runtest_makereport,  # noqa: E402, F401
                              start, upstream)
from support.lives import SETTINGS  # noqa: E402


@pytest.fixture
def make_disk(tmp_path):
    disks = []

    def make(kind: str, options: str = "") -> DiskImage:
        if reason := why_not(kind):
            pytest.skip(reason)
        disks.append(DiskImage(tmp_path / f"image-{len(disks)}", kind, options))
        return disks[-1]
    yield make
    for disk in disks:
        disk.remove()


@pytest.fixture
def start_on(prepare):
    """An Entrepot whose cache is on the disk."""
    def make(disk: DiskImage):
        cache = {**SETTINGS["cache"], "directory": str(disk.mountpoint / "cache")}
        return prepare(**{**SETTINGS, "cache": cache}).start()
    return make
