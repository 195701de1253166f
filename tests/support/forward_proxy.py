# SPDX-License-Identifier: Apache-2.0
"""A forward proxy: CONNECT and requests in absolute form (RFC 9110, RFC 9112), or SOCKS 5 (RFC 1928,
RFC 1929)."""

from __future__ import annotations

import base64
import socket
import ssl
import threading
from dataclasses import dataclass, field

from .server import Server


@dataclass
class Passed:
    """A request of a client to the proxy."""
    method: str  # CONNECT, SOCKS, or that of a request in absolute form
    target: str  # host:port, or the URL
    fields: dict[str, str] = field(default_factory=dict)  # names in lower case


class ForwardProxy:
    """Connects to the hosts of `hosts`, "name:port" to the port on loopback, and refuses others.
    `account` is a user and a password that clients must present."""

    def __init__(self, hosts: dict[str, int], account: tuple[str, str] | None = None,
                 tls: ssl.SSLContext | None = None, socks: bool = False):
        self._hosts, self._tls, self._socks = hosts, tls, socks
        self.account = account
        self.status = 0  # answers every request, if set
        self.raw_once = b""  # answers the next request, if set
        self.raw: bytes | None = None  # sent to every request, if set; the connection ends then
        self.passed: list[Passed] = []
        self._lock = threading.Lock()
        self._server = Server(self._serve)

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def url(self) -> str:
        scheme = "socks5h" if self._socks else "https" if self._tls else "http"
        return f"{scheme}://127.0.0.1:{self.port}"

    def targets(self) -> list[str]:
        with self._lock:
            return [one.target for one in self.passed]

    def go_down(self) -> None:
        """Refuses new connections and cuts the open ones."""
        self._server.go_down()

    def come_back(self) -> None:
        self._server.come_back()

    def stop(self) -> None:
        self._server.stop()

    def _serve(self, plain: socket.socket, _number: int) -> None:
        client = plain
        try:
            if self._tls:
                client = self._server.with_tls(plain, self._tls)
                client.do_handshake()
            (self._serve_socks if self._socks else self._serve_http)(client)
        except (OSError, EOFError):
            pass
        finally:
            self._server.discard(client)
            client.close()

    # HTTP.

    def _serve_http(self, client: socket.socket) -> None:
        while head := _read_head(client):
            method, target, fields = _parse(head)
            with self._lock:
                self.passed.append(Passed(method, target, fields))
            if self.raw_once:
                client.sendall(self.raw_once)
                self.raw_once = b""
                continue
            if self.raw is not None:
                client.sendall(self.raw)
                return
            host = target if method == "CONNECT" else target.split("/")[2]
            if not self._may_pass(fields):
                client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n"
                               b"Proxy-Authenticate: Basic realm=\"proxy\"\r\n"
                               b"Content-Length: 0\r\n\r\n")
                continue
            status = self.status or (0 if host in self._hosts else 502)
            if status:
                client.sendall(b"HTTP/1.1 %d Refused\r\nContent-Length: 0\r\n\r\n" % status)
                continue
            with self._connect(host) as server:
                if method == "CONNECT":
                    client.sendall(b"HTTP/1.1 200 Connection established\r\nX-Proxy: yes\r\n\r\n")
                else:
                    path = "/" + target.split("/", 3)[3]
                    server.sendall(head.replace(target.encode(), path.encode(), 1))
                self._relay(client, server)
            return

    def _may_pass(self, fields: dict[str, str]) -> bool:
        if self.account is None:
            return True
        expected = base64.b64encode(":".join(self.account).encode()).decode()
        return fields.get("proxy-authorization") == f"Basic {expected}"

    # SOCKS 5.

    def _serve_socks(self, client: socket.socket) -> None:
        _, count = _read(client, 2)
        methods = _read(client, count)
        method = 2 if self.account else 0
        if method not in methods:
            client.sendall(b"\x05\xff")
            return
        client.sendall(bytes((5, method)))
        if method == 2:
            user = _read(client, _read(client, 2)[1])
            password = _read(client, _read(client, 1)[0])
            right = (user.decode(), password.decode()) == self.account
            client.sendall(b"\x01\x00" if right else b"\x01\x01")
            if not right:
                return
        _, command, _, kind = _read(client, 4)
        name = _read(client, {1: 4, 4: 16}.get(kind) or _read(client, 1)[0])
        host = name.decode() if kind == 3 else socket.inet_ntop(
            socket.AF_INET if kind == 1 else socket.AF_INET6, name)
        target = f"{host}:{int.from_bytes(_read(client, 2), 'big')}"
        with self._lock:
            self.passed.append(Passed("SOCKS", target))
        if command != 1 or target not in self._hosts:
            client.sendall(b"\x05\x02\x00\x01" + bytes(6))
            return
        with self._connect(target) as server:
            client.sendall(b"\x05\x00\x00\x01" + bytes(6))
            self._relay(client, server)

    # Both.

    def _connect(self, host: str) -> socket.socket:
        server = socket.create_connection(("127.0.0.1", self._hosts[host]))
        self._server.add(server)
        return server

    @staticmethod
    def _relay(client: socket.socket, server: socket.socket) -> None:
        def pump(source: socket.socket, sink: socket.socket) -> None:
            try:
                while data := source.recv(65536):
                    sink.sendall(data)
            except OSError:
                pass
            for end in (source, sink):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        back = threading.Thread(target=pump, args=(server, client), daemon=True)
        back.start()
        pump(client, server)
        back.join()


def _read(source: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = source.recv(count - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


def _read_head(source: socket.socket) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = source.recv(1)
        if not byte:
            return b""
        head += byte
    return head


def _parse(head: bytes) -> tuple[str, str, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")[:-2]
    method, target, _ = first.split(" ")
    fields = (line.split(":", 1) for line in lines)
    return method, target, {name.lower(): value.strip() for name, value in fields}
