# SPDX-License-Identifier: Apache-2.0
"""Faults of an upstream: each is a function that spoils a reply.

    upstream.script(faults.reset_after(1000), kind="blob", times=1)
"""

from __future__ import annotations

import gzip as gzip_codec
import os
from typing import Callable

from .gate import Gate
from .wire import Reply, Request

Fault = Callable[[Request, Reply], None]


def together(*faults: Fault) -> Fault:
    def spoil(request: Request, reply: Reply) -> None:
        for fault in faults:
            fault(request, reply)
    return spoil


def _cut(after: int, how: str, gate: Gate | None = None) -> Fault:
    def spoil(_request: Request, reply: Reply) -> None:
        reply.cut_after, reply.cut, reply.stall_gate = after, how, gate
    return spoil


def reset_after(count: int) -> Fault:
    """RST after so many bytes of the body."""
    return _cut(count, "reset")


def fin_after(count: int) -> Fault:
    return _cut(count, "fin")


def stall_after(count: int, gate: Gate) -> Fault:
    """The socket stays open without data until the gate opens; then FIN."""
    return _cut(count, "stall", gate)


def rate(bytes_per_second: float) -> Fault:
    def spoil(_request: Request, reply: Reply) -> None:
        reply.rate = bytes_per_second
    return spoil


def hold(gate: Gate) -> Fault:
    """Waits before the status line."""
    def spoil(_request: Request, reply: Reply) -> None:
        reply.hold_request = gate
    return spoil


def hold_at(offset: int, gate: Gate) -> Fault:
    """Waits before the byte at `offset` of the object; negative counts from its end."""
    def spoil(_request: Request, reply: Reply) -> None:
        end = reply.offset + reply.size
        reply.hold_at.append((offset if offset >= 0 else end + offset, gate))
    return spoil


def flip_byte(at: int) -> Fault:
    def spoil(_request: Request, reply: Reply) -> None:
        reply.flip_at = at
    return spoil


def extra_bytes(data: bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad") -> Fault:
    """Sends more than was announced: the start of an unrequested answer."""
    def spoil(_request: Request, reply: Reply) -> None:
        reply.extra = data
    return spoil


def content_length(length: int) -> Fault:
    def spoil(_request: Request, reply: Reply) -> None:
        reply.content_length = length
    return spoil


def chunked(_request: Request, reply: Reply) -> None:
    reply.chunked = True


def without(*names: str) -> Fault:
    def spoil(_request: Request, reply: Reply) -> None:
        for name in names:
            reply.drop(name)
    return spoil


def field(name: str, value: str) -> Fault:
    def spoil(_request: Request, reply: Reply) -> None:
        reply.set(name, value)
    return spoil


def status(code: int, body: bytes = b"", media_type: str = "application/json", **fields) -> Fault:
    def spoil(_request: Request, reply: Reply) -> None:
        reply.status, reply.reason, reply.fields = code, "Scripted", []
        reply.replace_body(body, media_type)
        for name, value in fields.items():
            reply.set(name.replace("_", "-"), value)
    return spoil


def too_many_requests(retry_after: str | None = None) -> Fault:
    body = b'{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}'
    return status(429, body, **({"Retry_After": retry_after} if retry_after is not None else {}))


def html_page(code: int = 200) -> Fault:
    """The page with which captive portals and login pages answer every request."""
    return status(code, b"<!doctype html><title>Sign in</title>" + b"x" * 1440, "text/html")


def body(data: bytes, media_type: str | None = None) -> Fault:
    def spoil(_request: Request, reply: Reply) -> None:
        reply.replace_body(data, media_type)
    return spoil


def challenge(value: str) -> Fault:
    return status(401, b'{"errors":[{"code":"UNAUTHORIZED"}]}', WWW_Authenticate=value)


def redirect(location: str | None, code: int = 307) -> Fault:
    return status(code, b"", **({"Location": location} if location is not None else {}))


def gzip(_request: Request, reply: Reply) -> None:
    """Content-Encoding, whatever the client accepts."""
    reply.replace_body(gzip_codec.compress(whole_body(reply)))
    reply.set("Content-Encoding", "gzip")


def ignore_range(request: Request, reply: Reply) -> None:
    """200 and the whole object to a Range request."""
    if request.range is None:
        return
    reply.status, reply.reason = 200, "OK"
    reply.drop("Content-Range")
    reply.offset = 0
    reply.length = os.stat(reply.path).st_size if reply.path else len(reply.body)


def raw(data: bytes) -> Fault:
    """Exactly these bytes, then the end of the connection."""
    def spoil(_request: Request, reply: Reply) -> None:
        reply.raw = data
    return spoil


def header_bomb(size: int) -> Fault:
    line = b"X-Bomb: " + b"b" * 1000 + b"\r\n"
    return raw(b"HTTP/1.1 200 OK\r\n" + line * (size // len(line) + 1) + b"\r\n")


def whole_body(reply: Reply) -> bytes:
    if reply.path is None:
        return reply.body[reply.offset:reply.offset + reply.size]
    with open(reply.path, "rb") as file:
        file.seek(reply.offset)
        return file.read(reply.size)


