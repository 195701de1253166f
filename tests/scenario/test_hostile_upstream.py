# SPDX-License-Identifier: Apache-2.0
"""Replies of an upstream that would harm the mirror: each fails its own request only."""

from __future__ import annotations

import pytest

from support import content, faults
from support.checks import REPOSITORY, assert_error, assert_whole, blob_target, manifest_target

UPGRADE = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
# A 101 ends the head for libcurl, and the bytes after it are a body without a final status.
WITHOUT_ANSWER = {"101 and bytes": UPGRADE + b"bytes" * 2000,
                  "101 alone": UPGRADE,
                  "101 and an answer": UPGRADE + b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nbytes",
                  "103 and 101": b"HTTP/1.1 103 Early Hints\r\n\r\n" + UPGRADE + b"bytes"}


@pytest.fixture
def image(upstream):
    return upstream.add_image(REPOSITORY, content.image((3_000_000,)), "latest")


def ask(entrepot, image, question):
    layer = blob_target(image.layers[0])
    listing = f"/v2/{REPOSITORY}"
    method, target, *fields = {
        "large blob": ("GET", layer),
        "small blob": ("GET", blob_target(image.config)),
        "range": ("GET", layer, "bytes=1000000-1200000"),
        "ranges": ("GET", layer, "bytes=0-9,2000000-2000009"),
        "manifest": ("GET", manifest_target(image.manifest)),
        "tag": ("GET", manifest_target("latest")),
        "HEAD of a blob": ("HEAD", layer),
        "HEAD of a tag": ("HEAD", manifest_target("latest")),
        "tags": ("GET", f"{listing}/tags/list"),
        "referrers": ("GET", f"{listing}/referrers/{image.manifest.digest}"),
    }[question]
    return entrepot.request(method, target, headers=[("Range", value) for value in fields])


QUESTIONS = ["large blob", "small blob", "range", "ranges", "manifest", "tag", "HEAD of a blob",
             "HEAD of a tag", "tags", "referrers"]


@pytest.mark.parametrize("question, answer", [
    *((question, "101 and bytes") for question in QUESTIONS),
    *(("large blob", answer) for answer in list(WITHOUT_ANSWER)[1:])])
def test_no_final_head(start, upstream, image, question, answer):
    rule = upstream.script(faults.raw(WITHOUT_ANSWER[answer]), match=lambda r: r.kind != "ping")
    entrepot = start()
    assert ask(entrepot, image, question).status == 502
    rule.cancel()
    assert_whole(entrepot.get(blob_target(image.config)), image.config)


@pytest.mark.parametrize("question", ["large blob", "range"])
def test_no_final_head_behind_a_redirect(start, upstream, make_upstream, image, question):
    cdn = upstream.role.cdn = make_upstream()
    rule = cdn.script(faults.raw(WITHOUT_ANSWER["101 and bytes"]))
    entrepot = start({"docker.io": {"endpoint": upstream, "internal": True}})
    assert_error(ask(entrepot, image, question), 502)
    assert cdn.count() > 0
    rule.cancel()
    assert_whole(entrepot.get(blob_target(image.layers[0])), image.layers[0])


def test_no_final_head_of_a_token_server(start, upstream, image):
    upstream.role.require_bearer()
    upstream.script(faults.raw(WITHOUT_ANSWER["101 and bytes"]), kind="token")
    entrepot = start()
    for _ in range(2):
        assert_error(entrepot.get(manifest_target("latest")), 502)


def test_no_final_head_for_a_probe(start, upstream, make_upstream, image):
    """The endpoint counts as one that does not answer."""
    other = make_upstream()
    other.script(faults.raw(WITHOUT_ANSWER["101 and bytes"]))
    entrepot = start({"docker.io": {"endpoints": [{"url": other.url}, {"url": upstream.url}]}})
    assert_whole(entrepot.get(blob_target(image.config)), image.config)
    other.wait_requests(1, kind="ping")
    assert_whole(entrepot.get(blob_target(image.layers[0])), image.layers[0])
