# SPDX-License-Identifier: Apache-2.0
"""Upstreams that fail while they deliver: refused, reset, cut off, slow, of the wrong length."""

import pytest

from support import content, faults
from support.checks import (REPOSITORY, assert_error, assert_hit, assert_never_wrong, assert_whole,
                            blob_target, manifest_target)
from support.gate import Gate, eventually

BIG = 3 * content.MIB
QUICK = {"connect": "500ms", "first_byte": "2s", "stall": "400ms"}
# For tests that count requests: a busy machine must not look like a registry that stalls or is late.
COUNTED = {"stall": "3s"}


@pytest.fixture
def blob(upstream):
    return upstream.add_blob(REPOSITORY, content.blob(BIG))


def test_a_refused_connection_fails_without_a_copy(start, upstream, blob):
    entrepot = start(timeouts=QUICK)
    upstream.go_down()
    assert_error(entrepot.get(blob_target(blob)), 503)
    assert_error(entrepot.get(manifest_target("latest")), 503)
    eventually(lambda: entrepot.metrics().sum("requests_total", outcome="error", code="503") == 2,
               what="two errors counted")


def test_a_refused_connection_serves_a_stale_tag(start, upstream):
    image = upstream.add_image(REPOSITORY, content.image(), "latest")
    entrepot = start({"docker.io": {"endpoint": upstream,
                                    "tags": {"fresh_for": "0s", "stale_for": "1d"}}})
    assert_whole(entrepot.get(manifest_target("latest")), image.manifest)
    upstream.go_down()
    response = entrepot.get(manifest_target("latest"))
    assert_whole(response, image.manifest)
    assert "fwd=stale" in response.outcome or "stale" in response.outcome
    eventually(lambda: entrepot.metrics().sum("requests_total", outcome="stale") == 1,
               what="a stale answer counted")


def test_the_upstream_comes_back(start, upstream, blob):
    entrepot = start(timeouts=QUICK)
    upstream.go_down()
    assert_error(entrepot.get(blob_target(blob)), 503)
    upstream.come_back()
    # A circuit that the refusal opened may still be open; its first wait is half a second.
    response = eventually(lambda: (one := entrepot.get(blob_target(blob))).status != 503 and one,
                          what="another answer")
    assert_whole(response, blob)


@pytest.mark.parametrize("cut", [faults.reset_after, faults.fin_after], ids=["reset", "fin"])
def test_a_broken_body_is_resumed(start, upstream, blob, cut):
    upstream.script(cut(2_000_000), kind="blob", method="GET", times=1)
    entrepot = start()
    assert_whole(entrepot.get(blob_target(blob)), blob)
    first, second = upstream.requests("blob", method="GET")
    assert first.range is None
    # The mirror keeps the received bytes; it may request again those that a reset has lost.
    assert second.range is not None and 0 < int(second.range[6:-1]) <= 2_000_000
    assert entrepot.metrics().sum("fills_resumed_total") == 1
    assert_hit(entrepot.get(blob_target(blob)), blob)
    assert upstream.count("blob", method="GET") == 2


@pytest.mark.parametrize("cut", [faults.reset_after, faults.fin_after], ids=["reset", "fin"])
def test_a_body_that_always_breaks_fails(start, upstream, blob, cut):
    """No progress: the mirror stops after some tries, the client gets an error, nothing is
    stored."""
    rule = upstream.script(cut(0), kind="blob", method="GET")
    entrepot = start(timeouts=QUICK)
    assert_never_wrong(entrepot.get(blob_target(blob)), blob)
    assert 1 <= upstream.count("blob", method="GET") <= 8
    rule.cancel()


def test_a_slow_body_is_resumed(start, upstream, blob):
    """100 bytes a second: the mirror cancels the request after the stall time, and resumes."""
    upstream.script(faults.together(faults.rate(100)), kind="blob", method="GET", times=1)
    entrepot = start(timeouts=COUNTED)
    assert_whole(entrepot.get(blob_target(blob)), blob)
    assert upstream.count("blob", method="GET") == 2


def test_a_body_that_is_always_slow_fails(start, upstream, blob):
    upstream.script(faults.rate(100), kind="blob", method="GET")
    entrepot = start(timeouts=QUICK)
    response = entrepot.get(blob_target(blob))
    assert_never_wrong(response, blob)
    assert response.status != 200 or not response.complete
    assert 2 <= upstream.count("blob", method="GET") <= 8
    eventually(lambda: entrepot.metrics().sum("flights") == 0, what="no flights")


@pytest.mark.parametrize("after", [0, 2_000_000])
def test_a_stalled_body_is_resumed(start, upstream, blob, after):
    """The socket stays open without data. Meanwhile the mirror answers other requests."""
    gate = Gate()
    other = upstream.add_blob(REPOSITORY, content.blob(1000, seed=9))
    upstream.script(faults.stall_after(after, gate), kind="blob", digest=blob.digest, times=1)
    entrepot = start(timeouts=COUNTED)
    download = entrepot.download(blob_target(blob))
    gate.wait_arrived()
    assert_whole(entrepot.get(blob_target(other)), other)
    response = download.finish()
    gate.open()
    assert_whole(response, blob)
    assert upstream.count("blob", method="GET", reference=blob.digest) == 2


def test_a_reply_that_never_comes_fails(start, upstream, blob):
    gate = Gate()
    upstream.script(faults.hold(gate), kind="blob")
    entrepot = start(timeouts={**QUICK, "first_byte": "500ms"})
    assert_error(entrepot.get(blob_target(blob)), 503)
    gate.open()


@pytest.mark.parametrize("size", [1000, BIG])
def test_extra_bytes_close_the_connection(start, upstream, size):
    """The announced bytes are the body; the mirror does not use the connection again."""
    one = upstream.add_blob(REPOSITORY, content.blob(size, seed=1))
    two = upstream.add_blob(REPOSITORY, content.blob(size, seed=2))
    upstream.script(faults.extra_bytes(), kind="blob", method="GET", digest=one.digest)
    entrepot = start()
    assert_whole(entrepot.get(blob_target(one)), one)
    assert_whole(entrepot.get(blob_target(two)), two)
    first, second = upstream.requests("blob", method="GET")
    assert first.connection != second.connection


@pytest.mark.parametrize("size", [1000, BIG])
@pytest.mark.parametrize("where", ["first", "middle", "last"])
def test_a_wrong_digest_is_not_stored(start, upstream, size, where):
    blob = upstream.add_blob(REPOSITORY, content.blob(size))
    at = {"first": 0, "middle": size // 2, "last": size - 1}[where]
    upstream.script(faults.flip_byte(at), kind="blob", method="GET", times=1)
    entrepot = start()
    assert_never_wrong(entrepot.get(blob_target(blob)), blob)
    assert_whole(entrepot.get(blob_target(blob)), blob)
    assert entrepot.metrics().sum("digest_mismatches_total", upstream="docker.io") == 1
    entrepot.log.wait_for(rf"error .*docker\.io: {blob.digest} in {REPOSITORY} arrived from "
                         rf"{upstream.address} with another digest")


@pytest.mark.parametrize("size", [1000, BIG])
def test_a_digest_that_is_always_wrong_fails(start, upstream, size):
    blob = upstream.add_blob(REPOSITORY, content.blob(size))
    upstream.script(faults.flip_byte(size - 10), kind="blob", method="GET")
    entrepot = start()
    for _ in range(3):
        response = entrepot.get(blob_target(blob))
        assert response.status != 200 or not response.complete
        assert_never_wrong(response, blob)
    # At most one retry for each.
    assert 3 <= upstream.count("blob", method="GET") <= 6
    assert not list((entrepot.directory / "cache" / "blobs").rglob(blob.digest[7:]))


@pytest.mark.parametrize("lie", [-1000, 1000])
def test_a_wrong_content_length_is_not_stored(start, upstream, blob, lie):
    upstream.script(faults.content_length(BIG + lie), kind="blob", method="GET", times=1)
    upstream.script(faults.fin_after(BIG), kind="blob", method="GET", times=1)
    entrepot = start()
    response = entrepot.get(blob_target(blob))
    if response.complete and response.status == 200:
        assert response.sha256 == blob.digest
    assert_whole(entrepot.get(blob_target(blob)), blob)


def test_a_blob_larger_than_allowed_fails(start, upstream):
    blob = upstream.add_blob(REPOSITORY, content.blob(32 * content.MIB))
    entrepot = start(limits={"max_blob": "1MiB"})
    assert_error(entrepot.get(blob_target(blob)), 502)
    # The mirror cancels the request after the head: the upstream sent no more than the sockets'
    # buffers took.
    assert upstream.body_bytes() < 16 * content.MIB


def test_a_blob_larger_than_allowed_without_length_fails(start, upstream, blob):
    upstream.script(faults.chunked, kind="blob", method="GET")
    entrepot = start(limits={"max_blob": "1MiB"})
    response = entrepot.get(blob_target(blob))
    assert response.status == 502 or not response.complete


def test_a_resume_whose_range_is_ignored(start, upstream, blob):
    upstream.script(faults.reset_after(2_000_000), kind="blob", method="GET", times=1)
    upstream.script(faults.ignore_range, kind="blob", method="GET")
    entrepot = start()
    assert_whole(entrepot.get(blob_target(blob)), blob)
    assert upstream.requests("blob", method="GET")[-1].range is not None


def test_a_resume_that_gets_another_object(start, upstream, blob):
    """200 to the range request, and the body begins with other bytes than before."""
    upstream.script(faults.reset_after(2_000_000), kind="blob", method="GET", times=1)
    upstream.script(faults.together(faults.ignore_range, faults.flip_byte(10)), kind="blob",
                    method="GET", times=1, match=lambda request: request.range is not None)
    entrepot = start()
    assert_never_wrong(entrepot.get(blob_target(blob)), blob)
    assert_whole(entrepot.get(blob_target(blob)), blob)
