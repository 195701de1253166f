# SPDX-License-Identifier: Apache-2.0
"""A changed configuration of a running mirror."""

from __future__ import annotations

import json
import os
import signal

from .entrepot import Entrepot


def reload(entrepot: Entrepot, expect: str = r"SIGHUP: the new configuration is in force") -> None:
    """Writes the changed configuration, and waits for the log lines of this reload: the expected one, and one
    that reports the result."""
    said = len(entrepot.log.lines)
    entrepot.config_path.write_text(json.dumps(entrepot.config))
    os.kill(entrepot.pid, signal.SIGHUP)
    entrepot.log.wait_for("SIGHUP", after=said)
    entrepot.log.wait_for(expect, after=said)
