# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 clients on bare sockets: they see short bodies, early bytes and closed connections as
they are."""

from __future__ import annotations

import fcntl
import hashlib
import json
import socket
import sys
import termios
import threading
import time
from dataclasses import dataclass, field

from .gate import DEADLINE


class Headers:
    """Response fields in order; lookup ignores case."""

    def __init__(self, fields: list[tuple[str, str]]):
        self.fields = fields

    def get(self, name: str, default: str | None = None) -> str | None:
        for key, value in self.fields:
            if key.lower() == name.lower():
                return value
        return default

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def __getitem__(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise KeyError(f"{name} not in {self.fields}")
        return value

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def __repr__(self) -> str:
        return repr(self.fields)


@dataclass
class Response:
    status: int
    reason: str
    headers: Headers
    body: bytes = b""
    received: int = 0
    sha256: str = ""
    complete: bool = False  # the whole announced body arrived
    reset: bool = False     # the connection ended with RST instead of FIN
    head_after: float = 0.0  # seconds from sending the request
    first_byte_after: float | None = None
    done_after: float = 0.0

    def json(self):
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The first code of an OCI error body."""
        return self.json()["errors"][0]["code"]

    @property
    def outcome(self) -> str:
        return self.headers.get("Cache-Status", "")


class Closed(Exception):
    """The peer closed or reset the connection before a whole response head arrived; `data` is the
    received part."""

    def __init__(self, data: bytes, reset: bool = False):
        super().__init__(f"{'reset' if reset else 'closed'} after {data!r}")
        self.data, self.reset = data, reset


@dataclass
class Connection:
    """One client connection. All reads end by the deadline."""

    port: int
    host: str = "127.0.0.1"
    timeout: float = DEADLINE
    receive_buffer: int | None = None
    source: str = ""                    # the client's own address; one of loopback by default
    socket: socket.socket = field(init=False)
    pending: bytes = b""

    def __post_init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if self.receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive_buffer)
        self.socket.settimeout(self.timeout)
        if self.source:
            self.socket.bind((self.source, 0))
        self.socket.connect((self.host, self.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def send_request(self, method: str, target: str, headers=(), body: bytes = b"") -> None:
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self.host}:{self.port}"]
        items = headers.items() if isinstance(headers, dict) else headers
        lines += [f"{name}: {value}" for name, value in items]
        self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)

    def receive(self, size: int = 262144) -> bytes:
        """Returns bytes, or b"" at the end; raises TimeoutError when nothing comes."""
        if self.pending:
            data, self.pending = self.pending[:size], self.pending[size:]
            return data
        return self.socket.recv(size)

    def receive_until_close(self, timeout: float = DEADLINE) -> bytes:
        deadline = time.monotonic() + timeout
        parts = [self.pending]
        self.pending = b""
        while True:
            self.socket.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                data = self.socket.recv(262144)
            except ConnectionResetError:
                return b"".join(parts)
            if not data:
                return b"".join(parts)
            parts.append(data)

    def read_head(self, allow_interim: bool = False) -> Response:
        while True:
            data = b""
            while b"\r\n\r\n" not in data:
                try:
                    more = self.receive()
                except ConnectionResetError as error:
                    raise Closed(data, reset=True) from error
                if not more:
                    raise Closed(data)
                data += more
            head, self.pending = data.split(b"\r\n\r\n", 1)
            lines = head.decode("latin-1").split("\r\n")
            version, status, *reason = lines[0].split(" ", 2)
            assert version == "HTTP/1.1", lines[0]
            fields = []
            for line in lines[1:]:
                name, _, value = line.partition(":")
                fields.append((name, value.strip()))
            if allow_interim or not 100 <= int(status) < 200:
                return Response(int(status), reason[0] if reason else "", Headers(fields))

    def read_response(self, method: str = "GET", keep: bool = True, on_bytes=None,
                      pace: float = 0.0) -> Response:
        """Reads a whole response. A body cut short is not an error here: see Response.complete."""
        started = time.monotonic()
        response = self.read_head()
        response.head_after = time.monotonic() - started
        sha = hashlib.sha256()
        parts = []
        try:
            for data in self.read_body(response, method):
                if response.first_byte_after is None:
                    response.first_byte_after = time.monotonic() - started
                sha.update(data)
                response.received += len(data)
                if keep:
                    parts.append(data)
                if on_bytes:
                    on_bytes(response.received)
                if pace:
                    time.sleep(len(data) / pace)
            response.complete = True
        except ConnectionResetError:
            response.reset = True
        except EOFError:
            pass
        response.done_after = time.monotonic() - started
        response.body = b"".join(parts)
        response.sha256 = f"sha256:{sha.hexdigest()}"
        return response

    def read_body(self, response: Response, method: str = "GET"):
        """Yields the pieces of a body as they come; raises EOFError when the body ends early."""
        if method == "HEAD" or response.status in (204, 304):
            return
        if response.headers.get("Transfer-Encoding", "").lower() == "chunked":
            yield from self._chunks()
            return
        length = response.headers.get("Content-Length")
        left = int(length) if length is not None else None
        while left is None or left > 0:
            data = self.receive(262144 if left is None else min(left, 262144))
            if not data:
                if left is None:
                    return
                raise EOFError
            if left is not None:
                left -= len(data)
            yield data

    def _chunks(self):
        while True:
            size = int(self._line().split(b";")[0], 16)
            left = size
            while left:
                data = self.receive(min(left, 262144))
                if not data:
                    raise EOFError
                left -= len(data)
                yield data
            self._line()
            if size == 0:
                return

    def _line(self) -> bytes:
        data = b""
        while not data.endswith(b"\r\n"):
            byte = self.receive(1)
            if not byte:
                raise EOFError
            data += byte
        return data[:-2]


def request(port: int, method: str, target: str, headers=(), body: bytes = b"",
            timeout: float = DEADLINE, host: str = "127.0.0.1", keep: bool = True) -> Response:
    """One request on a connection of its own."""
    with Connection(port, host=host, timeout=timeout) as connection:
        items = list(headers.items() if isinstance(headers, dict) else headers)
        connection.send_request(method, target, [*items, ("Connection", "close")], body)
        return connection.read_response(method, keep=keep)


def get(port: int, target: str, **options) -> Response:
    return request(port, "GET", target, **options)


def head(port: int, target: str, **options) -> Response:
    return request(port, "HEAD", target, **options)


class Download(threading.Thread):
    """A GET in a thread of its own; a test can wait for its progress."""

    def __init__(self, port: int, target: str, headers=(), barrier: threading.Barrier | None = None,
                 keep: bool = False, pace: float = 0.0):
        super().__init__(daemon=True)
        self._port, self._target, self._headers = port, target, list(headers)
        self._barrier, self._keep, self._pace = barrier, keep, pace
        self._condition = threading.Condition()
        self._connection: Connection | None = None
        self.sent = threading.Event()
        self.received = 0
        self.response: Response | None = None
        self.error: BaseException | None = None
        self.left = False
        self.start()

    def run(self) -> None:
        try:
            self._connection = Connection(self._port, timeout=2 * DEADLINE)
            with self._connection as connection:
                if self._barrier:
                    self._barrier.wait(DEADLINE)
                connection.send_request("GET", self._target, [*self._headers, ("Connection", "close")])
                self.sent.set()
                response = connection.read_response(keep=self._keep, on_bytes=self._advance,
                                                    pace=self._pace)
            with self._condition:
                self.response = response
                self._condition.notify_all()
        except BaseException as error:  # reported by finish(), in the test's own thread
            with self._condition:
                self.error = error
                self._condition.notify_all()

    def _advance(self, received: int) -> None:
        with self._condition:
            self.received = received
            self._condition.notify_all()

    def wait_sent(self, timeout: float = DEADLINE) -> None:
        assert self.sent.wait(timeout), f"no request sent in {timeout} s; {self.error}"

    def wait_received(self, count: int, timeout: float = DEADLINE) -> None:
        with self._condition:
            done = lambda: self.received >= count or self.response or self.error
            self._condition.wait_for(done, timeout)
            assert self.received >= count, (
                f"{self.received} of {count} bytes after {timeout} s; {self.response or self.error}")

    def unread(self) -> int:
        """The bytes that have arrived at this machine and not in this thread, which others may hold up."""
        count = bytearray(4)
        fcntl.ioctl(self._connection.socket.fileno(), termios.FIONREAD, count)
        return int.from_bytes(count, sys.byteorder)

    def leave(self) -> None:
        """Closes the connection in the middle of the body."""
        self.left = True
        self._connection.socket.shutdown(socket.SHUT_RDWR)
        self.join(DEADLINE)

    def finish(self, timeout: float = 2 * DEADLINE) -> Response:
        self.join(timeout)
        assert not self.is_alive(), f"no end after {timeout} s, {self.received} bytes so far"
        if self.error:
            raise self.error
        return self.response


def download_together(port: int, targets: list[str], keep: bool = False,
                      headers=()) -> list[Download]:
    """Clients that send their requests at the same moment."""
    barrier = threading.Barrier(len(targets))
    return [Download(port, target, barrier=barrier, keep=keep, headers=headers)
            for target in targets]


def wait_until_read(entrepot, downloads: list[Download]) -> None:
    """Waits until a mirror with one serve loop has read the requests of these clients. A loop serves
    its clients in the order of their bytes, so it has read them once it answers a later one."""
    assert entrepot.config["threads"]["serve"] == 1
    for download in downloads:
        download.wait_sent()
    assert entrepot.get("/v2/").status == 200
