# SPDX-License-Identifier: Apache-2.0
"""A service manager as sd_notify(3) defines it: it receives the messages of the process."""

from __future__ import annotations

import array
import os
import socket
import struct
import time
from pathlib import Path

from .gate import DEADLINE

_SO_TIMESTAMPNS = 35  # of Linux; the notes have the same number


class ServiceManager:
    """`watchdog`: seconds within which the process has to report that it is alive."""

    def __init__(self, path: Path, watchdog: float | None = None):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self.sent_at = 0.0  # the last message that was heard, as the kernel noted it, in seconds
        self.environ = {"NOTIFY_SOCKET": str(path)}
        self.stored: list[int] = []  # descriptors, as systemd keeps them for the next process
        if watchdog:
            self.environ["WATCHDOG_USEC"] = str(round(watchdog * 1e6))

    def close(self) -> None:
        self._socket.close()
        self._drop_stored()

    def _drop_stored(self) -> None:
        for descriptor in self.stored:
            os.close(descriptor)
        self.stored = []

    def hear(self, timeout: float = DEADLINE) -> dict[str, str] | None:
        """The assignments of the next message; None when none comes in time."""
        self._socket.settimeout(timeout)
        try:
            data, notes, _, _ = self._socket.recvmsg(65536, 4096)
        except (TimeoutError, BlockingIOError):
            return None
        descriptors = array.array("i")
        for level, kind, note in notes:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                descriptors.frombytes(note)
            elif (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS):
                seconds, nanoseconds = struct.unpack("qq", note)
                self.sent_at = seconds + nanoseconds / 1e9
        message = dict(line.split("=", 1) for line in data.decode().split("\n"))
        if "FDSTOREREMOVE" in message:
            self._drop_stored()
        self.stored += list(descriptors)
        return message

    def hear_of(self, name: str, timeout: float = DEADLINE) -> dict[str, str]:
        """The next message that assigns `name`; skips others before it."""
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            if (message := self.hear(left)) and name in message:
                return message
        raise AssertionError(f"no {name} in {timeout} s")

    def wait_silence(self, duration: float, timeout: float = DEADLINE) -> None:
        """Waits until no message came for so long."""
        deadline = time.monotonic() + timeout
        while self.hear(duration) is not None:
            assert time.monotonic() < deadline, f"it went on talking for {timeout} s"
