# SPDX-License-Identifier: Apache-2.0
"""Registries that refuse HEAD, or answer it with nothing, although they have the requested
object."""

import pytest

from support import content, faults
from support.checks import REPOSITORY, assert_error, assert_whole, blob_target, manifest_target

LATEST = manifest_target("latest")
DUE = {"fresh_for": "0s", "stale_for": "7d"}
STATUSES = (403, 404, 405)  # the unit test of may_refuse_head() has all of them


def refuse_heads(upstream, status: int, kind: str | None = None):
    return upstream.script(faults.status(status), method="HEAD", kind=kind)


def methods(upstream, kind: str) -> list[str]:
    return [request.method for request in upstream.requests(kind)]


def assert_head(response, expected) -> None:
    assert response.status == 200, response.status
    assert response.headers["Content-Length"] == str(expected.size)
    assert response.headers["Docker-Content-Digest"] == expected.digest


@pytest.fixture
def due(start, upstream):
    """A mirror that checks each tag at each request."""
    return start({"docker.io": {"endpoint": upstream, "tags": DUE}})


def move(upstream) -> list[content.Manifest]:
    """Two manifests, the first of which the tag names."""
    return [upstream.add_image(REPOSITORY, content.image(seed=seed), *tags).manifest
            for seed, tags in ((1, ["latest"]), (2, []))]


@pytest.mark.parametrize("status", STATUSES)
def test_a_tag_that_moves_is_followed_by_get(due, upstream, status):
    refuse_heads(upstream, status)
    before, after = move(upstream)
    assert_whole(due.get(LATEST), before)
    upstream.set_tag(REPOSITORY, "latest", after.digest)
    assert_whole(due.get(LATEST), after)
    assert_head(due.head(LATEST), after)
    # The mirror remembers the refusal and sends GET at once.
    assert methods(upstream, "manifest") == ["GET", "HEAD", "GET", "GET"]


@pytest.mark.parametrize("status", [404, 405])
def test_a_cold_tag_is_requested_by_get(start, upstream, status):
    refuse_heads(upstream, status)
    image = upstream.add_image(REPOSITORY, content.image(), "latest")
    entrepot = start()
    assert_head(entrepot.head(LATEST), image.manifest)
    assert_whole(entrepot.get(LATEST), image.manifest)
    assert methods(upstream, "manifest") == ["HEAD", "GET"]


@pytest.mark.parametrize("first,second", [(405, 404), (404, 503), (503, 405), (403, None)])
def test_each_endpoint_that_refuses_head_gets_a_get(start, make_upstream, first, second):
    """The endpoint that refuses HEAD gets a GET, whatever the other one replies."""
    upstreams = [make_upstream(), make_upstream()]
    manifests = [move(upstream) for upstream in upstreams]
    assert manifests[0] == manifests[1]
    entrepot = start({"docker.io": {"endpoints": [{"url": each.url} for each in upstreams],
                                    "tags": DUE}})
    assert_whole(entrepot.get(LATEST), manifests[0][0])
    for upstream, status in zip(upstreams, (first, second)):
        upstream.set_tag(REPOSITORY, "latest", manifests[0][1].digest)
        if status == 503:
            upstream.script(faults.status(503))
        elif status:
            refuse_heads(upstream, status)
    assert_whole(entrepot.get(LATEST), manifests[0][1])


def test_a_tag_not_found_by_head_is_not_found_by_get(due, upstream):
    """The mirror remembers this answer for a while."""
    assert due.head(LATEST).status == 404
    assert_error(due.get(LATEST), 404)
    assert methods(upstream, "manifest") == ["HEAD", "GET"]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_other_failures_of_head_are_not_retried_by_get(due, upstream, status):
    """The registry wants fewer requests, or fails: the stored record serves."""
    before, after = move(upstream)
    assert_whole(due.get(LATEST), before)
    upstream.set_tag(REPOSITORY, "latest", after.digest)
    upstream.script(faults.status(status), method="HEAD")
    upstream.forget()
    assert_whole(due.get(LATEST), before)
    assert set(methods(upstream, "manifest")) == {"HEAD"}


@pytest.mark.parametrize("status", STATUSES)
def test_size_and_proof_of_a_blob_come_by_a_get_of_one_byte(start, upstream, status):
    refuse_heads(upstream, status, "blob")
    blob, other = (upstream.add_blob(REPOSITORY, content.blob(300_000, seed=n)) for n in (1, 2))
    upstream.add_blob("library/other", blob)
    entrepot = start()
    assert_head(entrepot.head(blob_target(blob)), blob)
    assert_whole(entrepot.get(blob_target(blob)), blob)
    assert_whole(entrepot.get(blob_target(blob, "library/other")), blob)
    assert_head(entrepot.head(blob_target(other)), other)
    asked = [(request.method, request.header("Range")) for request in upstream.requests("blob")]
    assert asked == [("HEAD", None), ("GET", "bytes=0-0"), ("GET", None), ("GET", "bytes=0-0"),
                     ("GET", "bytes=0-0")]


def test_a_stored_blob_of_another_repository_needs_its_own_proof(start, upstream):
    """GET is refused as well: this repository lacks the blob."""
    refuse_heads(upstream, 405, "blob")
    blob = upstream.add_blob(REPOSITORY, content.blob(1000))
    entrepot = start()
    assert_whole(entrepot.get(blob_target(blob)), blob)
    assert_error(entrepot.get(blob_target(blob, "library/other")), 404)


def test_a_head_without_a_size(start, upstream):
    """Some registries answer HEAD with an empty object, or without a size."""
    upstream.script(faults.content_length(0), method="HEAD")
    image = upstream.add_image(REPOSITORY, content.image(), "latest")
    layer = image.layers[0]
    entrepot = start()
    for target, expected in ((LATEST, image.manifest), (blob_target(layer), layer),
                             (manifest_target(image.manifest), image.manifest)):
        assert_head(entrepot.head(target), expected)
    assert_whole(entrepot.get(blob_target(layer)), layer)


def test_the_empty_blob_at_a_registry_without_head(start, upstream):
    """No range of it can be satisfied: a registry answers 416 to a request for its first byte."""
    empty = upstream.add_blob(REPOSITORY, content.blob(0))
    refuse_heads(upstream, 405, "blob")
    upstream.script(faults.status(416), match=lambda request: request.header("Range") is not None)
    assert_head(start().head(blob_target(empty)), empty)


def test_the_empty_blob_has_a_size_of_zero(start, upstream):
    empty = upstream.add_blob(REPOSITORY, content.blob(0))
    entrepot = start()
    assert_head(entrepot.head(blob_target(empty)), empty)
    assert methods(upstream, "blob") == ["HEAD"]
