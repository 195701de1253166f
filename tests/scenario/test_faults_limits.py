# SPDX-License-Identifier: Apache-2.0
"""An upstream that limits our rate (reliability notes, U11): for a time that it says, and for one that it
does not."""

import time
from email.utils import formatdate

import pytest

from support import content, faults
from support.checks import REPOSITORY, assert_error, assert_whole, blob_target, manifest_target
from support.gate import eventually

DUE = {"fresh_for": "0s", "stale_for": "1d"}


@pytest.fixture
def image(upstream):
    return upstream.add_image(REPOSITORY, content.image(), "latest")


@pytest.mark.parametrize("retry_after", ["7", "date", "1000000000"])
def test_u11_limited_without_a_copy(start, upstream, image, retry_after):
    value = formatdate(time.time() + 90, usegmt=True) if retry_after == "date" else retry_after
    upstream.script(faults.too_many_requests(value))
    entrepot = start()
    response = entrepot.get(manifest_target("latest"))
    assert_error(response, 503)
    assert 1 <= int(response.headers["Retry-After"]) <= 600
    # The circuit is open: whatever is asked now costs the upstream nothing.
    asked = upstream.count()
    assert asked == 1
    for blob in image.blobs:
        assert_error(entrepot.get(blob_target(blob)), 503)
    assert_error(entrepot.get(manifest_target("other")), 503)
    assert upstream.count() == asked
    entrepot.log.wait_for(r"warn .*docker\.io: \S+ limits our rate \(429\) and is not asked for \d+ s")


UNSAID = [None, "0", "-5", "soon"]


def refused_once(entrepot) -> None:
    eventually(lambda: entrepot.metrics().sum("upstream_requests_total", code=429) == 1,
               what="a refusal")


@pytest.mark.parametrize("retry_after", UNSAID)
def test_u11_limited_for_a_moment(start, upstream, image, retry_after):
    """Where it does not say how long it is asked again for as long as somebody waits; once, whoever
    else wants something meanwhile."""
    upstream.script(faults.too_many_requests(retry_after), times=1)
    entrepot = start()
    downloads = [entrepot.download(manifest_target("latest"))]
    refused_once(entrepot)
    downloads += [entrepot.download(blob_target(blob)) for blob in image.blobs]
    for download, expected in zip(downloads, [image.manifest, *image.blobs]):
        assert_whole(download.finish(), expected)
    refused, second = upstream.requests()[:2]
    assert 1.0 <= second.at - refused.at < 2.5
    assert upstream.count() == 2 + len(image.blobs)


def test_u11_limited_again_and_again(start, upstream, image):
    """The pause doubles, and those who wait do not come together at its end."""
    upstream.script(faults.too_many_requests(), times=2)
    blobs = [upstream.add_blob(REPOSITORY, content.blob(1000, seed=seed)) for seed in range(20)]
    entrepot = start()
    downloads = [entrepot.download(blob_target(blob)) for blob in blobs[:1]]
    refused_once(entrepot)
    downloads += [entrepot.download(blob_target(blob)) for blob in blobs[1:]]
    for download, blob in zip(downloads, blobs):
        assert_whole(download.finish(), blob)
    times = [request.at for request in upstream.requests()]
    refused, again, third = times[:3]
    assert again - refused >= 1.0 and third - again >= 2.0
    # Two refusals, and each blob once: nobody was refused for coming with the others.
    assert len(times) == 2 + len(blobs)


def test_u11_limited_on_and_on(start, upstream, image):
    """It ends before a client gives up, with the time until it is worth to come again."""
    upstream.script(faults.too_many_requests())
    entrepot = start()
    response = entrepot.get(manifest_target("latest"))
    assert_error(response, 503)
    assert 1 <= int(response.headers["Retry-After"]) <= 30
    assert 3 <= upstream.count() <= 4
    entrepot.log.wait_for(r"warn .*docker\.io: \S+ limits our rate \(429\) and is not asked for \d+ s")


def test_u11_a_spent_budget_is_not_waited_for(start, upstream, image):
    """Where the registry says that nothing is left for hours, a second does not help."""
    def refuse(request, reply):
        faults.too_many_requests()(request, reply)
        reply.set("RateLimit-Limit", "100;w=21600")
        reply.set("RateLimit-Remaining", "0;w=21600")
    upstream.script(refuse)
    entrepot = start()
    for _ in range(2):
        response = entrepot.get(manifest_target("latest"))
        assert_error(response, 503)
        assert 25 <= int(response.headers["Retry-After"]) <= 30
    assert upstream.count() == 1


def test_u11_limited_behind_a_redirect(start, upstream, image):
    """The limit of who delivers is none of the registry's, and as brief."""
    blob = image.layers[0]
    upstream.role.cdn = upstream
    upstream.script(faults.too_many_requests(), kind="cdn", times=1)
    entrepot = start()
    assert_whole(entrepot.get(blob_target(blob)), blob)
    assert upstream.count("cdn") == 2


@pytest.mark.parametrize("retry_after", UNSAID)
def test_u11_limited_for_a_moment_with_a_copy(start, upstream, image, retry_after):
    entrepot = start({"docker.io": {"endpoint": upstream, "tags": DUE}})
    assert_whole(entrepot.get(manifest_target("latest")), image.manifest)
    upstream.forget()
    upstream.script(faults.too_many_requests(retry_after))
    for _ in range(5):
        assert_whole(entrepot.get(manifest_target("latest")), image.manifest)
    assert upstream.count() == 1, "nobody waits where there is another answer"


def test_u11_limited_with_a_copy(start, upstream, image):
    entrepot = start({"docker.io": {"endpoint": upstream, "tags": DUE}})
    assert_whole(entrepot.get(manifest_target("latest")), image.manifest)
    upstream.forget()
    upstream.script(faults.too_many_requests("60"))
    for _ in range(5):
        assert_whole(entrepot.get(manifest_target("latest")), image.manifest)
    assert upstream.count() == 1
    eventually(lambda: entrepot.metrics().sum("requests_total", outcome="stale") == 5,
               what="five stale answers counted")


def test_u11_limited_token_endpoint(start, upstream, image):
    upstream.role.require_bearer()
    upstream.script(faults.too_many_requests("60"), kind="token")
    entrepot = start()
    assert_error(entrepot.get(manifest_target("latest")), 503)
    assert_error(entrepot.get(manifest_target("latest")), 503)
    assert upstream.count("token") == 1
