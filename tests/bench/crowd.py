# SPDX-License-Identifier: Apache-2.0
"""Many clients in one process that cost little: the cores are for the measured process. The kernel
discards bodies unread, except those that are verified."""

from __future__ import annotations

import collections
import hashlib
import re
import selectors
import socket
import time
from dataclasses import dataclass

LIMIT = 60.0
PIECE = 1 << 20


@dataclass
class Answer:
    """The answer to one request; times are in seconds since the first request was sent."""

    size: int = 0
    sent: float = 0.0
    first: float = 0.0  # byte of the body
    done: float = 0.0


class _Reader:
    """A kept connection with one request at a time."""

    _nowhere = bytearray(PIECE)

    def __init__(self, port: int, host: str):
        self.socket = socket.create_connection((host, port), LIMIT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._host = f"{host}:{port}"
        self.answer = Answer()
        self._target, self._head, self._left, self._sha = "", b"", 0, None

    def send(self, target: str, prove: bool, now: float) -> None:
        self.answer = Answer(sent=now)
        self._target, self._head = target, b""
        self._sha = hashlib.sha256() if prove else None
        self.socket.sendall(f"GET {target} HTTP/1.1\r\nHost: {self._host}\r\n\r\n".encode())

    def read(self, began: float) -> bool:
        """Whether the answer is whole now."""
        if self._head is not None:
            self._read_head(began)
        elif self._sha:
            count = self.socket.recv_into(self._nowhere, PIECE)
            self._sha.update(memoryview(self._nowhere)[:count])
            self._count(count, began)
        else:
            self._count(self.socket.recv_into(self._nowhere, PIECE, socket.MSG_TRUNC), began)
        if self._head is not None or self._left:
            return False
        self.answer.done = time.monotonic() - began
        if self._sha:
            assert self._target.endswith(f"sha256:{self._sha.hexdigest()}"), "a wrong body"
        return True

    def _read_head(self, began: float) -> None:
        data = self.socket.recv(65536)
        assert data, "closed before the head"
        self._head += data
        head, ended, body = self._head.partition(b"\r\n\r\n")
        if not ended:
            return
        status = head.split(b" ", 2)[1].decode()
        assert status == "200", f"status {status}"
        self._left = int(re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)[1])
        self._head = None
        if body:
            if self._sha:
                self._sha.update(body)
            self._count(len(body), began)

    def _count(self, count: int, began: float) -> None:
        assert count, f"closed with {self._left} bytes missing"
        self.answer.first = self.answer.first or time.monotonic() - began
        self.answer.size += count
        self._left -= count


def ask(port: int, targets: list[str], connections: int, limit: float = LIMIT,
        proven: int | None = None, host: str = "127.0.0.1") -> list[Answer]:
    """Requests all targets, each over the next free connection. The digests of the first `proven`
    bodies are compared with their names, of all where it is None; of others the size counts."""
    prove = len(targets) if proven is None else proven
    readers, answers = [], []
    try:
        readers += [_Reader(port, host) for _ in range(min(connections, len(targets)))]
        with selectors.DefaultSelector() as selector:
            _run(selector, readers, collections.deque(enumerate(targets)), answers, prove, limit)
    finally:
        for each in readers:
            each.socket.close()
    return answers


def _run(selector, readers, waiting, answers, prove, limit) -> None:
    began, wanted = time.monotonic(), len(waiting)

    def next_of(reader: _Reader) -> None:
        number, target = waiting.popleft()
        reader.send(target, number < prove, time.monotonic() - began)

    for reader in readers:
        selector.register(reader.socket, selectors.EVENT_READ, reader)
        next_of(reader)
    while len(answers) < wanted:
        left = began + limit - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"{len(answers)} of {wanted} answers were whole after {limit:.0f} s")
        for key, _ in selector.select(left):
            if key.data.read(began):
                answers.append(key.data.answer)
                next_of(key.data) if waiting else selector.unregister(key.data.socket)


def check_sizes(answers: list[Answer], size: int) -> None:
    assert all(each.size == size for each in answers), "a body of another size"
