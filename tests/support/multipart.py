# SPDX-License-Identifier: Apache-2.0
"""Parses multipart/byteranges (RFC 9110, 14.6) as a strict client does."""

from __future__ import annotations

import re

from .client import Response

_BOUNDARY = re.compile(r"multipart/byteranges; boundary=([A-Za-z0-9]{1,70})")
_PART = re.compile(rb"Content-Type: application/octet-stream\r\n"
                   rb"Content-Range: bytes (\d+)-(\d+)/(\d+)")


def parts_of(response: Response) -> list[tuple[int, int, int, bytes]]:
    """(first, last, size, bytes) of each."""
    boundary = _BOUNDARY.fullmatch(response.headers["Content-Type"])[1].encode()
    assert len(response.body) == int(response.headers["Content-Length"])
    rest = b"\r\n" + response.body
    parts = []
    while True:
        assert rest.startswith(b"\r\n--" + boundary)
        rest = rest[len(boundary) + 4:]
        if rest == b"--\r\n":
            return parts
        assert rest.startswith(b"\r\n")
        head, _, rest = rest[2:].partition(b"\r\n\r\n")
        first, last, size = (int(number) for number in _PART.fullmatch(head).groups())
        parts.append((first, last, size, rest[:last - first + 1]))
        rest = rest[last - first + 1:]
