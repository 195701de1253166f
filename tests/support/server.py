# SPDX-License-Identifier: Apache-2.0
"""The listening socket of a scripted server, and its connections."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from typing import Callable

from .ports import Port


class Server:
    """Serves each connection by `serve`, in a thread of its own, with the number of the connection; it is
    closed when `serve` returns. A server that goes down comes back on the same port, which it keeps until
    stop()."""

    def __init__(self, serve: Callable[[socket.socket, int], None], host: str = "127.0.0.1"):
        self._serve, self._host = serve, host
        self._kept = Port()
        self.port = self._kept.number
        self.connections_seen = 0
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener: socket.socket | None = None  # None while it is down
        self.come_back()

    def come_back(self) -> None:
        listener = socket.create_server((self._host, self.port), backlog=1024)
        with self._lock:
            self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def go_down(self) -> None:
        """Refuses new connections and cuts the open ones. Does nothing to a server that is down."""
        with self._lock:
            listener, self._listener = self._listener, None
        if listener:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.cut_connections()

    def cut_connections(self) -> None:
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    # SSLSocket.shutdown() would take the TLS away under the thread that serves it.
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def stop(self) -> None:
        self.go_down()
        self._kept.release()

    def with_tls(self, connection: socket.socket, context: ssl.SSLContext) -> ssl.SSLSocket:
        """A served connection in another object, before its handshake. The caller discards it at its end."""
        with self._lock:
            secure = context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
            self._open.add(secure)
        return secure

    def add(self, connection: socket.socket) -> None:
        """A further connection to cut, such as one to another server."""
        with self._lock:
            self._open.add(connection)

    def discard(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.discard(connection)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _peer = listener.accept()
            except OSError:
                return
            with self._lock:
                if self._listener is not listener:  # it went down while this one was accepted
                    connection.close()
                    return
                self.connections_seen += 1
                number = self.connections_seen
                self._open.add(connection)
            threading.Thread(target=self._run, args=(connection, number), daemon=True).start()

    def _run(self, connection: socket.socket, number: int) -> None:
        try:
            self._serve(connection, number)
        finally:
            self.discard(connection)
            connection.close()
