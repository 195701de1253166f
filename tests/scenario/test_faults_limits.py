# SPDX-License-Identifier: Apache-2.0
"""An upstream that limits the rate of requests, with and without a Retry-After."""

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
def test_a_limit_without_a_copy_fails_with_its_time(start, upstream, image, retry_after):
    value = formatdate(time.time() + 90, usegmt=True) if retry_after == "date" else retry_after
    upstream.script(faults.too_many_requests(value))
    entrepot = start()
    response = entrepot.get(manifest_target("latest"))
    assert_error(response, 503)
    assert 1 <= int(response.headers["Retry-After"]) <= 600
    # The circuit is open: later requests of clients cause none to the upstream.
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
def test_a_brief_limit_is_waited_for(start, upstream, image, retry_after):
    """Without a Retry-After, the mirror repeats the request as long as a client waits; it sends one
    request for all clients that come meanwhile."""
    upstream.script(faults.too_many_requests(retry_after), times=1)
    entrepot = start()
    downloads = [entrepot.download(manifest_target("latest"))]
    refused_once(entrepot)
    downloads += [entrepot.download(blob_target(blob)) for blob in image.blobs]
    for download, expected in zip(downloads, [image.manifest, *image.blobs]):
        assert_whole(download.finish(), expected)
    refused, second = upstream.requests()[:2]
    assert 1.0 <= second.at - refused.at < 10  # the most is for a busy machine
    assert upstream.count() == 2 + len(image.blobs)


def test_a_repeated_limit_doubles_the_pause(start, upstream, image):
    """The pause doubles, and the waiting requests do not all go out at its end."""
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
    # Two refusals, and each blob once: no request was refused because it came with the others.
    assert len(times) == 2 + len(blobs)


def test_a_lasting_limit_ends_the_request(start, upstream, image):
    """The mirror answers before the client gives up, and says when a retry is worthwhile."""
    upstream.script(faults.too_many_requests())
    entrepot = start()
    response = entrepot.get(manifest_target("latest"))
    assert_error(response, 503)
    assert 1 <= int(response.headers["Retry-After"]) <= 30
    assert 3 <= upstream.count() <= 4
    entrepot.log.wait_for(r"warn .*docker\.io: \S+ limits our rate \(429\) and is not asked for \d+ s")


def test_an_empty_budget_is_not_waited_for(start, upstream, image):
    """The registry reports an empty budget for hours, so the mirror does not wait a second."""
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


def test_a_limit_behind_a_redirect_is_brief(start, upstream, image):
    """A limit of the CDN does not limit the registry, and is as brief."""
    blob = image.layers[0]
    upstream.role.cdn = upstream
    upstream.script(faults.too_many_requests(), kind="cdn", times=1)
    entrepot = start()
    assert_whole(entrepot.get(blob_target(blob)), blob)
    assert upstream.count("cdn") == 2


@pytest.mark.parametrize("retry_after", UNSAID)
def test_a_brief_limit_with_a_copy_serves_stale(start, upstream, image, retry_after):
    entrepot = start({"docker.io": {"endpoint": upstream, "tags": DUE}})
    assert_whole(entrepot.get(manifest_target("latest")), image.manifest)
    upstream.forget()
    upstream.script(faults.too_many_requests(retry_after))
    for _ in range(5):
        assert_whole(entrepot.get(manifest_target("latest")), image.manifest)
    assert upstream.count() == 1, "no client waits if there is a copy"


def test_a_limit_with_a_copy_serves_stale(start, upstream, image):
    entrepot = start({"docker.io": {"endpoint": upstream, "tags": DUE}})
    assert_whole(entrepot.get(manifest_target("latest")), image.manifest)
    upstream.forget()
    upstream.script(faults.too_many_requests("60"))
    for _ in range(5):
        assert_whole(entrepot.get(manifest_target("latest")), image.manifest)
    assert upstream.count() == 1
    eventually(lambda: entrepot.metrics().sum("requests_total", outcome="stale") == 5,
               what="five stale answers counted")


def test_a_limit_of_the_token_endpoint(start, upstream, image):
    upstream.role.require_bearer()
    upstream.script(faults.too_many_requests("60"), kind="token")
    entrepot = start()
    assert_error(entrepot.get(manifest_target("latest")), 503)
    assert_error(entrepot.get(manifest_target("latest")), 503)
    assert upstream.count("token") == 1
