# SPDX-License-Identifier: Apache-2.0
"""The tests of deploy/ share the support of the others."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
