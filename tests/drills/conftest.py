# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the drills: those of support/fixtures.py, and a scene."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import pytest  # noqa: E402

# pylint: disable=unused-import
from support.fixtures import (account, authority, failing, make_disk,  # noqa: E402, F401
                              make_upstream, prepare, pytest_runtest_makereport, start, upstream)
from scene import Scene  # noqa: E402


@pytest.fixture
def scene(request):
    return Scene(request)
