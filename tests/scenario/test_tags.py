# SPDX-License-Identifier: Apache-2.0
"""The manifest that a tag serves, for how long, and the answers while the upstream is
unreachable."""

import contextlib

import pytest

from support import content, faults
from support.checks import (REPOSITORY, assert_error, assert_hit, assert_whole, blob_target,
                            manifest_target)
from support.client import download_together
from support.gate import Gate, eventually

LATEST = manifest_target("latest")
DUE = {"fresh_for": "0s", "stale_for": "1d"}
WAITS = 5.0  # s: an answer that comes later has waited for the upstream


@pytest.fixture
def image(upstream):
    return upstream.add_image(REPOSITORY, content.image(), "latest", "v1.2.3")


@pytest.fixture
def fresh(start):
    """Tags are fresh for an hour."""
    return start()


@pytest.fixture
def due(start, upstream):
    """A mirror that checks each tag at each request."""
    return start({"docker.io": {"endpoint": upstream, "tags": DUE}})


def test_a_fresh_tag_needs_one_request(fresh, upstream, image):
    assert_whole(fresh.get(LATEST), image.manifest)
    asked = upstream.count()
    for _ in range(5):
        response = fresh.get(LATEST)
        assert_hit(response, image.manifest)
        assert int(response.headers["Age"]) >= 0
    assert upstream.count() == asked


def test_head_and_get_agree(fresh, upstream, image):
    head = fresh.head(LATEST)
    get = fresh.get(LATEST)
    assert_whole(get, image.manifest)
    assert head.status == 200
    for name in ("Content-Type", "Content-Length", "Docker-Content-Digest", "ETag"):
        assert head.headers[name] == get.headers[name]
    assert get.headers["Content-Type"] == image.manifest.media_type
    assert get.headers["ETag"] == f'"{image.manifest.digest}"'
    # The announced digest is a hit without another request.
    asked = upstream.count()
    assert_hit(fresh.get(manifest_target(image.manifest)), image.manifest)
    assert upstream.count() == asked


def test_full_accept_is_sent_whatever_clients_say(fresh, upstream, image):
    accept = {"Accept": content.OCI_MANIFEST}
    assert_whole(fresh.get(LATEST, headers=accept), image.manifest)
    for request in upstream.requests("manifest"):
        offered = request.header("Accept")
        for media_type in (content.OCI_INDEX, content.OCI_MANIFEST, content.DOCKER_LIST,
                           content.DOCKER_MANIFEST):
            assert media_type in offered


def test_tag_of_a_type_that_the_client_does_not_accept(fresh, upstream):
    image = upstream.add_image(REPOSITORY, content.image(media_type=content.OCI_MANIFEST), "oci")
    accept = {"Accept": content.DOCKER_MANIFEST}
    assert_error(fresh.get(manifest_target("oci"), headers=accept), 404, code="MANIFEST_UNKNOWN")
    # By digest the mirror serves the bytes whatever the type.
    assert_whole(fresh.get(manifest_target(image.manifest), headers=accept), image.manifest)


def test_due_is_confirmed_by_head(due, upstream, image):
    assert_whole(due.get(LATEST), image.manifest)
    upstream.forget()
    assert_whole(due.get(LATEST), image.manifest)
    assert [r.method for r in upstream.requests("manifest")] == ["HEAD"]
    eventually(lambda: due.metrics().sum("requests_total", outcome="revalidated") == 1,
               what="a revalidation counted")


def test_moved_tag(due, upstream, image):
    assert_whole(due.get(LATEST), image.manifest)
    newer = upstream.add_image(REPOSITORY, content.image(seed=7), "latest")
    head = due.head(LATEST)
    assert head.headers["Docker-Content-Digest"] == newer.manifest.digest
    assert_whole(due.get(LATEST), newer.manifest)
    assert_whole(due.get(manifest_target(image.manifest)), image.manifest)


def test_upstream_without_digest_field(due, upstream, image):
    """ECR and others: the digest is that of the bytes."""
    upstream.script(faults.without("Docker-Content-Digest", "ETag"), kind="manifest")
    for _ in range(2):
        assert_whole(due.get(LATEST), image.manifest)
    newer = upstream.add_image(REPOSITORY, content.image(seed=7), "latest")
    assert_whole(due.get(LATEST), newer.manifest)


def test_a_wrong_digest_field(due, upstream, image):
    """Docker-Content-Digest is a hint: an object served under a digest has that digest."""
    other = upstream.add_image(REPOSITORY, content.image(seed=8), "other")
    upstream.script(faults.field("Docker-Content-Digest", other.manifest.digest), kind="manifest")
    response = due.get(LATEST)
    if response.status == 200:
        digest = response.headers["Docker-Content-Digest"]
        assert digest == content.digest_of(response.body)
    else:
        assert_error(response, 502)


def test_grace_answers_at_once(start, upstream, image):
    """Towards the end of its freshness a tag in use is checked while no client waits for the
    check."""
    entrepot = start({"docker.io": {"endpoint": upstream, "tags": {"fresh_for": "4s"}}})
    assert_whole(entrepot.get(LATEST), image.manifest)
    # A machine that stands still for the last fifth of the 4 s lets the first request after it wait.
    for _ in range(3):
        if asks_in_background(entrepot, upstream, image):
            return
    raise AssertionError("each check had a client that waited for it")


def asks_in_background(entrepot, upstream, image) -> bool:
    """Requests a fresh tag until the upstream is asked, and holds the reply of the upstream until two clients have
    their answers. False if one had to wait for the upstream, because the tag was due."""
    gate = Gate()
    rule = upstream.script(faults.hold(gate), kind="manifest")

    def first_that_causes_a_check():
        download = entrepot.download(LATEST, keep=True)
        eventually(lambda: gate.arrived or not download.is_alive(), what="an answer or a check")
        return download if gate.arrived else assert_hit(download.finish(), image.manifest)
    downloads = [eventually(first_that_causes_a_check, what="a check")]
    if is_answered(downloads[0]):
        downloads.append(entrepot.download(LATEST, keep=True))
    at_once = [is_answered(download) for download in downloads]
    assert not all(at_once) or gate.arrived == 1
    rule.cancel()
    gate.open()
    for download, answered in zip(downloads, at_once):
        response = download.finish()
        assert_whole(response, image.manifest)
        assert answered == ("; hit" in response.outcome), "a client waited for the check of a fresh tag"
    return all(at_once)


def is_answered(download) -> bool:
    """Without the upstream: the reply does not come otherwise."""
    with contextlib.suppress(AssertionError):
        eventually(lambda: not download.is_alive(), timeout=WAITS)
    return not download.is_alive()


def test_rules(start, upstream, image):
    tags = {**DUE, "rules": [{"match": "^v?[0-9]+\\.[0-9]+\\.[0-9]+$", "fresh_for": "1h"},
                             {"match": ".*", "fresh_for": "0s"}]}
    entrepot = start({"docker.io": {"endpoint": upstream, "tags": tags}})
    for tag in ("latest", "v1.2.3"):
        assert_whole(entrepot.get(manifest_target(tag)), image.manifest)
    upstream.forget()
    assert_hit(entrepot.get(manifest_target("v1.2.3")), image.manifest)
    assert upstream.count() == 0
    assert_whole(entrepot.get(manifest_target("latest")), image.manifest)
    assert upstream.count() == 1


@pytest.mark.parametrize("fault", [
    faults.status(500), faults.status(502), faults.status(503), faults.status(504),
    faults.too_many_requests("30"), faults.html_page(), faults.raw(b"")],
    ids=["500", "502", "503", "504", "429", "html", "closed"])
def test_stale_covers_temporary_failures(due, upstream, image, fault):
    assert_whole(due.get(LATEST), image.manifest)
    for blob in image.blobs:
        assert_whole(due.get(blob_target(blob)), blob)
    upstream.script(fault)
    assert_whole(due.get(LATEST), image.manifest)
    head = due.head(LATEST)
    assert head.headers["Docker-Content-Digest"] == image.manifest.digest
    for blob in image.blobs:
        assert_hit(due.get(blob_target(blob)), blob)
    eventually(lambda: due.metrics().sum("requests_total", outcome="stale") >= 1,
               what="a stale answer counted")


@pytest.mark.parametrize("code", [401, 403, 404])
def test_stale_does_not_cover_a_decision(due, upstream, image, code):
    assert_whole(due.get(LATEST), image.manifest)
    rule = upstream.script(faults.status(code), kind="manifest")
    assert_error(due.get(LATEST), 404)
    rule.cancel()


def test_stale_has_an_end(start, upstream, image):
    entrepot = start({"docker.io": {"endpoint": upstream,
                                    "tags": {"fresh_for": "0s", "stale_for": "1ms"}}})
    assert_whole(entrepot.get(LATEST), image.manifest)
    upstream.go_down()
    assert_error(entrepot.get(LATEST), 503)


def test_stale_when_the_upstream_is_down_from_the_start(prepare, upstream, image):
    entrepot = prepare({"docker.io": {"endpoint": upstream, "tags": DUE}}).start()
    assert_whole(entrepot.get(LATEST), image.manifest)
    upstream.go_down()
    entrepot.restart()
    assert_whole(entrepot.get(LATEST), image.manifest)


def test_missing_is_remembered(fresh, upstream, image):
    for _ in range(5):
        assert_error(fresh.get(manifest_target("nope")), 404, code="MANIFEST_UNKNOWN")
        assert fresh.head(manifest_target("nope")).status == 404
    missing = content.blob(10, seed=99)
    for _ in range(5):
        assert_error(fresh.get(blob_target(missing)), 404, code="BLOB_UNKNOWN")
    assert upstream.count("manifest", reference="nope") <= 2
    assert upstream.count("blob") == 1


def test_missing_is_forgotten(fresh, upstream, image):
    """A push to the upstream is seen soon: a negative entry lasts ten seconds."""
    assert_error(fresh.get(manifest_target("soon")), 404)
    upstream.set_tag(REPOSITORY, "soon", image.manifest.digest)
    response = eventually(
        lambda: (r := fresh.get(manifest_target("soon"))).status == 200 and r, what="the new tag")
    assert_whole(response, image.manifest)


@pytest.mark.parametrize("name,value", [("Cache-Control", "no-cache"),
                                        ("Cache-Control", "max-age=0, no-cache"),
                                        ("Pragma", "no-cache")])
def test_a_client_can_force_a_check(fresh, upstream, image, name, value):
    assert_whole(fresh.get(LATEST), image.manifest)
    newer = upstream.add_image(REPOSITORY, content.image(seed=7), "latest")
    assert_whole(fresh.get(LATEST), image.manifest)
    assert_whole(fresh.get(LATEST, headers={name: value}), newer.manifest)
    assert_hit(fresh.get(LATEST), newer.manifest)


def test_one_check_for_many_clients(due, upstream, image):
    assert_whole(due.get(LATEST), image.manifest)
    upstream.forget()
    gate = Gate()
    upstream.script(faults.hold(gate), kind="manifest")
    downloads = download_together(due.port, [LATEST] * 20, keep=True)
    gate.wait_arrived()
    # All twenty requests are sent before the one answer comes.
    eventually(lambda: due.metrics().sum("connections") >= 20, what="twenty connections")
    gate.open()
    for download in downloads:
        assert_whole(download.finish(), image.manifest)
    # A client whose request was read late starts a second check: its tag is due again at once.
    assert upstream.count("manifest") <= 3


def test_tags_move_while_clients_pull(due, upstream):
    """Old or new, never a mix, and each announced digest is served."""
    images = [upstream.add_image(REPOSITORY, content.image(seed=n), "moving") for n in range(6)]
    known = {image.manifest.digest: image.manifest for image in images}
    for image in images:
        upstream.set_tag(REPOSITORY, "moving", image.manifest.digest)
        responses = [download.finish() for download in download_together(
            due.port, [manifest_target("moving")] * 5, keep=True)]
        for response in responses:
            digest = response.headers["Docker-Content-Digest"]
            assert_whole(response, known[digest])
            assert_whole(due.get(manifest_target(digest)), known[digest])


def test_upstreams_do_not_mix(start, make_upstream):
    one, two = make_upstream(), make_upstream()
    first = one.add_image("team/app", content.image(seed=1), "latest")
    second = two.add_image("team/app", content.image(seed=2), "latest")
    entrepot = start({"one.test": one, "two.test": two})
    for _ in range(2):
        assert_whole(entrepot.get("/v2/team/app/manifests/latest?ns=one.test"), first.manifest)
        assert_whole(entrepot.get("/v2/team/app/manifests/latest?ns=two.test"), second.manifest)
