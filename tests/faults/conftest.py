# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the fault tests: see support/fixtures.py."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

# pylint: disable=unused-import
from support.fixtures import (make_upstream, prepare, pytest_runtest_makereport,  # noqa: E402, F401
                              start, upstream)
