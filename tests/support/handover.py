# SPDX-License-Identifier: Apache-2.0
"""The process that replaces another one, step by step."""

from __future__ import annotations

import os
import socket

from .gate import DEADLINE


class Replacement:
    """The other side of the handover of a running Entrepot."""

    def __init__(self, entrepot):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(DEADLINE)
        # The path may be longer than sun_path.
        directory = os.open(entrepot.config["cache"]["directory"], os.O_PATH)
        self._socket.connect(f"/proc/self/fd/{directory}/handover.sock")
        os.close(directory)
        self.sockets: list[socket.socket] = []

    def send(self, text: str) -> None:
        self._socket.send(text.encode())

    def receive(self) -> str:
        """Empty at the end."""
        text, descriptors, _, _ = socket.recv_fds(self._socket, 4096, 64)
        self.sockets += [socket.socket(fileno=fd) for fd in descriptors]
        return text.decode()

    def take_sockets(self) -> list[str]:
        self.send("hello 1")
        told = [self.receive()]
        while told[-1] not in ("end", ""):
            told.append(self.receive())
        return told

    def take_cache(self) -> None:
        assert self.take_sockets()[-1] == "end"
        self.send("release")
        assert self.receive() == "released"

    def close(self) -> None:
        self._socket.close()
        for one in self.sockets:
            one.close()
