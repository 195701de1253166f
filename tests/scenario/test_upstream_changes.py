# SPDX-License-Identifier: Apache-2.0
"""Upstreams that come, go, and change their access at SIGHUP."""

from __future__ import annotations

import json

import pytest

from support import content, faults
from support.checks import assert_error, assert_hit, assert_whole, blob_target, manifest_target
from support.config import upstream_settings
from support.gate import Gate, eventually
from support.reload import reload

KIB, MIB = content.KIB, content.MIB
HUB, TEAM = "docker.io", "team.example"
MINE, OTHER = "a/mine", "b/other"


@pytest.fixture
def team(make_upstream):
    return make_upstream()


def add(entrepot, upstream, name: str = TEAM, **changes) -> None:
    entrepot.config["upstreams"][name] = upstream_settings({"endpoint": upstream, **changes})
    reload(entrepot, f"upstreams added: {name}")


def remove(entrepot, name: str = TEAM) -> None:
    del entrepot.config["upstreams"][name]
    reload(entrepot, f"upstreams removed: {name}")


def at(target: str, name: str = TEAM) -> str:
    """The target in the upstream of that name."""
    return target.replace("/v2/", f"/v2/{name}/", 1)


def told(entrepot) -> list[str]:
    """The names of the upstreams for operators."""
    return [one["name"] for one in json.loads(entrepot.admin("/api/v1/upstreams").body)["upstreams"]]


def series(entrepot) -> set[str]:
    return {labels["upstream"] for _, labels, _ in entrepot.metrics().samples
            if "upstream" in labels} - {"none"}


def test_an_upstream_comes_and_goes(start, team):
    image = team.add_image(MINE, content.image((KIB,)), "v1")
    entrepot = start()
    target = manifest_target("v1", MINE)
    assert_error(entrepot.get(f"{target}?ns={TEAM}"), 404, code="NAME_UNKNOWN")
    add(entrepot, team, aliases=["t.example"])
    assert series(entrepot) == {HUB, TEAM}
    assert entrepot.metrics().sum("requests_total", upstream=TEAM) == 0
    for one in (at(target), f"{target}?ns={TEAM}", at(target, "t.example"), f"/{TEAM}{target}"):
        assert_whole(entrepot.get(one), image.manifest)
    eventually(lambda: entrepot.metrics().sum("requests_total", upstream=TEAM) == 4,
               what="each is counted")
    assert told(entrepot) == [HUB, TEAM]
    assert team.count("manifest") == 1

    remove(entrepot)
    assert series(entrepot) == {HUB} and told(entrepot) == [HUB]
    for one in (f"{target}?ns={TEAM}", f"{target}?ns=t.example", f"/{TEAM}{target}"):
        assert_error(entrepot.get(one), 404, code="NAME_UNKNOWN")
    assert team.count("manifest") == 1

    # It comes back with what is stored of it, even if it is down itself.
    team.go_down()
    add(entrepot, team)
    assert_hit(entrepot.get(at(target)), image.manifest)
    assert entrepot.metrics().sum("upstream_requests_total", upstream=TEAM) == 0


def test_the_default_upstream_comes_by_the_same_reload(start, upstream, team):
    image = team.add_image(MINE, content.image((KIB,)), "v1")
    entrepot = start()
    entrepot.config["default_upstream"] = TEAM
    entrepot.config["upstreams"] = {TEAM: upstream_settings(team)}
    reload(entrepot, f"upstreams added: {TEAM}; upstreams removed: {HUB}")
    assert_whole(entrepot.get(manifest_target("v1", MINE)), image.manifest)
    assert upstream.count() == 0


def test_requests_of_one_that_goes_end_as_they_began(start, upstream, team):
    """Also those that need the upstream again: the tag is answered after its manifest is fetched."""
    blob = team.add_blob(MINE, content.blob(4 * MIB, seed=1))
    image = team.add_image(MINE, content.image((KIB,)), "v1")
    entrepot = start({HUB: upstream, TEAM: team})
    assert_whole(entrepot.get(at(manifest_target("v1", MINE))), image.manifest)
    body, head = Gate(), Gate()
    team.script(faults.hold_at(MIB, body), kind="blob", method="GET")
    download = entrepot.download(at(blob_target(blob, MINE)))
    download.wait_received(MIB - 300 * KIB)
    second = team.add_image(MINE, content.image((2 * KIB,)), "v2")
    team.script(faults.hold(head), kind="manifest")
    tag = entrepot.download(at(manifest_target("v2", MINE)))
    eventually(lambda: team.requests("manifest", reference="v2"), what="it asks for the tag")
    remove(entrepot)
    assert_error(entrepot.get(f"{blob_target(blob, MINE)}?ns={TEAM}"), 404, code="NAME_UNKNOWN")
    head.open()
    assert_whole(tag.finish(), second.manifest)
    body.open()
    assert_whole(download.finish(), blob)
    assert series(entrepot) == {HUB}
    # It comes back while nothing is left of its earlier time.
    add(entrepot, team)
    assert_hit(entrepot.get(at(blob_target(blob, MINE))), blob)


def test_a_refused_reload_adds_nothing(start, upstream, team):
    entrepot = start()
    entrepot.config["upstreams"][TEAM] = upstream_settings(team)
    entrepot.config["listen"].append({"address": upstream.address})  # it is in use
    reload(entrepot, r"error .*SIGHUP")
    assert series(entrepot) == {HUB} and told(entrepot) == [HUB]


def test_access_changes_with_the_next_request(start, upstream, team):
    """The others do not get the content of one once it is restricted, and get it again later."""
    image = team.add_image(MINE, content.image((100 * KIB, 200 * KIB), seed=2), "v1")
    upstream.add_manifest(OTHER, image.manifest, "v1")
    first, second = image.layers
    entrepot = start({HUB: upstream, TEAM: team})
    for layer in image.layers:
        assert_whole(entrepot.get(at(blob_target(layer, MINE))), layer)
    assert_whole(entrepot.get(manifest_target("v1", OTHER)), image.manifest)
    assert_hit(entrepot.get(blob_target(first, OTHER)), first)

    entrepot.config["upstreams"][TEAM]["access"] = "restricted"
    reload(entrepot, r"upstreams\.team\.example\.access: public -> restricted")
    assert_error(entrepot.get(blob_target(first, OTHER)), 404)
    private = entrepot.get(at(blob_target(first, MINE)))
    assert_hit(private, first)
    assert "private" in private.headers["Cache-Control"]

    entrepot.config["upstreams"][TEAM]["access"] = "public"
    reload(entrepot, r"upstreams\.team\.example\.access: restricted -> public")
    assert_hit(entrepot.get(blob_target(second, OTHER)), second)
    public = entrepot.get(at(blob_target(first, MINE)))
    assert_hit(public, first)
    assert "private" not in public.headers["Cache-Control"]
