# SPDX-License-Identifier: Apache-2.0
"""One answer of an upstream: its bytes on the wire and the moments of their sending. It begins as
the valid one; mutations.py changes it."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field

from support import faults, wire


@dataclass
class Answer:
    line: bytes
    fields: list[tuple[bytes, bytes]]
    body: bytes
    framing: str = "length"  # length, chunked, close, none
    has_body: bool = True    # what follows the head, whatever the head says

    interim: bytes = b""     # before the head
    chunks: list[bytes] | None = None  # of a chunked body, encoded; None: as usual
    tail: bytes = b""        # behind the body
    head_noise: list = field(default_factory=list)  # functions of the head's bytes

    first_piece: int = 0     # so many bytes go out one by one
    pauses: list[float] = field(default_factory=list)  # parts of the answer that a pause precedes
    early: bool = False      # announces its end with the head already (FIN behind the last byte)
    ends_at: float | None = None  # part of the answer after which it ends
    ending: str = "keep"     # keep, fin, reset, silence

    @classmethod
    def of(cls, request: wire.Request, reply: wire.Reply) -> "Answer":
        has_body = request.method != "HEAD" and reply.status not in (204, 304)
        return cls(f"HTTP/1.1 {reply.status} {reply.reason}".encode(),
                   [(name.encode("latin-1"), value.encode("latin-1"))
                    for name, value in reply.fields]
                   + [(b"Content-Length", str(reply.size).encode())],
                   faults.whole_body(reply), "length" if has_body else "none", has_body)

    @property
    def status(self) -> bytes:
        return self.line[9:12]

    def value(self, name: bytes) -> bytes | None:
        return next((value for key, value in self.fields if key.lower() == name.lower()), None)

    def put(self, name: bytes, value: bytes) -> None:
        self.drop(name)
        self.fields.append((name, value))

    def drop(self, name: bytes) -> None:
        self.fields = [(key, value) for key, value in self.fields if key.lower() != name.lower()]

    def replace_body(self, body: bytes) -> None:
        """Adapts Content-Length if it was right before."""
        true = self.value(b"Content-Length") == str(len(self.body)).encode()
        self.body = body
        if true:
            self.put(b"Content-Length", str(len(body)).encode())

    def to_chunked(self) -> None:
        self.framing = "chunked"
        self.drop(b"Content-Length")
        self.put(b"Transfer-Encoding", b"chunked")

    def encoded(self) -> bytes:
        head = b"\r\n".join([self.line, *(name + b": " + value for name, value in self.fields)])
        head += b"\r\n\r\n"
        for change in self.head_noise:
            head = change(head)
        payload = b""
        if self.has_body:
            payload = self.body
            if self.framing == "chunked":
                payload = b"".join(self.chunks) if self.chunks is not None else (
                    chunk(self.body) + b"0\r\n\r\n" if self.body else b"0\r\n\r\n")
        return self.interim + head + payload + self.tail


def chunk(data: bytes, extension: bytes = b"") -> bytes:
    return b"%x" % len(data) + extension + b"\r\n" + data + b"\r\n"


def deliver(connection: socket.socket, answer: Answer, pause, silence) -> int:
    """Returns the number of sent bytes; raises Hangup where the connection ends. `pause` delays it
    for a moment, `silence` until the case is over."""
    data = answer.encoded()
    end = len(data) if answer.ends_at is None else int(len(data) * answer.ends_at)
    single = min(end, answer.first_piece)
    for at in range(single):
        connection.sendall(data[at:at + 1])
    marks = sorted({min(end, max(single, int(len(data) * part))) for part in answer.pauses})
    sent = single
    for mark in [*marks, end]:
        connection.sendall(data[sent:mark])
        sent = mark
        if mark in marks:
            pause()
    if answer.ending == "silence":
        silence()
    if answer.ending == "reset":
        wire.reset(connection)
    if answer.ending != "keep" or answer.framing == "close":
        raise wire.Hangup
    return sent
