# SPDX-License-Identifier: Apache-2.0
"""Clients of unix sockets."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
from dataclasses import dataclass
from pathlib import Path

from . import client
from .gate import DEADLINE


@dataclass
class UnixConnection(client.Connection):
    """As Connection, to the socket at `path`; `port` is not used."""

    path: Path | str = ""
    host: str = "localhost"

    def __post_init__(self):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(self.timeout)
        self.socket.connect(str(self.path))


def connect(path: Path | str) -> UnixConnection:
    return UnixConnection(0, path=path)


def request(path: Path | str, method: str, target: str, headers=(), **options) -> client.Response:
    """One request on a connection of its own."""
    with connect(path) as connection:
        items = list(headers.items() if isinstance(headers, dict) else headers)
        connection.send_request(method, target, [*items, ("Connection", "close")])
        return connection.read_response(method, **options)


def get(path: Path | str, target: str, **options) -> client.Response:
    return request(path, "GET", target, **options)


class HttpConnection(http.client.HTTPConnection):
    """Python's own client."""

    def __init__(self, path: Path | str):
        super().__init__("localhost", timeout=DEADLINE)
        self._path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


@contextlib.contextmanager
def as_user(uid: int):
    """The kernel takes the effective user of this process for that of the connections it makes. The
    user is in no other group than its own."""
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(uid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)
