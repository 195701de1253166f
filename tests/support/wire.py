# SPDX-License-Identifier: Apache-2.0
"""The server side of HTTP/1.1 on bare sockets: requests as received, replies as scripted."""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

from .gate import Gate

PIECE = 1024 * 1024


@dataclass
class Request:
    """One request as the upstream saw it; also the entry of its log."""

    method: str
    target: str
    fields: list[tuple[str, str]]
    body: bytes
    connection: int
    at: float = field(default_factory=time.monotonic)
    kind: str = "other"  # ping manifest blob tags referrers token cdn other
    repository: str = ""
    reference: str = ""
    status: int = 0       # the status of the response; 0: none
    bytes_sent: int = 0   # of the body
    finished: bool = False

    @property
    def path(self) -> str:
        return unquote(urlsplit(self.target).path)

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)

    def header(self, name: str) -> str | None:
        for key, value in self.fields:
            if key.lower() == name.lower():
                return value
        return None

    @property
    def authorization(self) -> str | None:
        return self.header("Authorization")

    @property
    def range(self) -> str | None:
        return self.header("Range")


@dataclass
class Reply:
    """The reply to a request, and its faults. The functions of faults.py change it."""

    status: int = 200
    fields: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    path: str | None = None   # the body is this file instead, from `offset`, `length` bytes
    offset: int = 0           # of body or file within the whole object
    length: int | None = None
    reason: str = "OK"

    content_length: int | None = None  # a wrong Content-Length; None: the right one
    chunked: bool = False
    raw: bytes | None = None  # sent instead of the reply, then closed
    close: bool = False
    rate: float | None = None  # bytes/s
    delay: float = 0           # seconds before the status line
    line: "Line | None" = None  # shared with other replies
    piece: int = PIECE
    hold_request: Gate | None = None  # before the status line
    hold_at: list[tuple[int, Gate]] = field(default_factory=list)  # offsets within the object
    cut_after: int | None = None  # bytes of this body
    cut: str = "fin"              # fin, reset, stall
    stall_gate: Gate | None = None
    flip_at: int | None = None    # offset within the object
    extra: bytes = b""
    stream: object = None  # an iterator of the body instead, `length` bytes in all

    def set(self, name: str, value: str) -> None:
        self.drop(name)
        self.fields.append((name, value))

    def drop(self, name: str) -> None:
        self.fields = [(k, v) for k, v in self.fields if k.lower() != name.lower()]

    def replace_body(self, body: bytes, media_type: str | None = None) -> None:
        self.body, self.path, self.offset, self.length = body, None, 0, None
        if media_type:
            self.set("Content-Type", media_type)

    @property
    def size(self) -> int:
        if self.length is not None:
            return self.length
        return len(self.body) - (self.offset if self.path is None else 0)

    def head_bytes(self) -> bytes:
        lines = [f"HTTP/1.1 {self.status} {self.reason}"]
        lines += [f"{name}: {value}" for name, value in self.fields]
        if self.chunked:
            lines.append("Transfer-Encoding: chunked")
        elif self.status not in (204, 304) or self.content_length is not None:
            length = self.size if self.content_length is None else self.content_length
            lines.append(f"Content-Length: {length}")
        if self.close:
            lines.append("Connection: close")
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


class Hangup(Exception):
    """The script ends this connection here."""


class Pacer:
    """A token bucket without a burst: the sent bytes are never ahead of the rate."""

    def __init__(self, rate: float):
        self._rate = rate
        self._free_at = time.monotonic()

    def piece(self) -> int:
        # The bytes of a hundredth of a second, so that the flow is even and the rate exact.
        return max(1, min(PIECE, int(self._rate / 100)))

    def sent(self, count: int) -> None:
        ahead = self._take(count) - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)

    def _take(self, count: int) -> float:
        """The time at which so many more bytes may have been sent."""
        self._free_at += count / self._rate
        return self._free_at


class Line(Pacer):
    """The line that all replies of a server share: its rate is the sum for all, and an idle line
    saves nothing up."""

    def __init__(self, rate: float):
        super().__init__(rate)
        self._lock = threading.Lock()

    def _take(self, count: int) -> float:
        with self._lock:
            self._free_at = max(self._free_at, time.monotonic())
            return super()._take(count)


def read_request(reader, connection: int) -> Request | None:
    line = reader.readline(65536)
    if not line.strip():
        return None
    method, target, _version = line.decode("latin-1").split(" ", 2)
    fields = []
    while True:
        line = reader.readline(65536)
        if line in (b"\r\n", b"\n", b""):
            break
        name, _, value = line.decode("latin-1").partition(":")
        fields.append((name, value.strip()))
    request = Request(method, target, fields, b"", connection)
    length = int(request.header("Content-Length") or 0)
    request.body = reader.read(length) if length else b""
    return request


class Sender:
    """Delivers one reply on one socket."""

    def __init__(self, connection: socket.socket, request: Request, reply: Reply):
        self._socket, self._request, self._reply = connection, request, reply
        self._pacer = reply.line or (Pacer(reply.rate) if reply.rate else None)

    def send(self) -> None:
        reply, request = self._reply, self._request
        if reply.hold_request:
            reply.hold_request.pass_through()
        if reply.delay:
            time.sleep(reply.delay)
        if reply.raw is not None:
            self._socket.sendall(reply.raw)
            raise Hangup
        request.status = reply.status
        head = reply.head_bytes()
        if reply.extra:
            # The end of the body and the bytes after it go in one segment: a client that has the
            # whole body has the rest as well, and never sends another request before it arrived.
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        if request.method == "HEAD" or reply.status in (204, 304):
            self._socket.sendall(head)
        elif reply.stream is not None:
            self._socket.sendall(head)
            for data in reply.stream:
                self._socket.sendall(data)
                request.bytes_sent += len(data)
        elif reply.path is None and self._plain():
            # One segment: a head that travels alone would meet Nagle and delayed acknowledgements.
            self._socket.sendall(head + reply.body[reply.offset:reply.offset + reply.size])
            request.bytes_sent = reply.size
        else:
            self._socket.sendall(head)
            self._send_body()
        if reply.extra:
            self._socket.sendall(reply.extra)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)
        request.finished = True
        if reply.close or reply.content_length is not None:
            raise Hangup

    def _plain(self) -> bool:
        reply = self._reply
        return not (reply.chunked or self._pacer or reply.hold_at or reply.cut_after is not None
                    or reply.flip_at is not None or reply.size > 65536)

    def _send_body(self) -> None:
        reply = self._reply
        file = open(reply.path, "rb") if reply.path else None
        try:
            for start, end in self._stretches():
                self._pause_at(start)
                self._send_stretch(file, start, end)
            self._pause_at(reply.offset + reply.size)
            if reply.cut_after is not None and reply.cut_after <= reply.size:
                self._cut()
            if reply.chunked:
                self._socket.sendall(b"0\r\n\r\n")
        finally:
            if file:
                file.close()

    def _stretches(self):
        """[start, end) within the object, split at each event."""
        reply = self._reply
        end = reply.offset + reply.size
        if reply.cut_after is not None:
            end = min(end, reply.offset + reply.cut_after)
        marks = {reply.offset, end}
        marks.update(at for at, _ in reply.hold_at if reply.offset < at < end)
        if reply.flip_at is not None and reply.offset <= reply.flip_at < end:
            marks.update((reply.flip_at, reply.flip_at + 1))
        ordered = sorted(marks)
        return list(zip(ordered, ordered[1:]))

    def _pause_at(self, position: int) -> None:
        for at, gate in self._reply.hold_at:
            if at == position:
                gate.pass_through()

    def _send_stretch(self, file, start: int, end: int) -> None:
        reply = self._reply
        while start < end:
            piece = min(end - start, self._pacer.piece() if self._pacer else reply.piece)
            if start == reply.flip_at:
                byte = self._read(file, start, 1)
                self._send_piece(bytes([byte[0] ^ 0x01]))
                piece = 1
            elif file is not None and not reply.chunked:
                sent = self._socket.sendfile(file, start, piece)
                if sent == 0:
                    raise Hangup
                piece = sent
            else:
                self._send_piece(self._read(file, start, piece))
            start += piece
            self._request.bytes_sent += piece
            if self._pacer:
                self._pacer.sent(piece)

    def _read(self, file, start: int, count: int) -> bytes:
        if file is None:
            return self._reply.body[start:start + count]
        return os.pread(file.fileno(), count, start)

    def _send_piece(self, data: bytes) -> None:
        if self._reply.chunked:
            data = f"{len(data):x}\r\n".encode() + data + b"\r\n"
        self._socket.sendall(data)

    def _cut(self) -> None:
        if self._reply.cut == "stall":
            self._reply.stall_gate.pass_through()
        if self._reply.cut == "reset":
            reset(self._socket)
        raise Hangup


def reset(connection: socket.socket) -> None:
    """Makes close() send RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
