# SPDX-License-Identifier: Apache-2.0
"""A changed configuration of a running mirror."""

from __future__ import annotations

import json
import os
import signal

from .entrepot import Entrepot


# Behind the lines that say what has changed.
RESULT = "SIGHUP: (the new configuration is in force|nothing has changed|.*the previous .*stays in force)"


def reload(entrepot: Entrepot, expect: str = r"SIGHUP: the new configuration is in force") -> None:
    """Writes the changed configuration, and waits for the log lines of this reload: the expected one, and one
    that reports the result."""
    said = len(entrepot.log.lines)
    entrepot.config_path.write_text(json.dumps(entrepot.config))
    os.kill(entrepot.pid, signal.SIGHUP)
    entrepot.log.wait_for(expect, after=said)
    entrepot.log.wait_for(RESULT, after=said)
