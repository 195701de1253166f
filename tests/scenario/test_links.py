# SPDX-License-Identifier: Apache-2.0
"""A digest is not a permission: a stored object is served under a repository only if that
repository is known to contain it."""

import pytest

from support import content, faults
from support.checks import assert_error, assert_hit, assert_whole, blob_target, manifest_target
from support.gate import Gate, eventually

MINE, YOURS = "library/mine", "library/yours"
# A registry may refuse HEAD alone.
REFUSED = ["HEAD", "GET"]


@pytest.fixture
def image(upstream):
    return upstream.add_image(MINE, content.image((300_000,)), "latest")


@pytest.fixture
def pulled(start, upstream, image):
    """An Entrepot that has the image of MINE."""
    entrepot = start()
    assert_whole(entrepot.get(manifest_target("latest", MINE)), image.manifest)
    for blob in image.blobs:
        assert_whole(entrepot.get(blob_target(blob, MINE)), blob)
    upstream.forget()
    return entrepot


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_blob_of_another_repository(pulled, upstream, image, method):
    blob = image.layers[0]
    upstream.add_image(YOURS, content.image(seed=3), "latest")
    response = pulled.request(method, blob_target(blob, YOURS))
    assert response.status == 404
    if method == "GET":
        assert_error(response, 404, code="BLOB_UNKNOWN")
    asked = [request.method for request in upstream.requests("blob", repository=YOURS)]
    assert asked == REFUSED, "only the upstream can tell"
    assert_hit(pulled.get(blob_target(blob, MINE)), blob)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_manifest_of_another_repository(pulled, upstream, image, method):
    response = pulled.request(method, manifest_target(image.manifest, YOURS))
    assert response.status == 404
    if method == "GET":
        assert_error(response, 404, code="MANIFEST_UNKNOWN")
    assert upstream.count("manifest", repository=YOURS) >= 1


def test_the_upstream_proves_a_link(pulled, upstream, image):
    """The repository has the blob: one request proves it, no byte is fetched again."""
    blob = upstream.add_blob(YOURS, image.layers[0])
    for _ in range(3):
        assert_whole(pulled.get(blob_target(blob, YOURS)), blob)
    requests = upstream.requests("blob", repository=YOURS)
    assert [r.method for r in requests] == ["HEAD"]


def test_a_manifest_links_its_blobs(pulled, upstream, image):
    """A manifest of the repository names the blob: no request is sent."""
    upstream.add_image(YOURS, image, "same")
    assert_whole(pulled.get(manifest_target("same", YOURS)), image.manifest)
    upstream.forget()
    for blob in image.blobs:
        assert_hit(pulled.get(blob_target(blob, YOURS)), blob)
    assert upstream.count() == 0


def test_an_index_links_its_manifests(start, upstream):
    images = [content.image(seed=n) for n in (1, 2)]
    for one in images:
        upstream.add_image(MINE, one)
        upstream.add_image(YOURS, one)
    index = upstream.add_manifest(MINE, content.index(images), "multi")
    upstream.add_manifest(YOURS, index, "multi")
    entrepot = start()
    for target in (manifest_target("multi", MINE), manifest_target(images[0].manifest, MINE)):
        assert entrepot.get(target).status == 200
    for blob in images[0].blobs:
        assert_whole(entrepot.get(blob_target(blob, MINE)), blob)
    assert_whole(entrepot.get(manifest_target("multi", YOURS)), index)
    upstream.forget()
    assert_hit(entrepot.get(manifest_target(images[0].manifest, YOURS)), images[0].manifest)
    for blob in images[0].blobs:
        assert_hit(entrepot.get(blob_target(blob, YOURS)), blob)
    assert upstream.count() == 0
    # No client requested the other platform, so no repository is known to have its blobs.
    assert_whole(entrepot.get(blob_target(images[1].layers[0], MINE)), images[1].layers[0])
    assert upstream.count("blob") == 1


def test_other_upstream(start, make_upstream):
    one, two = make_upstream(), make_upstream()
    image = one.add_image("team/app", content.image(), "latest")
    two.add_image("team/app", content.image(seed=9), "latest")
    entrepot = start({"one.test": one, "two.test": two})
    blob = image.layers[0]
    assert_whole(entrepot.get(f"{blob_target(blob, 'team/app')}?ns=one.test"), blob)
    assert_error(entrepot.get(f"{blob_target(blob, 'team/app')}?ns=two.test"), 404)
    assert [request.method for request in two.requests("blob")] == REFUSED


def test_joining_a_fill_needs_a_link_too(start, upstream, image):
    """A blob in flight for one repository is not served to another that lacks it."""
    blob = upstream.add_blob(MINE, content.blob(3 * content.MIB))
    gate = Gate()
    upstream.script(faults.hold_at(content.MIB, gate), kind="blob", repository=MINE)
    entrepot = start()
    download = entrepot.download(blob_target(blob, MINE))
    download.wait_received(content.MIB)
    assert_error(entrepot.get(blob_target(blob, YOURS)), 404)
    gate.open()
    assert_whole(download.finish(), blob)


def test_links_survive_a_restart(pulled, upstream, image):
    pulled.restart()
    blob = image.layers[0]
    assert_hit(pulled.get(blob_target(blob, MINE)), blob)
    assert upstream.count() == 0
    assert_error(pulled.get(blob_target(blob, YOURS)), 404)


def test_restricted_proofs_are_requested_again(start, upstream, image):
    """With "access": "restricted" a proof holds as long as a tag is fresh."""
    entrepot = start({"docker.io": {"endpoint": upstream, "access": "restricted",
                                    "tags": {"fresh_for": "0s", "stale_for": "1d"}}})
    blob = image.layers[0]
    assert_whole(entrepot.get(blob_target(blob, MINE)), blob)
    # While the blob is being stored, the reply to its fill is the proof.
    eventually(lambda: entrepot.metrics().sum("flights") == 0, what="no flights")
    upstream.forget()
    assert_whole(entrepot.get(blob_target(blob, MINE)), blob)
    assert [r.method for r in upstream.requests("blob")] == ["HEAD"]
    del upstream.role.blobs[MINE][blob.digest]
    assert_error(entrepot.get(blob_target(blob, MINE)), 404)
