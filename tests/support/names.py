# SPDX-License-Identifier: Apache-2.0
"""Names for one Entrepot alone: its /etc/hosts, and a name server that never answers."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

from .entrepot import binary

# A mount namespace of its own, in which the files of the resolver are the test's.
WRAPPER = """#!/bin/sh
exec unshare --mount --propagation private sh -c '
  mount --bind {hosts} /etc/hosts && mount --bind {resolver} /etc/resolv.conf && exec {binary} "$@"
' sh "$@"
"""


class Names:
    """Needs root. Tests run `wrapper` instead of the binary."""

    def __init__(self, directory: Path):
        self.hosts = directory / "hosts"
        self._resolver, self.wrapper = directory / "resolv.conf", directory / "entrepot"
        self.hosts.write_text("")
        self.ask("127.0.0.1", timeout=1)
        self.wrapper.write_text(WRAPPER.format(
            hosts=self.hosts, resolver=self._resolver, binary=binary()))
        self.wrapper.chmod(0o755)

    def ask(self, server: str, timeout: int, attempts: int = 1) -> None:
        """Sets the name server, and the timeout of each try in seconds (30 at most)."""
        self._resolver.write_text(
            f"nameserver {server}\noptions timeout:{timeout} attempts:{attempts}\n")


class DeafNameServer:
    """Takes queries and answers none."""

    def __init__(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for number in range(2, 250):  # the port is fixed; another test may have taken an address
            self.host = f"127.0.53.{number}"
            try:
                self._socket.bind((self.host, 53))
                break
            except OSError as error:
                refusal = error
        else:
            raise RuntimeError(f"port 53 of no address in 127.0.53.0/24 can be bound: {refusal}")
        self.asked = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        try:
            while self._socket.recv(512):
                self.asked.set()
        except OSError:
            pass

    def close(self) -> None:
        self._socket.close()
