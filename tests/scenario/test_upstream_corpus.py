# SPDX-License-Identifier: Apache-2.0
"""Odd manifests and header fields from an upstream: each has one right response to clients.

The numbers are fixed: they go on from those of the registry corpus (test_registry_corpus.py).
"""

from __future__ import annotations

import json
from typing import NamedTuple

import pytest

from support import content, faults
from support.checks import REPOSITORY, assert_error, assert_whole, blob_target, manifest_target

LAYER = {"mediaType": content.OCI_LAYER, "digest": "sha256:" + "1" * 64, "size": 10}


class Document(NamedTuple):
    """A manifest whose digest is right and whose content is invalid."""

    note: str
    data: bytes
    by_tag: int = 200  # it is always served by digest, which proves it
    media_type: str = content.OCI_MANIFEST


def manifest_with(**changes) -> bytes:
    document = {"schemaVersion": 2, "mediaType": content.OCI_MANIFEST,
                "config": {**LAYER, "mediaType": content.OCI_CONFIG}, "layers": [LAYER]}
    return json.dumps({**document, **changes}).encode()


def layer(**changes) -> bytes:
    return manifest_with(layers=[{**LAYER, **changes}])


DOCUMENTS = [
    Document("a NUL byte behind it", manifest_with() + b"\0"),
    Document("an escaped NUL within", manifest_with(annotations={"a": "\0"})),
    Document("a byte order mark", b"\xef\xbb\xbf" + manifest_with()),
    Document("a key twice", b'{"layers":[],' + manifest_with()[1:]),
    Document("both layers and manifests", manifest_with(manifests=[LAYER])),
    Document("schema 1", json.dumps({"schemaVersion": 1, "name": "x", "fsLayers": []}).encode(), 200,
             "application/vnd.docker.distribution.manifest.v1+prettyjws"),
    Document("urls that lead inside", layer(urls=["http://169.254.169.254/latest", "{trap}"])),
    Document("size -1", layer(size=-1)),
    Document("size 2^63", layer(size=1 << 63)),
    Document("size 1.5", layer(size=1.5)),
    Document("a digest that is none", layer(digest="sha256:../../x")),
    Document("layers that are no list", manifest_with(layers={"0": LAYER})),
    Document("not JSON at all", b"\x1f\x8b\x08\0" + bytes(range(256)), 502),
    Document("a line end in the media type", manifest_with(mediaType="a/b\r\nSet-Cookie: c=1")),
    Document("a media type of 10 kB", manifest_with(mediaType="a/" + "b" * 10_000)),
    Document("a media type that is a number", manifest_with(mediaType=7)),
]


@pytest.mark.parametrize("by", ["tag", "digest"])
@pytest.mark.parametrize("case", DOCUMENTS, ids=lambda case: case.note)
def test_95_documents(start, upstream, make_upstream, case, by):
    trap = make_upstream(host="127.0.0.2")
    data = case.data.replace(b"{trap}", trap.url.encode())
    manifest = content.manifest_of(data, case.media_type)
    upstream.add_manifest(REPOSITORY, manifest, "odd")
    target = manifest_target("odd" if by == "tag" else manifest)
    entrepot = start()

    def ask():
        response = entrepot.get(target)
        if by == "tag" and case.by_tag != 200:
            return assert_error(response, case.by_tag)
        assert_whole(response, manifest)
        assert response.headers.fields.count(("Content-Type", case.media_type)) == 1
        assert "Set-Cookie" not in response.headers
    ask()
    ask()
    entrepot.restart()  # the stored bytes are read back
    ask()
    assert trap.connections_seen == 0 and upstream.count("blob") == 0


class Field(NamedTuple):
    """A header field of the upstream's reply, and the resulting statuses of ours."""

    name: str
    value: str | None  # None: the field is left out
    manifest: int = 200
    by_tag: int = 200
    blob: int = 200


FIELDS = [
    # By tag nothing else defines the right bytes.
    Field("Docker-Content-Digest", "sha256:" + "0" * 64, by_tag=502),
    Field("Docker-Content-Digest", None),
    Field("Docker-Content-Digest", "nonsense"),
    Field("Docker-Content-Digest", "sha256:0\rX: y", 502, 502, 502),
    Field("Content-Type", "application/json"),
    Field("Content-Type", "a/" + "b" * 10_000),
    Field("Content-Type", None),
    # The same bytes under two types are an attack (CVE-2021-41190).
    Field("Content-Type", content.OCI_INDEX, 502, 502),
    Field("Content-Type", "a/b\rX: y", 502, 502, 502),
    Field("Content-Type", "a/b\r\n X: y", 502, 502, 502),
    Field("Content-Length", "10\r\nContent-Length: 11", 502, 502, 502),
    # The chunks are invalid, so the transfer fails, as one that is cut off does.
    Field("Transfer-Encoding", "chunked", 503, 503, 503),
    Field("Transfer-Encoding", "gzip", 502, 502, 502),
    Field("Set-Cookie", "a=1"),
    Field("ETag", '"x\ty"'),
    Field("Link", '<http://elsewhere.test/>; rel="next"'),
    Field("Location", "http://elsewhere.test/\r\nX: y"),
]


@pytest.fixture
def image(upstream):
    return upstream.add_image(REPOSITORY, content.image(), "latest")


@pytest.mark.parametrize("what", ["manifest", "by_tag", "blob"])
@pytest.mark.parametrize("case", FIELDS, ids=lambda case: f"{case.name}: {str(case.value)[:30]!r}")
def test_96_fields(start, upstream, image, case, what):
    thing = image.layers[0] if what == "blob" else image.manifest
    target = {"blob": blob_target(thing), "manifest": manifest_target(thing),
              "by_tag": manifest_target("latest")}[what]
    fault = (faults.without(case.name) if case.value is None
             else faults.field(case.name, case.value))
    upstream.script(fault, method="GET")
    response = start().get(target)
    expected = getattr(case, what)
    if expected != 200:
        return assert_error(response, expected)
    assert_whole(response, thing)
    names = [name for name, _ in response.headers.fields]
    assert not {"X", "Set-Cookie", "Link", "Location"} & set(names)
    if what != "blob":
        expected_type = case.value if case.value == content.OCI_INDEX else content.OCI_MANIFEST
        assert response.headers["Content-Type"] == expected_type
    assert response.headers["ETag"] == f'"{thing.digest}"'


class Twice(NamedTuple):
    """A header field that comes twice, with another value, and the resulting status of ours."""

    name: str
    value: str
    status: int = 200


TWICE = [
    # The second value has no effect: the first one counts. Proxies in front of registries add such
    # fields again.
    Twice("Docker-Distribution-Api-Version", "registry/1.0"),
    Twice("ETag", '"another"'),
    Twice("Retry-After", "7"),
    Twice("RateLimit-Limit", "7"),
    Twice("RateLimit-Remaining", "7"),
    Twice("Content-Type", "text/html"),
    # Neither value counts: the mirror computes the digest of the bytes.
    Twice("Docker-Content-Digest", "sha256:" + "0" * 64),
    # They decide the place of the bytes, or the next host.
    Twice("Content-Length", "1", 502),
    Twice("Content-Range", "bytes 0-0/1", 502),
    Twice("Location", "http://elsewhere.test/", 502),
]
FIRST = {"Docker-Distribution-Api-Version": "registry/2.0", "ETag": '"one"', "Retry-After": "3",
         "RateLimit-Limit": "100;w=60", "RateLimit-Remaining": "60;w=60", "Content-Length": None,
         "Content-Range": "bytes 0-1/2", "Location": "/v2/"}


@pytest.mark.parametrize("case", TWICE, ids=lambda case: case.name)
def test_97_fields_twice(start, upstream, image, case):
    def come_twice(_request, reply):
        if first := FIRST.get(case.name):
            reply.set(case.name, first)
        reply.fields.append((case.name, case.value))
    upstream.script(come_twice)
    entrepot = start()
    for thing, target in ((image.manifest, manifest_target("latest")),
                          (image.config, blob_target(image.config))):
        response = entrepot.get(target)
        if case.status != 200:
            assert_error(response, case.status)
            continue
        assert_whole(response, thing)
        if thing is image.manifest:
            assert response.headers["Content-Type"] == content.OCI_MANIFEST
