# SPDX-License-Identifier: Apache-2.0
"""Chains of mirrors: a node's mirror fetches from the site's, which fetches from the registry; and
mirrors that a mistake has configured to fetch from each other in a loop."""

from __future__ import annotations

import json
import os
import re

import pytest

from support import client, content, faults, ports
from support.checks import (REPOSITORY, assert_error, assert_hit, assert_whole, blob_target,
                            manifest_target)
from support.gate import Gate, eventually

KIB, MIB = content.KIB, content.MIB
NAME = "docker.io"
LATEST = manifest_target("latest")
NEAR = 0.01  # s: the longest connect to a mirror that counts as near
OURS = r"1\.1 entrepot-[0-9a-f]+"
FOREIGN = "1.0 fred, 1.1 p.example"


def of(*endpoints) -> dict:
    """The configuration of an upstream with these endpoints: scripted ones, or ports of other
    mirrors, which get the name of the upstream."""
    return {NAME: {"endpoints": [
        {"url": f"http://127.0.0.1:{one}", "ns": True} if isinstance(one, int) else {"url": one.url}
        for one in endpoints]}}


def of_mirror(upstream) -> dict:
    """The same with a scripted upstream in the place of another mirror."""
    return {NAME: {"endpoints": [{"url": upstream.url, "ns": True}]}}


@pytest.fixture
def onprem(start):
    """Uses the scripted upstream."""
    return start()


@pytest.fixture
def node(start, onprem):
    return start(of(onprem.port))


def test_the_reason_of_a_404_comes_through_a_chain(start, upstream, node):
    upstream.script(faults.status(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN",'
                                  b'"message":"moved to registry.example"}]}'))
    response = node.get(LATEST)
    assert_error(response, 404, code="MANIFEST_UNKNOWN")
    assert b"moved to registry.example" in response.body


def requests(entrepot, **labels) -> float:
    return entrepot.metrics().sum("requests_total", **labels)


def at_rest(*mirrors) -> None:
    for mirror in mirrors:
        eventually(lambda one=mirror: one.metrics().sum("flights") == 0, what="no flights")


def pull(entrepot, image, check=assert_whole) -> None:
    check(entrepot.get(LATEST), image.manifest)
    for blob in image.blobs:
        check(entrepot.get(blob_target(blob)), blob)


# A node, the site's mirror, the registry.

def test_one_get_at_each_level(onprem, node, upstream):
    blob = upstream.add_blob(REPOSITORY, content.blob(4 * MIB))
    gate = Gate()
    upstream.script(faults.hold_at(MIB, gate), kind="blob", method="GET")
    downloads = client.download_together(node.port, [blob_target(blob)] * 12)
    for download in downloads:
        download.wait_received(MIB)  # through both, while the upstream has sent no more
    gate.open()
    for download in downloads:
        assert_whole(download.finish(), blob)
    assert upstream.count("blob") == 1
    upstream.assert_sent(blob.size)
    eventually(lambda: requests(node, kind="blob") == 12, what="twelve requests counted")
    assert requests(node, outcome="miss") == 1 and requests(node, outcome="joined") == 11
    eventually(lambda: requests(onprem, kind="blob") == 1, what="one request counted")
    assert requests(onprem, outcome="miss") == 1
    for each in (node, onprem):
        assert_hit(each.get(blob_target(blob)), blob)


@pytest.mark.skipif(bool(os.environ.get("ENTREPOT_SANITIZE")),
                    reason="no mirror is near: with a sanitizer a connection takes too long")
def test_only_the_mirror_before_the_registry_uses_several_connections(start, upstream):
    upstream.rate = 4 * MIB  # of each: 6 s for all
    blob = upstream.add_blob(REPOSITORY, content.blob(24 * MIB))
    widening = {"limits": {"transfers_per_blob": 8}}
    onprem = start(**widening)
    node = start(of(onprem.port), **widening)
    assert_whole(node.get(blob_target(blob)), blob)
    (docker,) = json.loads(node.admin("/api/v1/upstreams").body)["upstreams"]
    if (took := docker["endpoints"][0]["connect_seconds"]) >= NEAR:
        pytest.skip(f"on this busy machine a connection to the next mirror takes {1000 * took:.0f} ms")
    assert upstream.count("blob", "GET") > 2, "one connection fetched the whole blob"
    assert upstream.body_bytes() <= blob.size + 2 * MIB
    eventually(lambda: requests(onprem, kind="blob") == 1, what="one request counted")
    assert_hit(onprem.get(blob_target(blob)), blob)


def test_the_pull_of_one_node_serves_the_next_from_the_mirror(start, onprem, node, upstream):
    image = upstream.add_image(REPOSITORY, content.image((100_000, 3 * MIB)), "latest")
    pull(node, image)
    assert upstream.count("blob", "GET") == len(image.blobs)
    assert upstream.count("manifest", "GET") == 1
    at_rest(onprem)
    upstream.forget()
    second = start(of(onprem.port))
    pull(second, image)
    assert upstream.count() == 0
    for each in (node, second):
        pull(each, image, assert_hit)


def test_a_range_fetches_few_bytes_through_both(onprem, node, upstream):
    blob = upstream.add_blob(REPOSITORY, content.blob(32 * MIB))
    response = node.get(blob_target(blob), headers={"Range": "bytes=1000000-1000099"})
    assert response.status == 206 and response.complete
    assert response.body == blob.data[1000000:1000100]
    assert response.headers["Content-Range"] == f"bytes 1000000-1000099/{blob.size}"
    at_rest(node, onprem)
    assert upstream.body_bytes() <= 256 * KIB
    assert_whole(node.get(blob_target(blob), keep=False), blob)
    assert upstream.body_bytes() <= blob.size + 256 * KIB


# The Via field names the mirrors that a request has passed.

def via_of(request) -> str:
    return ", ".join(value for name, value in request.fields if name.lower() == "via")


@pytest.mark.parametrize("sent", [[], [FOREIGN], FOREIGN.split(", ")], ids=["none", "line", "lines"])
def test_via_is_appended_to(start, upstream, sent):
    image = upstream.add_image(REPOSITORY, content.image((MIB,)), "latest")
    entrepot = start(of_mirror(upstream))
    asking = [("Via", value) for value in sent]
    for target in (LATEST, blob_target(image.config), f"/v2/{REPOSITORY}/tags/list",
                   f"/v2/{REPOSITORY}/referrers/{image.manifest.digest}"):
        assert entrepot.get(target, headers=asking).status == 200
    layer = blob_target(image.layers[0])
    assert entrepot.get(layer, headers=[*asking, ("Range", "bytes=0-9")]).status == 206
    assert {request.kind for request in upstream.requests()} == {
        "manifest", "blob", "tags", "referrers"}
    for request in upstream.requests():
        assert re.fullmatch(", ".join([*map(re.escape, sent), OURS]), via_of(request)), request


def test_a_registry_gets_no_via(start, upstream):
    """The registry might decide by a field that a client wrote."""
    image = upstream.add_image(REPOSITORY, content.image((MIB,)), "latest")
    entrepot = start()
    for target in (LATEST, blob_target(image.config), f"/v2/{REPOSITORY}/tags/list"):
        assert entrepot.get(target, headers={"Via": FOREIGN}).status == 200
    assert {via_of(request) for request in upstream.requests()} == {""}


def test_only_well_formed_via_entries_are_sent_on(start, upstream):
    blob = upstream.add_blob(REPOSITORY, content.blob(KIB))
    entrepot = start(of_mirror(upstream))
    odd = "1.0 fred (a comment), 1.1 b\xe9, \"x\", 1.1 <b>, nobody, 1.1 p.example"
    assert_whole(entrepot.get(blob_target(blob), headers={"Via": odd}), blob)
    (asked,) = upstream.requests("blob")
    assert re.fullmatch(f"1.0 fred, 1.1 p.example, {OURS}", via_of(asked)), asked


@pytest.mark.parametrize("kind", ["blob", "manifest", "tag", "tags", "HEAD"])
def test_the_via_of_another_client_does_not_decide(start, upstream, kind):
    """The next mirror finds sixteen names in the Via of the first client, and refuses the
    request."""
    image = upstream.add_image(REPOSITORY, content.image((MIB,)), "latest")
    gate = Gate()
    upstream.script(faults.together(faults.hold(gate), faults.status(508)),
                    match=lambda request: "m15.example" in via_of(request))
    entrepot = start(of_mirror(upstream))
    layer = image.layers[0]
    method, target = {"blob": ("GET", blob_target(layer)),
                      "manifest": ("GET", manifest_target(image.manifest)),
                      "tag": ("GET", LATEST), "tags": ("GET", f"/v2/{REPOSITORY}/tags/list"),
                      "HEAD": ("HEAD", blob_target(layer))}[kind]
    with entrepot.connect() as first, entrepot.connect() as second:
        first.send_request(method, target, [("Via", ", ".join(f"1.1 m{n}.example" for n in range(16)))])
        upstream.wait_requests(1)
        second.send_request(method, target)
        eventually(lambda: entrepot.metrics().sum("connections") >= 2, what="both ask")
        gate.open()
        assert first.read_response(method).status == 508
        assert second.read_response(method).status == 200


def test_each_mirror_has_a_name_of_its_own(start, upstream):
    site = start(of_mirror(upstream))
    node = start(of(site.port))
    blob = upstream.add_blob(REPOSITORY, content.blob(KIB))
    assert_whole(node.get(blob_target(blob)), blob)
    (asked,) = upstream.requests("blob")
    assert re.fullmatch(f"{OURS}, {OURS}", via_of(asked)), asked
    first, second = via_of(asked).split(", ")
    assert first != second


def test_a_redirect_target_gets_no_via(start, upstream, make_upstream):
    upstream.role.cdn = make_upstream(host="127.0.0.2")
    blob = upstream.add_blob(REPOSITORY, content.blob(KIB))
    settings = of_mirror(upstream)
    settings[NAME]["internal"] = True
    entrepot = start(settings)
    assert_whole(entrepot.get(blob_target(blob), headers={"Via": FOREIGN}), blob)
    assert via_of(upstream.requests("blob")[0]).startswith(f"{FOREIGN}, ")
    (delivered,) = upstream.role.cdn.requests()
    assert delivered.kind == "cdn" and via_of(delivered) == ""


def test_more_than_sixteen_mirrors_are_a_loop(start, upstream):
    blob = upstream.add_blob(REPOSITORY, content.blob(KIB))
    entrepot = start()
    passed = [f"1.1 m{n}.example" for n in range(17)]
    for asking in ([("Via", ", ".join(passed))], [("Via", one) for one in passed]):
        assert_error(entrepot.get(blob_target(blob), headers=asking), 508)
    assert upstream.count() == 0
    assert_whole(entrepot.get(blob_target(blob), headers={"Via": ", ".join(passed[:16])}), blob)


def test_its_own_name_in_via_is_a_loop(start, upstream):
    first, second = (upstream.add_blob(REPOSITORY, content.blob(KIB, seed=n)) for n in range(2))
    entrepot = start(of_mirror(upstream))
    assert_whole(entrepot.get(blob_target(first)), first)
    name = via_of(upstream.requests("blob")[0])
    for via in (name, f"{FOREIGN}, {name}", f"{name}, {FOREIGN}"):
        assert_error(entrepot.get(blob_target(second), headers={"Via": via}), 508)
    assert upstream.count("blob") == 1
    assert_whole(entrepot.get(blob_target(second), headers={"Via": f"{name}0"}), second)


def test_a_loop_of_a_client_is_no_failure_of_the_endpoint(start, upstream):
    upstream.script(faults.status(508), match=lambda request: "m15.example" in via_of(request))
    entrepot = start(of_mirror(upstream))

    def failure_rate() -> float:
        (docker,) = json.loads(entrepot.admin("/api/v1/upstreams").body)["upstreams"]
        return docker["endpoints"][0]["failure_rate"]
    target = blob_target(content.blob(KIB))
    passed = {"Via": ", ".join(f"1.1 m{n}.example" for n in range(16))}
    assert_error(entrepot.get(target, headers=passed), 508)
    assert failure_rate() == 0
    upstream.script(faults.status(500))
    assert_error(entrepot.get(target), 503)
    assert failure_rate() > 0


# Loops of mirrors.

@pytest.fixture
def circle(start):
    """So many mirrors, each an endpoint of the one before it and the first one of the last. `image`
    was pulled through them before; `more` are further endpoints of each."""
    def make(count: int, *more, image=None, **changes) -> list:
        kept = [ports.keep() for _ in range(count)]
        mirrors = [start(listen=[{"address": f"127.0.0.1:{port}"}], **changes) for port in kept]
        for number, mirror in enumerate(mirrors):
            if image:
                pull(mirror, image)
                at_rest(mirror)
            mirror.config["upstreams"][NAME].update(
                of(kept[(number + 1) % count], *more)[NAME])
            mirror.restart()
        return mirrors
    return make


def refused_a_loop(mirrors) -> bool:
    return any(mirror.log.search(r' access .*" 508 ') for mirror in mirrors)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_loop_of_mirrors_ends(circle, upstream, count):
    image = upstream.add_image(REPOSITORY, content.image(), "latest")
    blob = upstream.add_blob(REPOSITORY, content.blob(KIB, seed=1))
    mirrors = circle(count, image=image)
    upstream.forget()
    for target in (blob_target(blob), manifest_target("cold")):
        assert_error(mirrors[0].get(target), 508, code="UNAVAILABLE")
    eventually(lambda: refused_a_loop(mirrors), what="a request that was seen to come back")
    for mirror in mirrors:
        pull(mirror, image, assert_hit)
    assert upstream.count() == 0


@pytest.mark.parametrize("count", [1, 2])
def test_an_endpoint_outside_the_loop_gets_the_request(circle, upstream, count):
    image = upstream.add_image(REPOSITORY, content.image((3 * MIB,)), "latest")
    mirrors = circle(count, upstream)
    pull(mirrors[0], image)
    eventually(lambda: refused_a_loop(mirrors), what="a request that was seen to come back")
    # If the other mirror is late, a mirror sends the request to the registry as well.
    assert upstream.count("blob", "GET") <= count * len(image.blobs)
    pull(mirrors[0], image, assert_hit)
