# SPDX-License-Identifier: Apache-2.0
"""Barriers: what scenario tests use where others would sleep."""

from __future__ import annotations

import threading
import time

# Upper bound of every wait in the tests. Generous, because sanitizers and a busy machine are slow;
# a test that passes never waits this long.
DEADLINE = 30.0


class Gate:
    """Threads that reach the gate stop there until it is opened; a test can wait for arrivals."""

    def __init__(self, opened: bool = False):
        self._condition = threading.Condition()
        self._open = opened
        self._arrived = 0

    @property
    def arrived(self) -> int:
        return self._arrived

    def open(self) -> None:
        with self._condition:
            self._open = True
            self._condition.notify_all()

    def close(self) -> None:
        with self._condition:
            self._open = False

    def pass_through(self, timeout: float = 4 * DEADLINE) -> None:
        with self._condition:
            self._arrived += 1
            self._condition.notify_all()
            self._condition.wait_for(lambda: self._open, timeout)

    def wait_arrived(self, count: int = 1, timeout: float = DEADLINE) -> None:
        with self._condition:
            if not self._condition.wait_for(lambda: self._arrived >= count, timeout):
                raise AssertionError(f"{self._arrived} of {count} reached the gate in {timeout} s")


def eventually(check, timeout: float = DEADLINE, what: str = "the condition"):
    """Polls until `check` returns something true, and returns that. For states of another process
    that can only be polled (a counter, a file); a test waits for all others at a gate."""
    deadline = time.monotonic() + timeout
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true in {timeout} s (last: {value!r})")
        time.sleep(0.005)
