# SPDX-License-Identifier: Apache-2.0
"""A registry that counts the manifests that it sends and reports how many are left: while few are
left, the mirror sends no request that it can do without."""

from __future__ import annotations

import pytest

from support import content
from support.budget import Budget
from support.checks import REPOSITORY, assert_hit, assert_whole, manifest_target
from support.gate import eventually

LATEST, OTHER = manifest_target("latest"), manifest_target("v1.2.3")
# The first request costs one of them.
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
    """Requests a tag, whose response reports the rest of the budget."""
    budget.remaining = left
    assert_whole(entrepot.get(LATEST), image.manifest)
    assert entrepot.metrics().sum("ratelimit_remaining") == left - 1


def test_a_low_budget_requests_no_known_manifest(start, upstream, budget, image):
    entrepot = start()
    learn(entrepot, budget, image, LOW)
    assert_whole(entrepot.get(OTHER), image.manifest)
    assert_hit(entrepot.get(OTHER), image.manifest)
    assert asked(upstream) == ["GET", "HEAD"] and budget.counted == 1


def test_saving_has_one_line_for_all_loops_and_responses(start, upstream, budget, image):
    entrepot = start(threads={"fetch": 4})
    learn(entrepot, budget, image, LOW)
    begun = entrepot.log.wait_for(rf"warn .*: \S+ leaves {LOW - 1} of 100 requests to the anonymous user; its rate "
                                  r"limit is saved from now on: another account or endpoint is preferred")
    for turn in range(16):
        upstream.add_image(REPOSITORY, content.image(seed=10 + turn), f"w{turn}")
        budget.remaining = ENOUGH if turn % 2 else LOW
        assert entrepot.get(manifest_target(f"w{turn}")).status == 200
    entrepot.get(manifest_target("none"))
    entrepot.log.wait_for("/manifests/none")  # after the lines of the others
    assert len([line for line in entrepot.log.lines if "rate limit is" in line]) == 1, begun


def test_a_low_budget_spends_one_get_on_an_unknown_manifest(start, upstream, budget, image):
    entrepot = start()
    learn(entrepot, budget, image, LOW)
    newer = upstream.add_image(REPOSITORY, content.image(seed=7), "v2")
    assert_whole(entrepot.get(manifest_target("v2")), newer.manifest)
    assert_hit(entrepot.get(manifest_target("v2")), newer.manifest)
    assert asked(upstream) == ["GET", "HEAD", "GET"] and budget.counted == 2


def test_a_large_budget_requests_manifests_at_once(start, upstream, budget, image):
    entrepot = start()
    learn(entrepot, budget, image, ENOUGH)
    assert_whole(entrepot.get(OTHER), image.manifest)
    assert asked(upstream) == ["GET", "GET"]


def test_a_low_budget_keeps_tags_fresh_ten_times_as_long(start, upstream, budget, image):
    entrepot = start({"docker.io": {"endpoint": upstream, "tags": {"fresh_for": "500ms"}}})
    learn(entrepot, budget, image, LOW)

    def answer():
        response = entrepot.get(LATEST)
        assert_whole(response, image.manifest)
        return response
    eventually(lambda: answer() and len(asked(upstream)) > 1, what="a check in the end")
    first, check = upstream.requests("manifest")[:2]
    assert check.method == "HEAD" and check.at - first.at >= 5.0
    assert budget.counted == 1


def test_a_large_budget_checks_a_due_tag(start, upstream, budget, image):
    """Long before ten times as long, for which no test would wait."""
    entrepot = start({"docker.io": {"endpoint": upstream, "tags": {"fresh_for": "4s"}}})
    learn(entrepot, budget, image, ENOUGH)

    def is_checked() -> bool:
        assert_whole(entrepot.get(LATEST), image.manifest)
        return len(asked(upstream)) > 1
    eventually(is_checked, what="a check")
    assert asked(upstream)[:2] == ["GET", "HEAD"] and budget.counted == 1
