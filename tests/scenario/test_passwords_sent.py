# SPDX-License-Identifier: Apache-2.0
"""How often a wrong password is sent, and who waits: a password that was changed at the registry,
and checks that do not end."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import content, faults
from support.account import BASIC, PASSWORD, USER
from support.checks import REPOSITORY, assert_whole, manifest_target
from support.gate import Gate, eventually

DUE = {"tags": {"fresh_for": "0s", "stale_for": "7d"}}
OTHER = "library/other"
FORBIDDEN = "library/forbidden"


def state(entrepot) -> str:
    document = json.loads(entrepot.admin("/api/v1/upstreams").body)
    return document["upstreams"][0]["endpoints"][0]["state"]


def with_password(upstream) -> int:
    return sum(request.authorization == BASIC for request in upstream.requests())


@pytest.fixture
def images(upstream):
    return {repository: upstream.add_image(repository, content.image(seed=number), "latest")
            for number, repository in enumerate((REPOSITORY, OTHER, FORBIDDEN))}


@pytest.mark.parametrize("scheme", ["basic", "bearer"])
def test_a_check_excuses_no_later_refusal(start, upstream, images, account, scheme):
    """A forbidden repository has just shown that the account is accepted. Then its password is
    changed at the registry."""
    require = upstream.role.require_basic if scheme == "basic" else upstream.role.require_bearer
    require(users={USER: PASSWORD})
    upstream.script(faults.status(403), kind="manifest",
                    match=lambda request: request.repository == FORBIDDEN)
    entrepot = start({"docker.io": {"endpoint": upstream, "credentials": account, **DUE}})
    for repository in (REPOSITORY, OTHER):
        assert_whole(entrepot.get(manifest_target("latest", repository)),
                     images[repository].manifest)
    eventually(lambda: entrepot.metrics().sum("cache_objects", kind="tag") == 2, what="the tags")
    assert entrepot.get(manifest_target("latest", FORBIDDEN)).status in (403, 404)
    assert state(entrepot) == "working"
    upstream.role.users = {USER: "changed"}
    upstream.role.revoke_tokens()
    upstream.role.private |= {REPOSITORY, OTHER}
    upstream.forget()
    for _ in range(2):
        for repository in (REPOSITORY, OTHER):
            assert_whole(entrepot.get(manifest_target("latest", repository)),
                         images[repository].manifest)
    assert state(entrepot) == "denied"
    assert with_password(upstream) == 2, "by the first request, and by the check"


@pytest.mark.parametrize("fetch", [1, 4])
def test_a_burst_at_an_endpoint_that_gets_the_password_itself(start, upstream, account, fetch):
    upstream.role.require_basic({USER: "another"})
    gate = Gate()
    upstream.script(faults.hold(gate), match=lambda request: request.authorization == BASIC)
    entrepot = start({"docker.io": {"endpoint": upstream, "credentials": account, **DUE}},
                     threads={"serve": 2, "fetch": fetch, "store": 2},
                     timeouts={"first_byte": "10m"})  # the longest wait is a tenth of it
    with ThreadPoolExecutor(20) as pool:
        answers = [pool.submit(entrepot.get, manifest_target("latest", f"library/r{number}"))
                   for number in range(20)]
        eventually(lambda: sum(not request.authorization
                               for request in upstream.requests("manifest")) == 20,
                   what="the challenge of each request")
        gate.open()
        assert {answer.result().status for answer in answers} == {503}
    assert with_password(upstream) == 2, "by the first request, and by the check"


@pytest.mark.parametrize("status", [401, 403])
def test_a_check_that_does_not_end_stops_nobody(start, upstream, images, account, status):
    """The token server refuses one repository, and does not answer the login alone."""
    upstream.role.require_bearer(users={USER: PASSWORD})
    upstream.script(faults.status(status), kind="token",
                    match=lambda request: FORBIDDEN in str(request.query.get("scope")))
    entrepot = start({"docker.io": {"endpoint": upstream, "credentials": account, **DUE}},
                     timeouts={"first_byte": "20s"})
    first = entrepot.get(manifest_target("latest", REPOSITORY))
    assert_whole(first, images[REPOSITORY].manifest)
    gate = Gate()
    upstream.script(faults.hold(gate), kind="token",
                    match=lambda request: not request.query.get("scope"))
    with ThreadPoolExecutor(1) as pool:
        try:
            forbidden = pool.submit(entrepot.get, manifest_target("latest", FORBIDDEN))
            eventually(lambda: gate.arrived == 1, what="the check")
            answer = entrepot.get(manifest_target("latest", OTHER))
            assert_whole(answer, images[OTHER].manifest)
            # An anonymous request follows a check without a result.
            assert all(request.authorization for request in upstream.requests("token"))
            assert not forbidden.done()
        finally:
            gate.open()


@pytest.mark.parametrize("fetch", [1, 4])
def test_a_burst_at_another_mirror(start, upstream, account, fetch):
    """It sends no challenge, and refuses a wrong password by 403."""
    upstream.script(faults.status(403))
    entrepot = start({"docker.io": {"endpoints": [
        {"url": upstream.url, "ns": True, "credentials": account}]}},
        threads={"serve": 2, "fetch": fetch, "store": 2}, timeouts={"first_byte": "10m"})
    with ThreadPoolExecutor(20) as pool:
        answers = [pool.submit(entrepot.get, manifest_target("latest", f"library/r{number}"))
                   for number in range(20)]
        assert {answer.result().status for answer in answers} == {503}
    assert with_password(upstream) == 2, "by the first request, and by the check"
