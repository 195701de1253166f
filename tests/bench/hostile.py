# SPDX-License-Identifier: Apache-2.0
"""The registries of adversary.py: a well-behaved one that is far away, and one that means harm. An
object's content follows from its repository's name, so that nothing is kept between requests."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import re
import threading
import time

from support import content
from support.registry_role import RegistryRole, error
from support.upstream import ScriptedUpstream
from support.wire import Reply, Request

KIB, MIB = content.KIB, content.MIB
DELAY = 0.03   # s: the delay between the mirror and a registry
RATE = 20 * MIB
LAYERS = (100 * KIB, 300 * KIB, 700 * KIB)
# Blobs by the first name of their repository; the second is the number of each. The cache has 512
# MiB: a blob that passes through is more than a quarter of it, an announced one a little less.
SIZES = {"fill": 2 * MIB, "hot": 64 * KIB, "small": 30 * KIB, "tiny": 2 * KIB, "left": 30 * MIB,
         "ranges": 16 * MIB, "far": 64 * MIB, "passed": 160 * MIB}
ANNOUNCED = 120 * MIB
ZEROS = bytes(64 * KIB)
CHILD_REFERENCES, CHILDREN = 8000, 20_000
LINKS = 19_000  # less than the size that is refused at once
REFERRERS = 17_000
LIST_TAGS = 150_000


@functools.lru_cache(maxsize=64)
def blob(kind: str, number: int) -> content.Blob:
    return content.blob(SIZES[kind], seed=number)


@functools.lru_cache(maxsize=4096)
def digest_of(kind: str, number: int) -> str:
    """The digest of a blob. A large blob is its number and zeros, and is never in memory as a
    whole."""
    if SIZES[kind] <= MIB:
        return blob(kind, number).digest
    sha = hashlib.sha256(_beginning(kind, number))
    for _ in range(SIZES[kind] // len(ZEROS) - 1):
        sha.update(ZEROS)
    return f"sha256:{sha.hexdigest()}"


def _beginning(kind: str, number: int) -> bytes:
    return f"{kind} {number}".encode().ljust(len(ZEROS), b"\0")


def _pieces(kind: str, number: int, first: int, last: int):
    beginning = _beginning(kind, number)
    while first <= last:
        block = beginning if first < len(ZEROS) else ZEROS
        piece = block[first % len(ZEROS):][:last - first + 1]
        yield piece
        first += len(piece)


@functools.lru_cache(maxsize=64)
def image(number: int) -> content.Image:
    """The image that the well-behaved client pulls."""
    return content.image(LAYERS, seed=number)


def announced(number: int) -> str:
    """The digest of a blob that never arrives whole."""
    return content.digest_of(f"announced {number}".encode())


def _descriptor(digest: str, media_type: str, size: int = 1000) -> dict:
    return {"mediaType": media_type, "digest": digest, "size": size}


@functools.lru_cache(maxsize=4)
def large_manifest(number: int) -> content.Manifest:
    """4 MB that hardly compress."""
    noise = base64.b64encode(content.random_bytes(MIB * 3 - 64 * KIB, seed=number)).decode()
    return content.manifest_of(json.dumps({
        "schemaVersion": 2, "mediaType": content.OCI_MANIFEST, "annotations": {"noise": noise},
        "config": _descriptor(announced(number), content.OCI_CONFIG), "layers": []}).encode(),
        content.OCI_MANIFEST)


@functools.lru_cache(maxsize=2)
def many_layers(count: int) -> content.Manifest:
    # Only the digests, which a mirror reads.
    layers = [{"digest": announced(n)} for n in range(count)]
    return content.manifest_of(json.dumps({
        "schemaVersion": 2, "mediaType": content.OCI_MANIFEST, "config": layers[0],
        "layers": layers}, separators=(",", ":")).encode(), content.OCI_MANIFEST)


@functools.lru_cache(maxsize=2)
def repeated_child(number: int) -> content.Manifest:
    """An index that names one child again and again."""
    child = many_layers(CHILD_REFERENCES)
    named = _descriptor(child.digest, child.media_type, child.size)
    return content.manifest_of(json.dumps({
        "schemaVersion": 2, "mediaType": content.OCI_INDEX, "manifests": [named] * CHILDREN,
        "annotations": {"n": str(number)}}, separators=(",", ":")).encode(), content.OCI_INDEX)


@functools.lru_cache(maxsize=1)
def _referrers() -> bytes:
    return json.dumps({"schemaVersion": 2, "mediaType": content.OCI_INDEX, "manifests": [
        {**_descriptor(announced(n), content.OCI_MANIFEST), "artifactType": f"type/{n % 7}"}
        for n in range(REFERRERS)]}, separators=(",", ":")).encode()


@functools.lru_cache(maxsize=1)
def _tags() -> bytes:
    return json.dumps({"name": "x", "tags": [f"{n:06}" + "t" * 60 for n in range(LIST_TAGS)]},
                      separators=(",", ":")).encode()


class WellRole(RegistryRole):
    """Images and blobs by number."""

    def reply(self, request: Request) -> Reply:
        kind, _, text = request.repository.partition("/")
        number = int(text) if text.isdecimal() else 0
        if kind == "image":
            return self._image(request, image(number))
        if kind not in SIZES or digest_of(kind, number) != request.reference:
            return error(404, "NOT_FOUND")
        if SIZES[kind] <= MIB:
            return self._content(request, blob(kind, number), None)
        return _large(request, kind, number)

    def _image(self, request: Request, wanted: content.Image) -> Reply:
        if request.kind == "manifest":
            return _manifest(wanted.manifest)
        found = next((one for one in wanted.blobs if one.digest == request.reference), None)
        return self._content(request, found, None) if found else error(404, "BLOB_UNKNOWN")


class HostileRole(RegistryRole):
    def __init__(self, server):
        super().__init__(server)
        self.over = threading.Event()

    def reply(self, request: Request) -> Reply:
        kind, _, number = request.repository.partition("/")
        method = getattr(self, f"_harm_{kind}", None)
        return method(request, number) if method else super().reply(request)

    def _harm_announced(self, _request: Request, _number: str) -> Reply:
        def trickle():
            yield bytes(64 * KIB)
            while not self.over.wait(1.0):
                yield bytes(2 * KIB)
        return _stream(ANNOUNCED, trickle())

    def _harm_large(self, request: Request, number: str) -> Reply:
        return _manifest(large_manifest(int(number))) if request.kind == "manifest" else (
            error(404, "BLOB_UNKNOWN"))

    def _harm_repeated(self, request: Request, number: str) -> Reply:
        child, index = many_layers(CHILD_REFERENCES), repeated_child(int(number))
        wanted = {child.digest: child, index.digest: index}.get(request.reference)
        return _manifest(wanted) if wanted else error(404, "MANIFEST_UNKNOWN")

    def _harm_links(self, request: Request, _number: str) -> Reply:
        return _manifest(many_layers(LINKS)) if request.kind == "manifest" else (
            error(404, "BLOB_UNKNOWN"))

    def _harm_referrers(self, request: Request, _number: str) -> Reply:
        return Reply(200, [("Content-Type", content.OCI_INDEX)], _referrers()) if (
            request.kind == "referrers") else error(404, "NOT_FOUND")

    def _harm_lists(self, request: Request, _number: str) -> Reply:
        return Reply(200, [("Content-Type", "application/json")], _tags()) if (
            request.kind == "tags") else error(404, "NOT_FOUND")

    def _harm_circles(self, request: Request, _number: str) -> Reply:
        body = json.dumps({"name": request.repository, "tags": [f"t{time.monotonic_ns()}"]}).encode()
        return Reply(200, [("Content-Type", "application/json"),
                           ("Link", f'<{request.target}>; rel="next"')], body)

    def _harm_challenges(self, _request: Request, number: str) -> Reply:
        reply, long = error(401, "UNAUTHORIZED"), "%" * (4000 - len(number))
        reply.set("WWW-Authenticate", f'Bearer realm="{self._server.url}/token",'
                                      f'service="{long}",scope="{number}{long}"')
        return reply

    def _harm_tokens(self, request: Request, number: str) -> Reply:
        if request.authorization is not None:
            return error(404, "NOT_FOUND")
        reply = error(401, "UNAUTHORIZED")
        reply.set("WWW-Authenticate", f'Bearer realm="{self._server.url}/token",service="s",'
                                      f'scope="repository:tokens/{number}:pull"')
        return reply

    def _token(self, _request: Request) -> Reply:
        body = json.dumps({"token": "t" * 60_000, "expires_in": 3600}).encode()
        return Reply(200, [("Content-Type", "application/json")], body)

    def _harm_switching(self, _request: Request, _number: str) -> Reply:
        reply = Reply()
        reply.raw = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n" + b"body" * 100
        return reply


def _manifest(manifest: content.Manifest) -> Reply:
    return Reply(200, [("Content-Type", manifest.media_type),
                       ("Docker-Content-Digest", manifest.digest)], manifest.data)


def _large(request: Request, kind: str, number: int) -> Reply:
    size = SIZES[kind]
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", request.range or "")
    first = int(asked[1]) if asked else 0
    last = min(size - 1, int(asked[2]) if asked and asked[2] else size - 1)
    reply = _stream(last - first + 1, _pieces(kind, number, first, last))
    if asked:
        reply.status = 206
        reply.set("Content-Range", f"bytes {first}-{last}/{size}")
    return reply


def _stream(length: int, pieces) -> Reply:
    return Reply(200, [("Content-Type", "application/octet-stream")], length=length, stream=pieces)


def serve(pipe) -> None:
    """Runs both in a process of their own, until the pipe has a message."""
    with ScriptedUpstream(rate=RATE) as well, ScriptedUpstream(rate=RATE) as hostile:
        well.role, hostile.role = WellRole(well), HostileRole(hostile)
        well.delay = hostile.delay = DELAY
        pipe.send((well.url, hostile.url))
        requests = 0
        while not pipe.poll(1.0):
            for server in (well, hostile):  # the log does not grow
                requests += server.count()
                server.forget()
        hostile.role.over.set()
        pipe.send((requests, well.errors + hostile.errors))
