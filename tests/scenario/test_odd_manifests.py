# SPDX-License-Identifier: Apache-2.0
"""Unusual manifests of some registries: available by tag only, signed, or with text that is no
UTF-8."""

import base64
import json

import pytest

from support import content, faults
from support.checks import (REPOSITORY, assert_error, assert_whole, blob_target, manifest_target)

LATEST = manifest_target("latest")
DUE = {"fresh_for": "0s", "stale_for": "7d"}


def by_digest(request) -> bool:
    return request.kind == "manifest" and request.reference.startswith("sha256:")


@pytest.fixture
def by_tag_only(upstream):
    """GitLab and docker.pkg.github.com serve no manifest by its digest."""
    upstream.script(faults.status(404), match=by_digest)
    return upstream


def test_a_manifest_that_is_available_by_tag_only(start, by_tag_only):
    image = by_tag_only.add_image(REPOSITORY, content.image(), "latest")
    entrepot = start()
    assert entrepot.head(LATEST).status == 200
    assert_whole(entrepot.get(LATEST), image.manifest)
    assert_whole(entrepot.get(manifest_target(image.manifest)), image.manifest)
    asked = [(r.method, r.reference.partition(":")[0]) for r in by_tag_only.requests("manifest")]
    assert asked == [("HEAD", "latest"), ("GET", "sha256"), ("GET", "latest")]


def test_a_tag_that_went_with_its_manifest(start, by_tag_only):
    """One request for each of its names."""
    by_tag_only.add_image(REPOSITORY, content.image(), "latest")
    entrepot = start()
    assert entrepot.head(LATEST).status == 200
    by_tag_only.script(faults.status(404), kind="manifest")
    by_tag_only.forget()
    for _ in range(3):
        assert_error(entrepot.get(LATEST), 404, code="MANIFEST_UNKNOWN")
    assert by_tag_only.count("manifest") == 2


@pytest.mark.parametrize("status", [404, 400, 405])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_digest_is_requested_by_its_tag(start, upstream, status, method):
    """containerd sends HEAD for the tag and then GET for the digest."""
    upstream.script(faults.status(status), match=by_digest)
    image = upstream.add_image(REPOSITORY, content.image(), "latest")
    entrepot = start()
    assert entrepot.head(LATEST).status == 200
    response = entrepot.request(method, manifest_target(image.manifest))
    assert response.status == 200
    assert response.headers["Docker-Content-Digest"] == image.manifest.digest
    assert_whole(entrepot.get(manifest_target(image.manifest)), image.manifest)
    asked = [(r.method, r.reference) for r in upstream.requests("manifest")]
    assert asked[0] == ("HEAD", "latest")
    assert asked[-1] == ("GET", "latest"), "one request by tag, and a hit afterwards"
    assert asked.count(("GET", "latest")) == 1


def test_a_digest_that_its_tag_no_longer_names_is_absent(start, by_tag_only):
    old = by_tag_only.add_image(REPOSITORY, content.image(), "latest").manifest
    entrepot = start()
    assert entrepot.head(LATEST).status == 200
    by_tag_only.add_image(REPOSITORY, content.image((77,)), "latest")
    assert_error(entrepot.get(manifest_target(old)), 404, code="MANIFEST_UNKNOWN")


def test_a_digest_without_a_known_tag_is_absent(start, by_tag_only):
    image = by_tag_only.add_image(REPOSITORY, content.image(), "latest")
    entrepot = start()
    assert_error(entrepot.get(manifest_target(image.manifest)), 404, code="MANIFEST_UNKNOWN")
    assert by_tag_only.count("manifest") == 1
    # The negative entry does not outlive the HEAD that names a tag.
    assert entrepot.head(LATEST).status == 200
    assert_whole(entrepot.get(manifest_target(image.manifest)), image.manifest)


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def schema1(layer, digest_of=content.digest_of) -> content.Manifest:
    """Signed, and named by the digest of the signed payload."""
    payload = json.dumps({"schemaVersion": 1, "name": REPOSITORY, "tag": "latest",
                          "fsLayers": [{"blobSum": layer.digest}],
                          "history": [{"v1Compatibility": "{}"}]}, indent=3).encode()
    tail = b"\n}"
    protected = {"formatLength": len(payload) - len(tail), "formatTail": base64url(tail),
                 "time": "2016-01-01T00:00:00Z"}
    signatures = [{"header": {"alg": "ES256"}, "signature": base64url(b"any"),
                   "protected": base64url(json.dumps(protected).encode())}]
    data = payload[:-len(tail)] + b',\n   "signatures": ' + json.dumps(signatures).encode() + tail
    return content.Manifest(data, digest_of(payload),
                            "application/vnd.docker.distribution.manifest.v1+prettyjws")


def mismatches(entrepot) -> float:
    return entrepot.metrics().sum("digest_mismatches_total")


@pytest.mark.parametrize("by", ["tag", "digest", "head"])
def test_schema_1_is_refused_by_name(start, upstream, by):
    """And the failure does not count against the registry."""
    layer = upstream.add_blob(REPOSITORY, content.blob(1000))
    manifest = upstream.add_manifest(REPOSITORY, schema1(layer), "latest")
    entrepot = start()
    if by == "head":
        assert entrepot.head(LATEST).status == 200
    response = entrepot.get(manifest_target(manifest) if by == "digest" else LATEST)
    assert_error(response, 404, code="MANIFEST_UNKNOWN")
    assert b"schema 1" in response.body
    assert mismatches(entrepot) == 0
    assert_whole(entrepot.get(blob_target(layer)), layer)


@pytest.mark.parametrize("by", ["tag", "digest"])
def test_a_signature_excuses_no_other_bytes(start, upstream, by):
    layer = content.blob(1000)
    manifest = schema1(layer, lambda payload: content.digest_of(payload + b" "))
    upstream.add_manifest(REPOSITORY, manifest, "latest")
    entrepot = start()
    assert_error(entrepot.get(manifest_target(manifest) if by == "digest" else LATEST), 502)
    assert mismatches(entrepot) > 0


@pytest.mark.parametrize("text", [b"caf\xe9", b"\\ud83d", b"\\ud83d\\u0041 \xff"])
@pytest.mark.parametrize("by", ["tag", "digest"])
def test_text_that_is_no_unicode(start, upstream, text, by):
    """In an annotation: the bytes are served as they are, and the references are read."""
    image = upstream.add_image(REPOSITORY, content.image())
    data = image.manifest.data.replace(b'"layers"', b'"annotations": {"a": "' + text + b'"}, "layers"')
    manifest = upstream.add_manifest(REPOSITORY, content.manifest_of(data, content.OCI_MANIFEST),
                                     "latest")
    entrepot = start()
    assert_whole(entrepot.get(manifest_target(manifest) if by == "digest" else LATEST), manifest)
    # The manifest links a stored layer that it names.
    layer = image.layers[0]
    assert_whole(entrepot.get(blob_target(layer)), layer)


@pytest.mark.parametrize("media_type", [
    "application/vnd.oci.artifact.manifest.v1+json",
    "application/vnd.cncf.oras.artifact.manifest.v1+json",
    "application/vnd.example.own.v1+json",
])
def test_a_registry_that_judges_by_accept(start, upstream, media_type):
    """The registry sends a manifest only to clients that accept its type."""
    document = json.dumps({"schemaVersion": 2, "mediaType": media_type, "blobs": []}).encode()
    manifest = upstream.add_manifest(REPOSITORY, content.manifest_of(document, media_type), "latest")

    def unwanted(request) -> bool:
        offered = [one.partition(";")[0].strip() for one in (request.header("Accept") or "").split(",")]
        return request.kind == "manifest" and media_type not in offered
    upstream.script(faults.status(404), match=unwanted)
    entrepot = start()
    headers = {"Accept": f"{content.OCI_MANIFEST}, {media_type};q=0.5, */*"}
    assert_whole(entrepot.get(LATEST, headers=headers), manifest)
    assert_whole(entrepot.get(manifest_target(manifest)), manifest)


OWN = "application/vnd.example.own.v1+json"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_sends_the_types_of_the_client_by_digest_too(start, upstream, method):
    document = json.dumps({"schemaVersion": 2, "mediaType": OWN, "blobs": []}).encode()
    upstream.script(faults.status(404), match=lambda request: (
        request.kind == "manifest" and OWN not in (request.header("Accept") or "")))
    manifest = upstream.add_manifest(REPOSITORY, content.manifest_of(document, OWN), "latest")
    response = start().request(method, manifest_target(manifest), headers={"Accept": OWN})
    assert response.status == 200


@pytest.fixture
def own(upstream):
    """A manifest of a type that only clients know, at a registry that selects by Accept."""
    document = json.dumps({"schemaVersion": 2, "mediaType": OWN, "blobs": []}).encode()
    upstream.script(faults.status(404), match=lambda request: (
        request.kind == "manifest" and OWN not in (request.header("Accept") or "")))
    return upstream.add_manifest(REPOSITORY, content.manifest_of(document, OWN), "latest")


@pytest.mark.parametrize("by", ["tag", "digest"])
def test_a_404_for_one_accept_is_none_for_another(start, upstream, own, by):
    target = manifest_target(own) if by == "digest" else LATEST
    entrepot = start()
    assert_error(entrepot.get(target), 404)
    assert_error(entrepot.get(target), 404)
    assert upstream.count("manifest") == 1, "the negative entry"
    assert_whole(entrepot.get(target, headers={"Accept": OWN}), own)


def test_a_client_without_its_type_leaves_a_tag_as_it_is(start, upstream, own):
    entrepot = start({"docker.io": {"endpoint": upstream, "tags": DUE}})
    assert_whole(entrepot.get(LATEST, headers={"Accept": OWN}), own)
    upstream.forget()
    entrepot.get(LATEST)
    assert all(OWN in r.header("Accept") for r in upstream.requests("manifest"))
    assert upstream.count("manifest") > 0
    upstream.go_down()
    assert_whole(entrepot.get(LATEST, headers={"Accept": OWN}), own)


def test_a_link_proof_accepts_the_type_of_the_manifest(start, upstream, own):
    """The proof that another repository has a stored manifest as well."""
    other = "library/other"
    upstream.add_manifest(other, own, "latest")
    entrepot = start()
    assert_whole(entrepot.get(manifest_target(own), headers={"Accept": OWN}), own)
    assert_whole(entrepot.get(manifest_target(own, other)), own)


def test_serves_schema_1_without_a_signature_by_tag_and_by_digest(start, upstream):
    document = json.dumps({"schemaVersion": 1, "name": REPOSITORY, "tag": "latest", "fsLayers": [],
                           "history": []}).encode()
    manifest = upstream.add_manifest(REPOSITORY, content.manifest_of(
        document, "application/vnd.docker.distribution.manifest.v1+json"), "latest")
    entrepot = start()
    assert_whole(entrepot.get(LATEST), manifest)
    assert_whole(entrepot.get(manifest_target(manifest)), manifest)
