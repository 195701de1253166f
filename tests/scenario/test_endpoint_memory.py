# SPDX-License-Identifier: Apache-2.0
"""The measurements of endpoints: shown by the admin listener, and stored for the next process."""

from __future__ import annotations

import json

import pytest

from support import content, faults
from support.checks import REPOSITORY, assert_error, assert_whole, blob_target, manifest_target
from support.gate import eventually

KIB = 1 << 10


@pytest.fixture
def both(start, upstream, make_upstream):
    """A mirror of two endpoints with the same blobs, and the endpoints."""
    other = make_upstream()
    blobs = [content.blob(KIB, seed=n) for n in range(40)]
    for blob in blobs:
        upstream.add_blob(REPOSITORY, blob)
        other.add_blob(REPOSITORY, blob)
    entrepot = start({"docker.io": {"endpoints": [{"url": upstream.url, "region": "far"},
                                                  {"url": other.url, "region": "near"}]}})
    return entrepot, upstream, other, iter(blobs)


def known(entrepot) -> dict[str, dict]:
    """The report of each endpoint of the mirror's one upstream."""
    response = entrepot.admin("/api/v1/upstreams")
    assert response.status == 200 and response.headers["Content-Type"] == "application/json"
    (docker,) = json.loads(response.body)["upstreams"]
    assert docker["name"] == "docker.io"
    return {one["endpoint"]: one for one in docker["endpoints"]}


def test_the_admin_listener_shows_the_measurements(both):
    entrepot, far, near, blobs = both
    assert known(entrepot)[far.address] == {
        "endpoint": far.address, "region": "far", "state": "working", "connect_seconds": None,
        "first_byte_seconds": None, "first_byte_p95_seconds": None, "bytes_per_second": None,
        "failure_rate": 0.0, "measured_seconds_ago": None, "answered_seconds_ago": None,
        "bodies": 0, "accounts": 1, "ratelimit_remaining": None, "limited_seconds": 0, "waits": {},
        "denied_seconds": {}, "last_error": None}
    near.go_down()
    far.script(faults.field("ratelimit-remaining", "76;w=21600"))
    for _ in range(10):
        blob = next(blobs)
        assert_whole(entrepot.get(blob_target(blob)), blob)
    eventually(lambda: known(entrepot)[near.address]["state"] == "down", what="a state")
    seen = known(entrepot)[far.address]
    assert seen["state"] == "working" and seen["ratelimit_remaining"] == 76
    assert 0 < seen["first_byte_seconds"] < 30 and seen["answered_seconds_ago"] < 30
    assert seen["first_byte_p95_seconds"] >= seen["first_byte_seconds"] / 100


def test_other_paths_of_the_api_are_not_found(both):
    entrepot = both[0]
    assert entrepot.admin("/api/v1/upstreams", method="POST").status == 405
    for target in ("/api/v1/", "/api/v1/upstreams/", "/api/v1/upstream"):
        assert entrepot.admin(target).status == 404


def test_a_restart_keeps_the_measurements(both):
    """The first endpoint of the configuration is slow: after a restart it gets no request again."""
    entrepot, far, near, _ = both
    image, tags = content.image(), [f"v{n}" for n in range(50)]
    for each in (far, near):
        each.add_image(REPOSITORY, image, *tags)
    far.delay = 0.3

    def pull_next() -> None:
        assert_whole(entrepot.get(manifest_target(tags.pop())), image.manifest)

    def is_learnt() -> bool:
        pull_next()
        return near.count("manifest") > 0
    eventually(is_learnt, what="that the other one is faster")
    entrepot.terminate()
    for each in (far, near):
        each.forget()
    entrepot.start()
    pull_next()
    # On a busy machine the other one may be late; the first one gets the request as well then.
    assert near.count("manifest") == 1
    assert far.count("manifest") <= entrepot.metrics().sum("hedges_total", endpoint=far.address)


def test_a_restart_is_no_way_around_a_rate_limit(start, upstream):
    first, second = (upstream.add_blob(REPOSITORY, content.blob(KIB, seed=n)) for n in range(2))
    entrepot = start()
    assert_whole(entrepot.get(blob_target(first)), first)
    limit = upstream.script(faults.too_many_requests("60"))
    assert_error(entrepot.get(blob_target(second)), 503)
    limit.cancel()
    entrepot.restart()
    upstream.forget()
    refused = entrepot.get(blob_target(second))
    assert_error(refused, 503)
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert upstream.count() == 0
    assert_whole(entrepot.get(blob_target(first)), first)


def test_an_invalid_file_of_measurements_is_ignored(start, upstream):
    blob = upstream.add_blob(REPOSITORY, content.blob(KIB))
    entrepot = start()
    entrepot.terminate()
    (entrepot.directory / "cache" / "endpoints.json").write_text("{")
    entrepot.start()
    entrepot.log.wait_for("endpoints.json cannot be read .*; the measurements of endpoints start from zero")
    assert_whole(entrepot.get(blob_target(blob)), blob)
