# SPDX-License-Identifier: Apache-2.0
"""The cost of one request: requests to the upstream, received bytes, memory during the response.
The client chooses none of them."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack

import pytest

from support import content, faults
from support.checks import REPOSITORY, assert_whole, blob_target, manifest_target
from support.client import Response
from support.gate import eventually
from support.multipart import parts_of

KIB, MIB = content.KIB, content.MIB
BASE = f"/v2/{REPOSITORY}"
measures_memory = pytest.mark.skipif(bool(os.environ.get("ENTREPOT_SANITIZE")),
                                     reason="the sanitizer's own memory would be counted")


@pytest.fixture
def entrepot(start):
    return start()


def add_large(upstream, seed: int) -> content.Blob:
    return upstream.add_blob(REPOSITORY, content.blob(16 * MIB, seed=seed))


def ask_range(entrepot, blob, ranges: str) -> Response:
    return entrepot.get(blob_target(blob), headers=[("Range", f"bytes={ranges}")])


def memory_of_waiting(entrepot, count: int, target: str, headers=()) -> float:
    """The memory of each of `count` clients that sent a request and read only the response's
    head."""
    with ExitStack() as stack:
        connections = [stack.enter_context(entrepot.connect(receive_buffer=4096))
                       for _ in range(count)]
        for connection in connections:
            connection.send_request("GET", "/v2/")
            connection.read_response()
        before = entrepot.memory()["RssAnon"]
        for connection in connections:
            connection.send_request("GET", target, headers)
        for connection in connections:
            assert connection.read_head().status in (200, 206)
        return (entrepot.memory()["RssAnon"] - before) / count


def test_a_conditional_request_for_a_blob_fetches_nothing(entrepot, upstream):
    blob = add_large(upstream, 1)
    condition = [("If-None-Match", f'"{blob.digest}"')]
    for more in ([], [("Range", "bytes=0-99")]):
        response = entrepot.get(blob_target(blob), headers=condition + more)
        assert response.status == 304 and response.body == b""
    assert upstream.count("blob", method="GET") == 0
    assert entrepot.get(blob_target(blob), headers=[("If-None-Match", "*")]).status == 304
    assert upstream.body_bytes() == 0
    assert_whole(entrepot.get(blob_target(blob)), blob)


def test_a_conditional_request_for_a_manifest_fetches_nothing(entrepot, upstream):
    image = upstream.add_image(REPOSITORY, content.image(), "latest")
    target = manifest_target(image.manifest.digest)
    headers = [("If-None-Match", f'"{image.manifest.digest}"')]
    assert entrepot.get(target, headers=headers).status == 304
    assert upstream.count("manifest", method="GET") == 0
    assert_whole(entrepot.get(target), image.manifest)


def test_a_repeated_range_fetches_its_bytes_once(entrepot, upstream):
    blob = add_large(upstream, 2)
    for _ in range(40):
        assert ask_range(entrepot, blob, "0-65535").body == blob.data[:65536]
    eventually(lambda: entrepot.metrics().sum("flights") <= 1, what="nothing else on its way")
    assert upstream.body_bytes() <= 10 * 64 * KIB


def test_a_thousand_distant_bytes_need_few_requests(entrepot, upstream):
    blob = upstream.add_blob(REPOSITORY, content.blob(64 * MIB + 5, seed=3))
    places = range(0, 64 * MIB, 64 * KIB + 17)
    response = ask_range(entrepot, blob, ",".join(f"{at}-{at}" for at in places))
    assert response.status == 206
    assert parts_of(response) == [(at, at, blob.size, blob.data[at:at + 1]) for at in places]
    assert upstream.count("blob") <= 80


@measures_memory
def test_many_ranges_cost_little_memory(entrepot, upstream):
    blob = add_large(upstream, 4)
    assert_whole(entrepot.get(blob_target(blob)), blob)
    ranges = ",".join(f"{at}-{at + 4095}" for at in range(0, 1024 * 16 * KIB, 16 * KIB))
    each = memory_of_waiting(entrepot, 50, blob_target(blob), [("Range", f"bytes={ranges}")])
    assert each < 80 * KIB, f"{each / KIB:.0f} KiB"


def referrers(count: int) -> bytes:
    described = [{"mediaType": content.OCI_MANIFEST, "size": 100, "artifactType": f"a/{n % 3}",
                  "digest": content.digest_of(str(n).encode())} for n in range(count)]
    return json.dumps({"schemaVersion": 2, "manifests": described}).encode()


@measures_memory
@pytest.mark.parametrize("query", ["", "?artifactType=a/1"])
def test_slow_readers_share_a_list(entrepot, upstream, query):
    upstream.script(faults.body(referrers(20_000), content.OCI_INDEX), kind="referrers")
    target = f"{BASE}/referrers/{content.digest_of(b'subject')}{query}"
    assert entrepot.get(target, keep=False).status == 200
    each = memory_of_waiting(entrepot, 40, target)
    assert each < 128 * KIB, f"{each / KIB:.0f} KiB"
    assert upstream.count("referrers") == 1


def test_a_filter_keeps_the_referrers_of_its_types(entrepot, upstream):
    upstream.script(faults.body(referrers(9), content.OCI_INDEX), kind="referrers")
    target = f"{BASE}/referrers/{content.digest_of(b'subject')}"
    everything = entrepot.get(target).json()["manifests"]
    assert len(everything) == 9
    filtered = entrepot.get(f"{target}?artifactType=a/1&artifactType=a/2").json()["manifests"]
    assert filtered == [each for number in (1, 2) for each in everything
                        if each["artifactType"] == f"a/{number}"]


def test_a_list_that_is_too_long_fails_and_is_not_requested_again(entrepot, upstream):
    upstream.script(faults.body(referrers(60_000), content.OCI_INDEX), kind="referrers")
    target = f"{BASE}/referrers/{content.digest_of(b'subject')}"
    for _ in range(5):
        assert entrepot.get(target).status == 502
    assert upstream.count("referrers") == 1
    entrepot.log.wait_for("sends more than 8388608 bytes of listing")


def test_a_list_whose_pages_form_a_loop_ends(entrepot, upstream):
    upstream.role.tags[REPOSITORY] = {"latest": content.digest_of(b"x")}
    upstream.script(faults.field("Link", f'<{BASE}/tags/list?n=1000>; rel="next"'), kind="tags")
    for _ in range(5):
        assert entrepot.get(f"{BASE}/tags/list").json()["tags"] == ["latest"]
    assert upstream.count("tags") == 1
