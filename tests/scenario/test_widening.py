# SPDX-License-Identifier: Apache-2.0
"""A large blob over several transfers: faster, and with the same bytes as over one."""

from __future__ import annotations

import pytest

from support import client, content, faults
from support.access_lines import wait_lines
from support.checks import REPOSITORY, assert_hit, assert_whole, blob_target
from support.gate import eventually

MIB = content.MIB
SIZE = 64 * MIB
RATE = 6 * MIB  # for one transfer: 11 s for all


@pytest.fixture
def blob(upstream):
    upstream.rate = RATE
    return upstream.add_blob(REPOSITORY, content.blob(SIZE))


@pytest.fixture
def widening(start):
    def make(upstreams=None, **changes):
        return start(upstreams, **{"limits": {"transfers_per_blob": 8}, **changes})
    return make


def segments(*upstreams):
    return [request for each in upstreams for request in each.requests("blob", method="GET")
            if request.range]


def test_every_byte_once(widening, upstream, blob):
    entrepot = widening()
    downloads = client.download_together(entrepot.port, [blob_target(blob)] * 10)
    for download in downloads:
        assert_whole(download.finish(), blob)
    for line in wait_lines(entrepot, blob_target(blob), len(downloads)):
        assert 2 <= line.number("transfers") <= 8 and line.endpoints == [upstream.address]
    assert len(segments(upstream)) >= 3, "one transfer fetched the whole blob"
    assert upstream.body_bytes() <= SIZE + 4 * MIB, "fetched twice"
    assert entrepot.metrics().sum("digest_mismatches_total") == 0
    upstream.forget()
    assert_hit(entrepot.get(blob_target(blob), keep=False), blob)
    assert upstream.count("blob") == 0


def test_broken_segments_resume(widening, upstream, blob):
    upstream.script(faults.reset_after(3 * MIB), kind="blob", match=lambda r: bool(r.range),
                    times=4)
    entrepot = widening()
    assert_whole(entrepot.get(blob_target(blob), keep=False), blob)
    assert entrepot.metrics().sum("fills_resumed_total") >= 1


def test_a_segment_that_is_refused(widening, upstream, blob):
    upstream.script(faults.status(503), kind="blob", match=lambda r: bool(r.range), times=6)
    entrepot = widening()
    assert_whole(entrepot.get(blob_target(blob), keep=False), blob)


def test_an_upstream_that_ignores_ranges(widening, upstream, blob):
    upstream.script(faults.ignore_range, kind="blob")
    entrepot = widening()
    assert_whole(entrepot.get(blob_target(blob), keep=False), blob)


def test_a_wrong_segment_is_never_served_whole(widening, upstream, blob):
    upstream.script(faults.flip_byte(30 * MIB), kind="blob", match=lambda r: bool(r.range))
    entrepot = widening()
    assert not entrepot.download(blob_target(blob)).finish().complete
    assert entrepot.metrics().sum("digest_mismatches_total") == 1


@pytest.mark.parametrize("kill", [True, False], ids=["kill-9", "SIGTERM"])
def test_restart_in_the_middle(widening, upstream, blob, kill):
    entrepot = widening(timeouts={"drain": "1ms"})
    download = entrepot.download(blob_target(blob))
    upstream.wait_requests(3, kind="blob")
    download.wait_received(SIZE // 3)
    entrepot.restart(kill=kill)
    assert not download.finish().complete
    upstream.cut_connections()
    upstream.forget()
    assert_whole(entrepot.get(blob_target(blob), keep=False), blob)
    assert upstream.body_bytes() <= SIZE * 3 / 4, "stored bytes were fetched again"


def test_over_two_endpoints(widening, upstream, make_upstream, blob):
    other = make_upstream(rate=RATE)
    other.add_blob(REPOSITORY, blob)
    entrepot = widening({"docker.io": {"endpoints": [{"url": upstream.url}, {"url": other.url}]}})
    assert_whole(entrepot.get(blob_target(blob), keep=False), blob)
    assert segments(upstream, other)
    assert upstream.body_bytes() + other.body_bytes() <= SIZE + 8 * MIB


def test_one_endpoint_dies_under_its_segments(widening, upstream, make_upstream, blob):
    other = make_upstream(rate=RATE)
    other.add_blob(REPOSITORY, blob)
    entrepot = widening({"docker.io": {"endpoints": [{"url": upstream.url}, {"url": other.url}]}})
    download = entrepot.download(blob_target(blob))
    download.wait_received(SIZE // 4)
    upstream.go_down()
    assert_whole(download.finish(), blob)
    eventually(lambda: entrepot.metrics().sum("endpoint_up", endpoint=upstream.address) == 0,
               what="the dead one is seen")


def test_without_room_one_connection_passes_through(widening, upstream, blob):
    entrepot = widening(cache={"max_size": "64MiB"})
    assert_whole(entrepot.get(blob_target(blob), keep=False), blob)
    assert not segments(upstream)
