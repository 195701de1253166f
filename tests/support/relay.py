# SPDX-License-Identifier: Apache-2.0
"""A bad line: a relay of connections, some of which it cuts in the middle."""

from __future__ import annotations

import socket
import threading


class Relay:
    """Forwards to `port`. The first `cuts` connections that have carried `after` bytes from there
    end with a FIN, as they do when a mirror dies."""

    def __init__(self, port: int, after: int, cuts: int = 1):
        self._port, self._after, self._left = port, after, cuts
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self.cuts, self.brought = 0, 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._port))
            except OSError:
                return
            with self._lock:
                self._open |= {client, server}
            threading.Thread(target=self._there, args=(client, server), daemon=True).start()
            threading.Thread(target=self._back, args=(client, server), daemon=True).start()

    def _there(self, client: socket.socket, server: socket.socket) -> None:
        try:
            while data := client.recv(65536):
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def _back(self, client: socket.socket, server: socket.socket) -> None:
        brought = 0
        try:
            while data := server.recv(65536):
                client.sendall(data)
                brought += len(data)
                with self._lock:
                    self.brought += len(data)
                    cut = brought >= self._after and self.cuts < self._left
                    self.cuts += cut
                if cut:
                    break
        except OSError:
            pass
        for end in (client, server):
            with self._lock:
                self._open.discard(end)
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for end in self._open:
                end.close()
