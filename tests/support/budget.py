# SPDX-License-Identifier: Apache-2.0
"""The rate limit of Docker Hub: GETs of manifests are counted, HEADs are not, and every answer
about a manifest reports the rest of the window.

    budget = Budget(100)
    upstream.script(budget.charge, kind="manifest")
"""

from __future__ import annotations

import threading
import time

from . import faults
from .wire import Reply, Request


class Budget:
    def __init__(self, limit: int, window: int = 21600, retry_after: int = 5):
        self.limit = self.remaining = limit  # a test may set the rest of the budget
        self.counted = 0
        self.refused_at: float | None = None  # the first 429, as Request.at
        self._window = window
        self._refuse = faults.too_many_requests(str(retry_after))
        self._lock = threading.Lock()

    def charge(self, request: Request, reply: Reply) -> None:
        """A fault: counts a GET; refuses all requests once nothing is left."""
        with self._lock:
            refused = self.remaining <= 0
            if refused and self.refused_at is None:
                self.refused_at = time.monotonic()
            if not refused and request.method == "GET":
                self.counted += 1
                self.remaining -= 1
            left = max(0, self.remaining)
        if refused:
            self._refuse(request, reply)
        reply.set("ratelimit-limit", f"{self.limit};w={self._window}")
        reply.set("ratelimit-remaining", f"{left};w={self._window}")
