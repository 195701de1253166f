# SPDX-License-Identifier: Apache-2.0
"""Upstreams that answer with other content: login pages, compression bombs, huge manifests, moved
tags."""

import json
import os

import pytest

from support import content, faults
from support.checks import (REPOSITORY, assert_error, assert_never_wrong, assert_whole, blob_target,
                            manifest_target)

DUE = {"fresh_for": "0s", "stale_for": "1d"}


@pytest.fixture
def image(upstream):
    return upstream.add_image(REPOSITORY, content.image(), "latest")


@pytest.mark.parametrize("reference", ["latest", "digest"])
def test_html_for_a_manifest_fails(start, upstream, image, reference):
    target = manifest_target("latest" if reference == "latest" else image.manifest)
    page = upstream.script(faults.html_page(), kind="manifest")
    entrepot = start()
    assert_error(entrepot.get(target), 502)
    assert_error(entrepot.get(target), 502)
    page.cancel()
    assert_whole(entrepot.get(target), image.manifest)


def test_html_for_a_blob_fails(start, upstream, image):
    blob = image.layers[0]
    page = upstream.script(faults.html_page(), kind="blob")
    entrepot = start()
    response = entrepot.get(blob_target(blob))
    assert response.status != 200 or not response.complete
    assert b"Sign in" not in response.body
    page.cancel()
    assert_whole(entrepot.get(blob_target(blob)), blob)


def test_html_for_the_base_is_ignored(start, upstream, image):
    """A login page at /v2/ decides nothing about other requests, and no client receives it."""
    upstream.script(faults.html_page(), kind="ping")
    entrepot = start()
    ping = entrepot.get("/v2/")
    assert ping.status == 200 and ping.json() == {}
    assert_whole(entrepot.get(manifest_target("latest")), image.manifest)


def test_requests_accept_the_identity_encoding_only(start, upstream, image):
    entrepot = start()
    assert_whole(entrepot.get(manifest_target("latest")), image.manifest)
    assert_whole(entrepot.get(blob_target(image.config)), image.config)
    asked = [r.header("Accept-Encoding") for r in upstream.requests() if r.kind != "ping"]
    assert asked and set(asked) == {"identity"}


@pytest.mark.parametrize("size", [1000, 3 * content.MIB])
def test_a_compressed_reply_is_never_served(start, upstream, size):
    blob = upstream.add_blob(REPOSITORY, content.blob(size))
    upstream.script(faults.gzip, kind="blob", times=1)
    entrepot = start()
    response = entrepot.get(blob_target(blob))
    assert_never_wrong(response, blob)
    assert "Content-Encoding" not in response.headers
    assert_whole(entrepot.get(blob_target(blob)), blob)


BOMBS = {
    "headers": faults.header_bomb(10 * content.MIB),
    "interim": faults.raw(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 1000
                          + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"),
    "no-http": faults.raw(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "nul": faults.raw(b"HTTP/1.1 200 OK\r\nContent-Type: a\0b\r\nContent-Length: 2\r\n\r\n{}"),
    "two-lengths": faults.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
                              b"Content-Length: 3\r\n\r\n{}x"),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs_are_refused(start, upstream, image, bomb):
    """The mirror refuses it for a tag, a manifest and a blob alike, without growing."""
    rule = upstream.script(BOMBS[bomb])
    entrepot = start()
    before = entrepot.memory()["RssAnon"]
    for target in (manifest_target("latest"), manifest_target(image.manifest),
                   blob_target(image.config)):
        # A reply that is no HTTP counts as an unavailable upstream.
        assert_error(entrepot.get(target), *((502, 503) if bomb == "no-http" else (502,)))
    # Not under AddressSanitizer, whose quarantine keeps freed memory.
    if not os.environ.get("ENTREPOT_SANITIZE"):
        assert entrepot.memory()["RssAnon"] - before < 8 * content.MIB
    rule.cancel()


def deep(depth: int) -> bytes:
    return b'{"schemaVersion":2,"layers":[],"x":' + b"[" * depth + b"]" * depth + b"}"


def sized(size: int) -> bytes:
    """A manifest of exactly so many bytes."""
    empty = json.dumps({"schemaVersion": 2, "mediaType": content.OCI_MANIFEST, "layers": [],
                        "annotations": {"x": ""}}).encode()
    return empty.replace(b'"x": ""', b'"x": "' + b"y" * (size - len(empty)) + b'"')


MAX_MANIFEST, MAX_DEPTH = 4_393_216, 32  # in bytes; in nested lists and objects
HUGE = {
    "one byte more": sized(MAX_MANIFEST + 1),
    "one level more": deep(MAX_DEPTH),
    "5MiB": json.dumps({"schemaVersion": 2, "mediaType": content.OCI_MANIFEST,
                        "annotations": {"x": "y" * (5 * content.MIB)}}).encode(),
    "deep": deep(100_000),
    "many-layers": b'{"schemaVersion":2,"layers":[' + b"{}," * 199_999 + b"{}]}",
}


@pytest.mark.parametrize("name", HUGE)
@pytest.mark.parametrize("by", ["tag", "digest"])
def test_huge_manifests_are_refused(start, upstream, image, name, by):
    manifest = content.manifest_of(HUGE[name], content.OCI_MANIFEST)
    upstream.add_manifest(REPOSITORY, manifest, "huge")
    entrepot = start()
    assert_error(entrepot.get(manifest_target("huge" if by == "tag" else manifest)), 502)
    # The process is alive, and no byte of the manifest was stored.
    assert_whole(entrepot.get(manifest_target("latest")), image.manifest)


@pytest.mark.parametrize("data", [sized(MAX_MANIFEST), deep(MAX_DEPTH - 1)],
                         ids=["bytes", "levels"])
@pytest.mark.parametrize("by", ["tag", "digest"])
def test_the_largest_allowed_manifest_is_served(start, upstream, data, by):
    manifest = content.manifest_of(data, content.OCI_MANIFEST)
    upstream.add_manifest(REPOSITORY, manifest, "large")
    entrepot = start()
    for _ in range(2):
        assert_whole(entrepot.get(manifest_target("large" if by == "tag" else manifest)), manifest)


def test_a_huge_manifest_without_length_is_refused(start, upstream, image):
    manifest = content.manifest_of(HUGE["5MiB"], content.OCI_MANIFEST)
    upstream.add_manifest(REPOSITORY, manifest, "huge")
    upstream.script(faults.chunked, kind="manifest")
    entrepot = start()
    assert_error(entrepot.get(manifest_target(manifest)), 502)


def test_a_moved_tag_serves_the_new_manifest(start, upstream, image):
    entrepot = start({"docker.io": {"endpoint": upstream, "tags": DUE}})
    assert_whole(entrepot.get(manifest_target("latest")), image.manifest)
    newer = upstream.add_image(REPOSITORY, content.image(seed=2), "latest")
    assert_whole(entrepot.get(manifest_target("latest")), newer.manifest)
    # The old manifest is still served by digest.
    assert_whole(entrepot.get(manifest_target(image.manifest)), image.manifest)


def test_a_deleted_tag_is_not_resurrected(start, upstream, image):
    entrepot = start({"docker.io": {"endpoint": upstream, "tags": DUE}})
    assert_whole(entrepot.get(manifest_target("latest")), image.manifest)
    upstream.delete_tag(REPOSITORY, "latest")
    assert_error(entrepot.get(manifest_target("latest")), 404, code="MANIFEST_UNKNOWN")
    upstream.go_down()
    # It does not come back when the upstream goes away, now or after a restart.
    assert_error(entrepot.get(manifest_target("latest")), 404, code="MANIFEST_UNKNOWN")
    entrepot.restart()
    assert_error(entrepot.get(manifest_target("latest")), 503)


HEADER_INJECTIONS = [
    ("Content-Type", "text/html\tx"),
    ("Content-Type", "application/vnd.oci.image.manifest.v1+json; charset=utf-8"),
    ("Docker-Content-Digest", "sha256:bad"),
    ("Set-Cookie", "session=1"),
    ("WWW-Authenticate", 'Basic realm="x"'),
    ("Location", "http://elsewhere.test/"),
]


@pytest.mark.parametrize("name,value", HEADER_INJECTIONS)
def test_upstream_fields_do_not_pass_through(start, upstream, image, name, value):
    upstream.script(faults.field(name, value), kind="manifest")
    entrepot = start()
    response = entrepot.get(manifest_target(image.manifest))
    if response.status == 200:
        assert_whole(response, image.manifest)
        assert value not in str(response.headers)
    else:
        assert_error(response, 502)
