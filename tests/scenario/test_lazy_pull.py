# SPDX-License-Identifier: Apache-2.0
"""The requests of a lazy puller for a layer, to the byte: it reads the layer's end, then its table
of contents, and later each file that a program opens."""

from __future__ import annotations

import gzip
import json
import random
import re
import struct

import pytest

from support import content
from support.checks import REPOSITORY, assert_whole, blob_target
from support.multipart import parts_of

KIB, MIB = content.KIB, content.MIB
FOOTER = 51
ALIGNMENT = 50_000


def footer(toc_at: int) -> bytes:
    """An empty gzip member whose extra field says where the table of contents begins."""
    extra = b"SG" + struct.pack("<H", 22) + f"{toc_at:016x}STARGZ".encode()
    member = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff" + struct.pack("<H", len(extra)) + extra
    member += b"\x01\0\0\xff\xff" + struct.pack("<II", 0, 0)
    assert len(member) == FOOTER
    return member


class Layer:
    """eStargz: every file a gzip member of its own, then the table of contents, then the footer."""

    def __init__(self, files: int):
        self.files = {f"usr/lib/{n}": content.random_bytes(2 * KIB + n * 997 % (120 * KIB), n)
                      for n in range(files)}
        data, entries = bytearray(), []
        for name, file in self.files.items():
            entries.append({"name": name, "offset": len(data), "size": len(file)})
            data += gzip.compress(file, 1, mtime=0)
        self.toc_at = len(data)
        data += gzip.compress(json.dumps({"version": 1, "entries": entries}).encode(), mtime=0)
        data += footer(self.toc_at)
        self.blob = content.blob_of(bytes(data))


@pytest.fixture(scope="module")
def layer():
    return Layer(600)


class Stargz:
    """The requests of the snapshotter for one layer."""

    def __init__(self, entrepot, blob):
        self._entrepot, self._target = entrepot, blob_target(blob)
        self.size = 0

    def get(self, ranges: str):
        response = self._entrepot.get(self._target, headers=[("Range", f"bytes={ranges}"),
                                                             ("Accept-Encoding", "identity")])
        assert response.status == 206 and response.complete, (response.status, response.body[:200])
        assert "Content-Encoding" not in response.headers
        return response

    def resolve(self) -> None:
        assert len(self.get("0-1").body) == 2
        head = self._entrepot.request("HEAD", self._target)
        assert head.status == 200 and head.headers["Accept-Ranges"] == "bytes"
        self.size = int(head.headers["Content-Length"])

    def is_alive(self) -> None:
        response = self.get("0-1")
        assert response.headers["Content-Range"] == f"bytes 0-1/{self.size}"

    def read(self, spans: list[tuple[int, int]]) -> dict[int, bytes]:
        """Reads aligned ranges, several in one request; returns the bytes by the place at which
        each begins."""
        ranges = sorted({(begin // ALIGNMENT * ALIGNMENT,
                          min(self.size, -(-end // ALIGNMENT) * ALIGNMENT) - 1)
                         for begin, end in spans})
        response = self.get(",".join(f"{first}-{last}" for first, last in ranges))
        if len(ranges) == 1:
            match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", response.headers["Content-Range"])
            assert tuple(map(int, match.groups())) == (*ranges[0], self.size)
            return {ranges[0][0]: response.body}
        parts = parts_of(response)
        assert [part[:3] for part in parts] == [(*span, self.size) for span in ranges]
        return {first: data for first, _, _, data in parts}

    def contents(self) -> dict[str, tuple[int, int]]:
        """The place of each file, from the table of contents at the end."""
        last = self.get(f"{self.size - FOOTER}-{self.size - 1}").body
        toc_at = int(last[16:32], 16)
        toc = self.get(f"{toc_at}-{self.size - FOOTER - 1}").body
        entries = json.loads(gzip.decompress(toc))["entries"]
        ends = [entry["offset"] for entry in entries[1:]] + [toc_at]
        return {entry["name"]: (entry["offset"], end) for entry, end in zip(entries, ends)}

    def open_files(self, where: list[tuple[int, int]]) -> list[bytes]:
        pieces = self.read(where)
        files = []
        for begin, end in where:
            at = max(first for first in pieces if first <= begin)
            files.append(gzip.decompress(pieces[at][begin - at:end - at]))
        return files


def test_a_container_that_opens_few_files(start, upstream, layer):
    upstream.add_blob(REPOSITORY, layer.blob)
    entrepot = start()
    stargz = Stargz(entrepot, layer.blob)
    stargz.resolve()
    assert stargz.size == layer.blob.size
    contents = stargz.contents()
    chosen = random.Random(5)
    names = chosen.sample(sorted(layer.files), 40)
    needed = 0
    for batch in range(0, len(names), 8):
        some = names[batch:batch + 8]
        assert stargz.open_files([contents[name] for name in some]) == \
            [layer.files[name] for name in some]
        needed += sum(end - begin for begin, end in map(contents.get, some))
        stargz.is_alive()
    assert upstream.body_bytes() <= 3 * needed + MIB
    assert upstream.body_bytes() <= layer.blob.size / 3

    # The next node reads the same files while the registry is away.
    upstream.go_down()
    other = Stargz(entrepot, layer.blob)
    other.resolve()
    contents = other.contents()
    for name in names:
        assert other.open_files([contents[name]]) == [layer.files[name]]


def test_a_thousand_ranges_of_a_cold_layer(start, upstream, layer):
    """As many as podman sends in one request."""
    upstream.add_blob(REPOSITORY, layer.blob)
    entrepot = start()
    step = layer.blob.size // 1024
    ranges = [(n * step, n * step + 99) for n in range(1024)]
    response = Stargz(entrepot, layer.blob).get(",".join(f"{f}-{l}" for f, l in ranges))
    assert parts_of(response) == [(first, last, layer.blob.size,
                                             layer.blob.data[first:last + 1])
                                            for first, last in ranges]
    assert_whole(entrepot.get(blob_target(layer.blob)), layer.blob)
    assert upstream.body_bytes() <= layer.blob.size


def test_two_ranges_at_the_end(start, upstream, layer):
    """The first request of podman: the table of contents and the list of the other contents of the
    tar."""
    upstream.add_blob(REPOSITORY, layer.blob)
    entrepot = start()
    at, end = layer.toc_at, layer.blob.size - 1
    ranges = [(at, at + 999), (at + 1008, end)]
    response = Stargz(entrepot, layer.blob).get(",".join(f"{f}-{l}" for f, l in ranges))
    assert [part[3] for part in parts_of(response)] == \
        [layer.blob.data[first:last + 1] for first, last in ranges]
    assert upstream.body_bytes() <= 2 * 64 * KIB
