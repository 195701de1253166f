# SPDX-License-Identifier: Apache-2.0
"""An upstream with several endpoints: clients do not notice when one of them fails."""

from __future__ import annotations

import pytest

from support import client, content, faults, ports
from support.access_lines import wait_lines
from support.checks import (REPOSITORY, assert_error, assert_hit, assert_whole, blob_target,
                            manifest_target)
from support.gate import Gate, eventually

MIB = content.MIB
NAME = "docker.io"


@pytest.fixture
def mirror(make_upstream):
    return make_upstream()


@pytest.fixture
def both(start, upstream, mirror):
    """Starts with two endpoints, the upstream first; `fields` are the upstream's."""
    def make(fields=None, urls=None, **changes):
        urls = urls or [upstream.url, mirror.url]
        return start({NAME: {"endpoints": [{"url": url} for url in urls], **(fields or {})}},
                     **changes)
    return make


def have(blob, *upstreams):
    for each in upstreams:
        each.add_blob(REPOSITORY, blob)
    return blob


def asked(upstream) -> int:
    return upstream.count("blob") + upstream.count("manifest")


def hedges(entrepot, upstream) -> float:
    """The requests that an endpoint got because another one was late, as on a busy machine each may be."""
    return entrepot.metrics().sum("hedges_total", endpoint=upstream.address)


@pytest.mark.parametrize("how", ["reset", "fin", "stall"])
def test_an_endpoint_dies_halfway_through_a_blob(both, upstream, mirror, how):
    blob = have(content.blob(32 * MIB), upstream, mirror)
    mirror.delay = 0.5  # it wins no race for the first answer
    # Before it moves for the speed, and later than a busy upstream is.
    entrepot = both(timeouts={"stall": "1500ms"} if how == "stall" else {})
    gate = Gate()
    cut = {"reset": lambda: faults.reset_after(16 * MIB), "fin": lambda: faults.fin_after(16 * MIB),
           "stall": lambda: faults.stall_after(16 * MIB, gate)}[how]
    all_here = Gate()
    upstream.script(faults.together(faults.hold_at(8 * MIB, all_here), cut()), kind="blob", method="GET", times=1)
    downloads = client.download_together(entrepot.port, [blob_target(blob)] * 10)
    for download in downloads:
        download.wait_received(1)
    all_here.open()
    for download in downloads:
        assert_whole(download.finish(), blob)
    gate.open()
    assert upstream.count("blob", method="GET") == 1
    asked_mirror = mirror.requests("blob", method="GET")
    assert sum(request.range is not None for request in asked_mirror) == 1
    assert len(asked_mirror) <= 1 + hedges(entrepot, mirror)
    brought = upstream.body_bytes() + mirror.body_bytes()
    # A reset loses the bytes in the buffers of both ends.
    assert brought <= blob.size + 8 * MIB, "stored bytes were fetched again"
    assert entrepot.metrics().sum("fills_resumed_total") == 1
    # Each client, those that joined too, learns the cause.
    for line in wait_lines(entrepot, blob_target(blob), len(downloads)):
        assert line.endpoints == [upstream.address, mirror.address]
        assert line.number("resumes") == 1
        assert line.moved[-1] == (upstream.address, mirror.address, "stall" if how == "stall" else "reset")
        if how == "stall":
            assert line.number("stalls") >= 1 and line.number("stalled_ms") >= 1000


def test_a_client_that_joins_later_is_not_told_what_was_before(both, upstream, mirror):
    blob = have(content.blob(32 * MIB), upstream, mirror)
    entrepot = both()
    gate = Gate()
    upstream.script(faults.reset_after(8 * MIB), kind="blob", method="GET", times=1)
    mirror.script(faults.hold_at(24 * MIB, gate), kind="blob", method="GET")
    first = entrepot.download(blob_target(blob))
    first.wait_received(16 * MIB)
    late = entrepot.download(blob_target(blob))
    late.wait_received(1)
    gate.open()
    for download in (first, late):
        assert_whole(download.finish(), blob)
    lines = {line.outcome: line for line in wait_lines(entrepot, blob_target(blob), 2)}
    assert lines["miss"].number("resumes") == 1 and lines["miss"].moved
    assert lines["joined"].number("resumes") == 0 and not lines["joined"].moved


def test_a_dead_first_endpoint_delays_no_later_request(both, mirror):
    blobs = [have(content.blob(5000, seed=i), mirror) for i in range(20)]
    dead = f"http://{ports.keep_address()}"
    entrepot = both(urls=[dead, mirror.url])
    for blob in blobs:
        assert_whole(entrepot.get(blob_target(blob)), blob)
    label = dead.removeprefix("http://")
    samples = entrepot.metrics()
    assert samples.sum("upstream_requests_total", endpoint=label, kind="blob") <= 1
    assert samples.sum("endpoint_failures_total", endpoint=label, reason="connect") >= 1


def test_a_name_that_cannot_be_resolved(both, mirror):
    blob = have(content.blob(5000), mirror)
    entrepot = both(urls=["https://nowhere.invalid", mirror.url])
    assert_whole(entrepot.get(blob_target(blob)), blob)


def test_an_endpoint_that_comes_back_is_used_again(both, upstream, mirror):
    first = have(content.blob(5000, seed=1), upstream, mirror)
    second = have(content.blob(5000, seed=2), upstream)
    upstream.go_down()
    entrepot = both()
    assert_whole(entrepot.get(blob_target(first)), first)
    assert_error(entrepot.get(blob_target(second)), 404)
    upstream.come_back()
    upstream.wait_requests(1, kind="ping")
    eventually(lambda: entrepot.metrics().sum("endpoint_up", endpoint=upstream.address) == 1,
               what="the endpoint is up")
    eventually(lambda: entrepot.get(blob_target(second)).status == 200,
               what="what only it has is found (nothing is for a few seconds)")


def test_objects_that_a_mirror_lacks_come_from_the_registry(both, upstream, mirror):
    """The first mirror lacks an object of the registry; the request goes to the registry as
    well."""
    image = upstream.add_image(REPOSITORY, content.image(), "latest")
    entrepot = both(urls=[mirror.url, upstream.url])
    assert_whole(entrepot.get(manifest_target("latest")), image.manifest)
    for blob in image.blobs:
        assert_whole(entrepot.get(blob_target(blob)), blob)


def test_absent_everywhere_is_absent(both, upstream, mirror):
    entrepot = both()
    assert_error(entrepot.get(manifest_target("nosuch")), 404, code="MANIFEST_UNKNOWN")
    assert asked(upstream) >= 1 and asked(mirror) >= 1
    before = asked(upstream) + asked(mirror)
    assert_error(entrepot.get(manifest_target("nosuch")), 404)
    assert asked(upstream) + asked(mirror) == before, "not remembered"


def test_a_tag_outlives_its_registry_where_the_mirror_lacks_it(both, upstream, mirror):
    """"Not found" from one endpoint proves little while the other does not answer."""
    image = upstream.add_image(REPOSITORY, content.image(), "latest")
    entrepot = both({"tags": {"fresh_for": "1ms", "stale_for": "7d"}})
    assert_whole(entrepot.get(manifest_target("latest")), image.manifest)
    upstream.go_down()
    mirror.forget()
    answer = entrepot.get(manifest_target("latest"))
    assert_whole(answer, image.manifest)
    eventually(lambda: mirror.count("manifest") >= 1, what="a request to the mirror")
    assert_whole(entrepot.get(manifest_target("latest")), image.manifest)


def test_wrong_bytes_of_one_endpoint(both, upstream, mirror):
    """The tail is withheld from the reader; the next request gets the bytes of the other
    endpoint."""
    blob = have(content.blob(4 * MIB), upstream, mirror)
    upstream.script(faults.flip_byte(1000), kind="blob")
    mirror.delay = 0.5  # it wins no race for the first answer
    entrepot = both()
    broken = entrepot.download(blob_target(blob)).finish()
    assert not broken.complete
    assert_whole(entrepot.get(blob_target(blob), keep=False), blob)
    assert 1 <= mirror.count("blob", method="GET") <= 1 + hedges(entrepot, mirror)
    assert entrepot.metrics().sum("digest_mismatches_total", endpoint=upstream.address) == 1
    assert_hit(entrepot.get(blob_target(blob), keep=False), blob)


def test_the_other_endpoint_serves_during_a_limit(both, upstream, mirror):
    blobs = [have(content.blob(5000, seed=i), upstream, mirror) for i in range(5)]
    upstream.script(faults.too_many_requests("60"))
    entrepot = both()
    for blob in blobs:
        assert_whole(entrepot.get(blob_target(blob)), blob)
    # A probe and the first request may have been sent together; nothing after them.
    assert len(upstream.requests()) <= 2


PINGS = {"302": faults.redirect("/login"), "404": faults.status(404), "401": faults.status(401),
         "no type": faults.together(faults.body(b"ok"), faults.without("Content-Type")),
         "403": faults.status(403), "405": faults.status(405),
         # These failures count against the endpoint, but less than a pull that works.
         "500": faults.status(500), "page": faults.html_page(), "none": faults.reset_after(0)}


@pytest.mark.parametrize("ping", PINGS)
def test_an_endpoint_with_an_odd_base_reply_is_up(both, upstream, mirror, ping):
    """Registries in use answer /v2/ in many ways while pulls work."""
    blobs = [have(content.blob(5000, seed=i), upstream, mirror) for i in range(6)]
    mirror.delay = 1.0  # the probes of the better endpoint get odd replies
    gate = Gate()
    upstream.script(faults.together(PINGS[ping], faults.hold(gate)), kind="ping")
    entrepot = both()
    assert_whole(entrepot.get(blob_target(blobs[0])), blobs[0])
    upstream.wait_requests(1, kind="ping")
    gate.open()
    eventually(lambda: entrepot.metrics().sum("upstream_requests_total", kind="ping",
                                              endpoint=upstream.address) > 0, what="a probe")
    for blob in blobs[1:]:
        assert_whole(entrepot.get(blob_target(blob)), blob)
    assert asked(upstream) == len(blobs) and asked(mirror) <= hedges(entrepot, mirror)
    assert entrepot.metrics().sum("endpoint_up", endpoint=upstream.address) == 1
