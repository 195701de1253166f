# SPDX-License-Identifier: Apache-2.0
"""A registry that counts the manifests it gives away and says how many are left: where they are few,
none is asked for that can be done without."""

from __future__ import annotations

import pytest

from support import content
from support.budget import Budget
from support.checks import REPOSITORY, assert_hit, assert_whole, manifest_target
from support.gate import eventually

LATEST, OTHER = manifest_target("latest"), manifest_target("v1.2.3")
# The first question costs one of them.
LOW, ENOUGH = 6, 51


@pytest.fixture
def image(upstream):
    return upstream.add_image(REPOSITORY, content.image(), "latest", "v1.2.3")


@pytest.fixture
def budget(upstream):
    budget = Budget(100)
    upstream.script(budget.charge, kind="manifest")
    return budget


def asked(upstream) -> list[str]:
    return [request.method for request in upstream.requests("manifest")]


def learn(entrepot, budget, image, left: int) -> None:
    """A tag is asked for, and its answer says what is left."""
    budget.remaining = left
    assert_whole(entrepot.get(LATEST), image.manifest)
    assert entrepot.metrics().sum("ratelimit_remaining") == left - 1


def test_low_a_known_manifest_is_not_asked_for(start, upstream, budget, image):
    entrepot = start()
    learn(entrepot, budget, image, LOW)
    assert_whole(entrepot.get(OTHER), image.manifest)
    assert_hit(entrepot.get(OTHER), image.manifest)
    assert asked(upstream) == ["GET", "HEAD"] and budget.counted == 1


def test_low_an_unknown_manifest_costs_one(start, upstream, budget, image):
    entrepot = start()
    learn(entrepot, budget, image, LOW)
    newer = upstream.add_image(REPOSITORY, content.image(seed=7), "v2")
    assert_whole(entrepot.get(manifest_target("v2")), newer.manifest)
    assert_hit(entrepot.get(manifest_target("v2")), newer.manifest)
    assert asked(upstream) == ["GET", "HEAD", "GET"] and budget.counted == 2


def test_enough_is_asked_for_at_once(start, upstream, budget, image):
    entrepot = start()
    learn(entrepot, budget, image, ENOUGH)
    assert_whole(entrepot.get(OTHER), image.manifest)
    assert asked(upstream) == ["GET", "GET"]


def test_low_a_tag_is_believed_ten_times_as_long(start, upstream, budget, image):
    entrepot = start({"docker.io": {"endpoint": upstream, "tags": {"fresh_for": "500ms"}}})
    learn(entrepot, budget, image, LOW)

    def answer():
        response = entrepot.get(LATEST)
        assert_whole(response, image.manifest)
        return response
    eventually(lambda: int(answer().headers["Age"]) >= 1, what="a tag that is due")
    assert asked(upstream) == ["GET"]
    eventually(lambda: answer() and len(asked(upstream)) > 1, what="a check in the end")
    first, check = upstream.requests("manifest")[:2]
    assert check.method == "HEAD" and check.at - first.at >= 5.0
    assert budget.counted == 1


def test_enough_a_due_tag_is_checked(start, upstream, budget, image):
    """Long before ten times as long, which no test would wait for."""
    entrepot = start({"docker.io": {"endpoint": upstream, "tags": {"fresh_for": "4s"}}})
    learn(entrepot, budget, image, ENOUGH)

    def is_checked() -> bool:
        assert_whole(entrepot.get(LATEST), image.manifest)
        return len(asked(upstream)) > 1
    eventually(is_checked, what="a check")
    assert asked(upstream)[:2] == ["GET", "HEAD"] and budget.counted == 1
