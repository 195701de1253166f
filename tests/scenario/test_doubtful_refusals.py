# SPDX-License-Identifier: Apache-2.0
"""Refusals that say nothing about the object or the account: the tag stays, the account goes on, and
the state of the endpoint says why."""

from __future__ import annotations

import json

import pytest

from support import content, faults
from support.account import PASSWORD, USER
from support.checks import REPOSITORY, assert_error, assert_whole, manifest_target
from support.gate import eventually
from support.registry_role import error
from support.reload import reload
from support.wire import Reply

LATEST = manifest_target("latest")
OTHER = manifest_target("latest", "library/other")
DUE = {"tags": {"fresh_for": "0s", "stale_for": "7d"}}


def state(entrepot) -> dict:
    document = json.loads(entrepot.admin("/api/v1/upstreams").body)
    return document["upstreams"][0]["endpoints"][0]


def loud(entrepot) -> list[str]:
    return [line for line in entrepot.log_now() if "its answers fail" in line]


def wait_stored(entrepot, tags: int = 1) -> None:
    eventually(lambda: entrepot.metrics().sum("cache_objects", kind="tag") == tags,
               what=f"{tags} stored tags")


@pytest.fixture(autouse=True)
def other(upstream):
    return upstream.add_image("library/other", content.image(seed=3), "latest")


@pytest.fixture
def image(upstream):
    return upstream.add_image(REPOSITORY, content.image(), "latest")


@pytest.fixture
def entrepot(start, upstream, image, account):
    upstream.role.require_bearer(users={USER: PASSWORD})
    entrepot = start({"docker.io": {"endpoint": upstream, "credentials": account, **DUE}})
    assert_whole(entrepot.get(LATEST), image.manifest)
    wait_stored(entrepot)
    return entrepot


def assert_named(entrepot, *words: str) -> None:
    """In the state, the last error and one line of the log; no account is blamed."""
    now = state(entrepot)
    assert not now["last_error"]["over"]
    assert not now["denied_seconds"] and entrepot.metrics().sum("accounts_denied") == 0
    for word in words:
        assert word in now["last_error"]["text"]
        assert any(word in line for line in loud(entrepot)), loud(entrepot)
    assert len(loud(entrepot)) == 1
    assert PASSWORD not in entrepot.log.text


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("scheme", ["basic", "bearer"])
def test_everything_is_refused_after_a_restart(entrepot, upstream, image, other, status, scheme):
    """No login is known then, and the endpoint names none."""
    if scheme == "basic":
        upstream.role.require_basic({USER: PASSWORD})
    entrepot.terminate()
    entrepot.start()
    rule = upstream.script(faults.status(status, b'{"errors":[{"code":"DENIED"}]}'))
    for _ in range(2):
        assert_whole(entrepot.get(LATEST), image.manifest)
    assert_whole(entrepot.get(LATEST), image.manifest)
    assert state(entrepot)["state"] == "denied"
    assert_named(entrepot, f"answered {status}", "names no login")
    assert_error(entrepot.get(OTHER), 503, code="UNAVAILABLE")
    rule.cancel()
    assert_whole(entrepot.get(OTHER), other.manifest)
    assert state(entrepot)["state"] == "working"


@pytest.mark.parametrize("fault", [faults.status(403, b"{}"), faults.html_page(403)],
                         ids=["json", "page"])
def test_a_moment_of_403_does_not_turn_the_account_off(entrepot, upstream, image, fault):
    """For everybody, as of a firewall, while a token is known."""
    rule = upstream.script(fault)
    assert_whole(entrepot.get(LATEST), image.manifest)
    rule.cancel()
    assert entrepot.metrics().sum("accounts_denied") == 0
    upstream.role.private.add("library/other")
    assert entrepot.get(OTHER).status == 200
    assert not any(f"refuses the account {USER}" in line for line in entrepot.log_now())


def test_a_moment_of_403_for_the_account_is_confirmed(entrepot, upstream, image):
    """The challenge of /v2/ is as ever; one refused login is not enough."""
    rule = upstream.script(faults.status(403, b"{}"), match=lambda r: bool(r.authorization))
    assert_whole(entrepot.get(LATEST), image.manifest)
    rule.cancel()
    assert entrepot.metrics().sum("accounts_denied") == 0
    eventually(lambda: entrepot.get(OTHER).status == 200, what="the next check")
    assert not any(f"refuses the account {USER}" in line for line in entrepot.log_now())


def test_403_for_the_account_in_the_long_run(entrepot, upstream, image):
    upstream.script(faults.status(403, b"{}"), match=lambda r: bool(r.authorization))
    assert_whole(entrepot.get(LATEST), image.manifest)
    eventually(lambda: entrepot.metrics().sum("accounts_denied") == 1, what="the second check")
    assert state(entrepot)["state"] == "denied" and set(state(entrepot)["denied_seconds"]) == {USER}
    assert_whole(entrepot.get(LATEST), image.manifest)


@pytest.mark.parametrize("status", [403, 404])
def test_a_page_takes_no_tag(start, upstream, image, status):
    """A public registry, and no account."""
    entrepot = start({"docker.io": {"endpoint": upstream, **DUE}})
    assert_whole(entrepot.get(LATEST), image.manifest)
    wait_stored(entrepot)
    rule = upstream.script(faults.html_page(status))
    assert_whole(entrepot.get(LATEST), image.manifest)
    assert_whole(entrepot.get(LATEST), image.manifest)
    assert entrepot.get(OTHER).status == (503 if status == 403 else 404)
    assert_named(entrepot, "HTML page", str(status))
    rule.cancel()
    assert entrepot.get(OTHER).status == 200, "the failure is not remembered"


def hide(request, reply: Reply) -> None:
    """Answers 404 to those who may not read the repository, as some registries do."""
    if reply.status == 401 and request.authorization:
        hidden = error(404, "NAME_UNKNOWN")
        reply.status, reply.fields = 404, hidden.fields
        reply.replace_body(hidden.body, "application/json")


def test_a_private_image_that_is_hidden(start, upstream, image, account, tmp_path):
    upstream.role.require_bearer(users={USER: PASSWORD})
    upstream.role.private.add(REPOSITORY)
    upstream.script(hide, kind="manifest")
    as_configured = upstream.role._token

    def token(request):
        """Anonymous tokens, too."""
        if request.authorization:
            return as_configured(request)
        upstream.role.tokens["anonymous"] = (" ".join(request.query.get("scope", [])), False)
        return Reply(200, [("Content-Type", "application/json")], b'{"token":"anonymous"}')
    upstream.role._token = token
    (tmp_path / "password").write_text("wrong")
    entrepot = start({"docker.io": {"endpoint": upstream, "credentials": account}})
    response = entrepot.get(LATEST)
    assert_error(response, 503, code="UNAVAILABLE")
    assert b"refuses the configured account" in response.body
    (tmp_path / "password").write_text(PASSWORD)
    reload(entrepot)
    assert_whole(entrepot.get(LATEST), image.manifest)


@pytest.mark.parametrize("status", [400, 500])
def test_an_account_that_no_check_can_judge(entrepot, upstream, image, other, status):
    """The token server knows scoped requests only: the anonymous user is the last resort."""
    upstream.role.users = {}
    upstream.role.revoke_tokens()
    upstream.script(faults.status(status),
                    match=lambda r: r.kind == "token" and "scope" not in r.query)
    assert_whole(entrepot.get(OTHER), other.manifest)
    assert state(entrepot)["state"] == "denied"
    assert_named(entrepot, "answered 401", "password_file")
    upstream.role.private.add(REPOSITORY)
    assert_whole(entrepot.get(LATEST), image.manifest)
    wait_stored(entrepot, 2)
    assert len(loud(entrepot)) == 1, "once"


@pytest.mark.parametrize("fault", [faults.status(500), faults.too_many_requests(),
                                   faults.raw(b"")], ids=["500", "429", "closed"])
def test_a_hidden_image_while_no_login_is_known(entrepot, upstream, image, fault):
    """After a restart: the anonymous user gets 404, and /v2/, which names the login, fails."""
    def hide_from_anonymous(request, reply: Reply) -> None:
        if reply.status == 401 and not request.authorization:
            hidden = error(404, "NAME_UNKNOWN")
            reply.status, reply.fields = 404, hidden.fields
            reply.replace_body(hidden.body, "application/json")
    upstream.role.private.add(REPOSITORY)
    upstream.script(hide_from_anonymous, kind="manifest")
    entrepot.terminate()
    entrepot.start()
    upstream.script(fault, kind="ping")
    for _ in range(2):
        assert entrepot.get(LATEST).status in (200, 404, 503)
    upstream.go_down()
    assert_whole(entrepot.get(LATEST), image.manifest)


def test_a_registry_may_answer_404_with_a_page(start, upstream, image):
    """To one request, while its /v2/ is that of a registry: no trouble, but no tag is removed."""
    upstream.role.referrers_supported = False
    upstream.script(lambda request, reply: faults.html_page(404)(request, reply)
                    if reply.status == 404 else None)
    entrepot = start({"docker.io": {"endpoint": upstream, **DUE}})
    assert_whole(entrepot.get(LATEST), image.manifest)
    wait_stored(entrepot)
    assert entrepot.get(f"/v2/{REPOSITORY}/referrers/{image.manifest.digest}").status == 200
    for number in range(5):
        assert entrepot.get(manifest_target(f"missing{number}")).status == 404
    assert state(entrepot)["last_error"] is None and not loud(entrepot)
    failures = {labels["reason"]: count for labels, count
                in entrepot.metrics().named("endpoint_failures_total") if count}
    assert set(failures) == {"not-found"}
    upstream.delete_tag(REPOSITORY, "latest")
    for _ in range(2):
        assert_whole(entrepot.get(LATEST), image.manifest)
