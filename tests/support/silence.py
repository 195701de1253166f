# SPDX-License-Identifier: Apache-2.0
"""An address that drops packets: a connect to it ends in a timeout."""

from __future__ import annotations

import socket
from contextlib import ExitStack


class Silence:
    """A listener that accepts no connection and whose queue is full, so that the kernel drops new
    ones."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.socket(family)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((host, port))
        self._listener.listen(0)
        self.host, self.port = self._listener.getsockname()[:2]
        self._waiting = []
        for _ in range(4):
            one = socket.socket(family)
            one.setblocking(False)
            one.connect_ex((self.host, self.port))
            self._waiting.append(one)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def close(self) -> None:
        for one in (*self._waiting, self._listener):
            one.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def silences(hosts: list[str], port: int) -> list[Silence]:
    """One Silence on `port` of each host. No other process must get the port: see support/ports.py."""
    with ExitStack() as stack:
        found = [stack.enter_context(Silence(host, port)) for host in hosts]
        stack.pop_all()
        return found
