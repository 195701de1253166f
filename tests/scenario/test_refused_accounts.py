# SPDX-License-Identifier: Apache-2.0
"""A registry refuses the account of the mirror: no outage, and loud. The refusal of one repository
is none of the account."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import content, faults, logins
from support.account import BASIC, PASSWORD, USER
from support.checks import (REPOSITORY, assert_error, assert_whole, blob_target, manifest_target)
from support.gate import Gate, eventually
from support.reload import reload

LATEST = manifest_target("latest")
DUE = {"tags": {"fresh_for": "0s", "stale_for": "7d"}}


def state(entrepot, number: int = 0) -> dict:
    document = json.loads(entrepot.admin("/api/v1/upstreams").body)
    return document["upstreams"][0]["endpoints"][number]


def wait_stored(entrepot, tags: int = 1) -> None:
    """The store pool counts a tag a moment after its client has it, and a tag that is forgotten some
    seconds later. That a tag was kept is shown by the next request only: it is served stale."""
    eventually(lambda: entrepot.metrics().sum("cache_objects", kind="tag") == tags,
               what=f"{tags} stored tags")


def refusals(entrepot) -> list[str]:
    return [line for line in entrepot.log_now() if "refuses the account" in line]


def refuse_by_token(upstream) -> None:
    """The token server gives anonymous tokens only."""
    upstream.role.users = {}
    upstream.role.revoke_tokens()


@pytest.fixture
def image(upstream):
    return upstream.add_image(REPOSITORY, content.image((300_000,)), "latest")


@pytest.fixture
def entrepot(start, upstream, image, account):
    """Its account works, and it has pulled the tag, which is due at once."""
    upstream.role.require_bearer(users={USER: PASSWORD})
    entrepot = start({"docker.io": {"endpoint": upstream, "credentials": account, **DUE}})
    assert_whole(entrepot.get(LATEST), image.manifest)
    return entrepot


def test_a_public_image_is_pulled_anonymously(entrepot, upstream, image):
    refuse_by_token(upstream)
    assert_whole(entrepot.get(LATEST), image.manifest)
    for blob in image.blobs:
        assert_whole(entrepot.get(blob_target(blob)), blob)
    assert state(entrepot)["state"] == "denied"
    assert set(state(entrepot)["denied_seconds"]) == {USER}
    assert entrepot.metrics().sum("accounts_denied") == 1
    (line,) = refusals(entrepot)
    for word in (" error ", "docker.io", USER, "answered 401", "password_file", "SIGHUP"):
        assert word in line
    assert PASSWORD not in entrepot.log.text


def test_a_private_image_is_served_stale_and_kept(entrepot, upstream, image):
    refuse_by_token(upstream)
    upstream.role.private.add(REPOSITORY)
    for _ in range(3):
        response = entrepot.get(LATEST)
        assert_whole(response, image.manifest)
    assert_whole(entrepot.get(LATEST), image.manifest)
    assert state(entrepot)["state"] == "denied"
    # Other images cannot be had, and the reason is the account.
    response = entrepot.get(manifest_target("other"))
    assert_error(response, 503, code="UNAVAILABLE")
    assert b"refuses the configured account" in response.body
    assert len(refusals(entrepot)) == 1, "a change of state, not of every request"


def test_a_refused_account_is_not_repeated(entrepot, upstream):
    """Registries lock accounts after many wrong passwords."""
    refuse_by_token(upstream)
    entrepot.get(LATEST)
    tried = sum(request.authorization == BASIC for request in upstream.requests("token"))
    for number in range(20):
        entrepot.get(manifest_target("latest", f"library/r{number}"))
    assert sum(request.authorization == BASIC
               for request in upstream.requests("token")) == tried


def test_by_password(start, upstream, image, account):
    upstream.role.require_basic({USER: PASSWORD})
    entrepot = start({"docker.io": {"endpoint": upstream, "credentials": account, **DUE}})
    assert_whole(entrepot.get(LATEST), image.manifest)
    upstream.role.users = {USER: "another"}
    for _ in range(2):
        assert_whole(entrepot.get(LATEST), image.manifest)
    assert_whole(entrepot.get(LATEST), image.manifest)
    assert state(entrepot)["state"] == "denied"
    assert len(refusals(entrepot)) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_of_everything(entrepot, upstream, image, status, tmp_path):
    """A 401 is the account's; a 403 is everybody's, and ends by itself."""
    rule = upstream.script(faults.status(status))
    for _ in range(2):
        assert_whole(entrepot.get(LATEST), image.manifest)
    assert_whole(entrepot.get(LATEST), image.manifest)
    assert state(entrepot)["state"] == "denied"
    assert len(refusals(entrepot)) == (1 if status == 401 else 0)
    rule.cancel()
    if status == 401:
        upstream.role.users = {USER: "new password"}
        (tmp_path / "password").write_text("new password")
        reload(entrepot)
    assert entrepot.get(manifest_target("other")).status == 404
    assert state(entrepot)["state"] == "working"


def test_a_reload_forgets_no_refusal(start, upstream, image, account):
    """Nor its pause. Each fetch loop would count the account, log it and check it on its own."""
    upstream.role.require_bearer(users={USER: "another"})
    entrepot = start({"docker.io": {"endpoint": upstream, "credentials": account, **DUE}},
                     threads={"serve": 2, "fetch": 4, "store": 2})
    for number in range(12):
        entrepot.get(manifest_target("latest", f"library/r{number}"))
    tried = sum(request.authorization == BASIC for request in upstream.requests("token"))
    assert tried <= 2, "by the first request, and by the check"
    reload(entrepot, "nothing has changed")
    entrepot.config["upstreams"]["docker.io"]["token_hosts"] = ["token.example.net"]
    reload(entrepot, "upstreams changed: docker.io")
    for number in range(12):
        entrepot.get(manifest_target("latest", f"library/r{number}"))
    assert sum(request.authorization == BASIC for request in upstream.requests("token")) == tried
    assert len(refusals(entrepot)) == 1
    assert entrepot.metrics().sum("accounts_denied") == 1
    assert state(entrepot)["state"] == "denied"


@pytest.mark.parametrize("fetch", [1, 4])
def test_a_burst_of_requests_sends_a_wrong_password_twice(start, upstream, account, fetch):
    upstream.role.require_bearer(users={USER: "another"})
    gate = Gate()
    upstream.script(faults.hold(gate), kind="token")
    entrepot = start({"docker.io": {"endpoint": upstream, "credentials": account, **DUE}},
                     threads={"serve": 2, "fetch": fetch, "store": 2},
                     timeouts={"first_byte": "10m"})  # the longest wait is a tenth of it
    with ThreadPoolExecutor(20) as pool:
        answers = [pool.submit(entrepot.get, manifest_target("latest", f"library/r{number}"))
                   for number in range(20)]
        eventually(lambda: upstream.count("manifest") == 20, what="the challenge of each request")
        gate.open()
        assert {answer.result().status for answer in answers} == {503}
    with_password = [r for r in upstream.requests("token") if r.authorization == BASIC]
    assert len(with_password) == 2, "by the first request, and by the check"
    assert len(refusals(entrepot)) == 1 and entrepot.metrics().sum("accounts_denied") == 1


@pytest.mark.parametrize("fetch", [1, 4])
def test_a_burst_of_requests_with_the_right_password(start, upstream, account, fetch):
    """The requests that wait for the first one go on."""
    upstream.role.require_bearer(users={USER: PASSWORD})
    images = [upstream.add_image(f"library/r{number}", content.image(seed=number), "latest")
              for number in range(12)]
    entrepot = start({"docker.io": {"endpoint": upstream, "credentials": account, **DUE}},
                     threads={"serve": 2, "fetch": fetch, "store": 2})
    with ThreadPoolExecutor(12) as pool:
        answers = [pool.submit(entrepot.get, manifest_target("latest", f"library/r{number}"))
                   for number in range(12)]
        for image, answer in zip(images, answers):
            assert_whole(answer.result(), image.manifest)


def test_one_repository_is_refused_for_itself(entrepot, upstream, image):
    """The tag is forgotten, and the account goes on."""
    other = upstream.add_image("library/other", content.image(seed=3), "latest")
    assert_whole(entrepot.get(manifest_target("latest", "library/other")), other.manifest)
    wait_stored(entrepot, 2)
    rule = upstream.script(faults.status(403), match=lambda r: r.repository == REPOSITORY)
    assert entrepot.get(LATEST).status in (403, 404)
    wait_stored(entrepot)
    assert state(entrepot)["state"] == "working"
    assert_whole(entrepot.get(manifest_target("latest", "library/other")), other.manifest)
    rule.cancel()
    assert not refusals(entrepot)


def test_a_new_password_counts_at_sighup(entrepot, upstream, image, account, tmp_path):
    upstream.role.users = {USER: "new password"}
    upstream.role.revoke_tokens()
    assert_whole(entrepot.get(LATEST), image.manifest)
    assert state(entrepot)["state"] == "denied"
    (tmp_path / "password").write_text("new password")
    reload(entrepot, "upstreams changed: docker.io")
    upstream.forget()
    moved = upstream.add_image(REPOSITORY, content.image(seed=9), "latest")
    # A tag whose check has failed is checked again in the background, at most every 5 s.
    eventually(lambda: entrepot.get(LATEST).body == moved.manifest.data, what="the moved tag")
    assert_whole(entrepot.get(manifest_target(moved.manifest)), moved.manifest)
    assert state(entrepot)["state"] == "working"
    eventually(lambda: entrepot.metrics().sum("accounts_denied") == 0, what="none is denied")


def test_another_endpoint_goes_on(start, make_upstream, upstream, image, account):
    """The one that refuses the account says nothing about what it has."""
    other = make_upstream()
    other.add_image(REPOSITORY, image, "latest")
    for one in (upstream, other):
        one.role.require_bearer(users={USER: PASSWORD})
    entrepot = start({"docker.io": {"endpoints": [
        {"url": upstream.url, "credentials": account},
        {"url": other.url, "credentials": account}], **DUE}})
    assert_whole(entrepot.get(LATEST), image.manifest)
    upstream.role.users = {USER: "another"}
    upstream.role.revoke_tokens()
    for _ in range(6):
        assert_whole(entrepot.get(LATEST), image.manifest)
    other.delete_tag(REPOSITORY, "latest")
    upstream.delete_tag(REPOSITORY, "latest")
    assert_whole(entrepot.get(LATEST), image.manifest)
    assert_whole(entrepot.get(LATEST), image.manifest)  # the one that refuses the account may have it


def test_another_account_goes_on(start, upstream, image, account):
    upstream.role.require_basic({USER: PASSWORD, "other": PASSWORD})
    entrepot = start({"docker.io": {"endpoint": upstream, **DUE, "credentials": [
        *account, {**account[0], "username": "other"}]}})
    upstream.role.users = {"other": PASSWORD}
    for number in range(10):
        name = f"library/r{number}"
        there = upstream.add_image(name, content.image(seed=number), "latest")
        assert_whole(entrepot.get(manifest_target("latest", name)), there.manifest)
    assert state(entrepot)["state"] == "working", "an account is left"
    assert list(state(entrepot)["denied_seconds"]) == [USER]
    (line,) = refusals(entrepot)
    assert "as another account" in line


def test_the_anonymous_user_is_limited(entrepot, upstream, image):
    refuse_by_token(upstream)
    assert_whole(entrepot.get(LATEST), image.manifest)
    upstream.script(faults.too_many_requests("60"), kind="manifest")
    for _ in range(2):
        assert_whole(entrepot.get(LATEST), image.manifest)
    response = entrepot.get(manifest_target("other"))
    assert_error(response, 503, code="UNAVAILABLE")
    assert_whole(entrepot.get(LATEST), image.manifest)
    assert entrepot.metrics().sum("accounts_denied") == 1, "an alert names the cause"


def test_a_chain_of_mirrors(start, upstream, image, account, tmp_path):
    """The site's mirror refuses the node's account; then the registry refuses the site's."""
    htpasswd = logins.write_users(tmp_path / "users", {USER: PASSWORD})
    upstream.role.require_bearer(users={USER: PASSWORD})
    auth = {"htpasswd": str(htpasswd)}
    site = start({"docker.io": {"endpoint": upstream, "credentials": account, **DUE}},
                 listen=[{"address": "127.0.0.1:0", "auth": auth}])
    (tmp_path / "node").write_text(PASSWORD)
    (tmp_path / "node").chmod(0o600)
    node = start({"docker.io": {"endpoints": [
        {"url": f"http://127.0.0.1:{site.port}", "ns": True, "credentials": [
            {"username": USER, "password_file": str(tmp_path / "node")}]}], **DUE}})
    assert_whole(node.get(LATEST), image.manifest)
    refuse_by_token(upstream)
    upstream.role.private.add(REPOSITORY)
    assert_whole(node.get(LATEST), image.manifest)
    assert state(site)["state"] == "denied" and state(node)["state"] == "working"
    assert_error(node.get(manifest_target("other")), 503)
    (tmp_path / "node").write_text("wrong")
    reload(node)
    assert_whole(node.get(LATEST), image.manifest)
    assert state(node)["state"] == "denied"
    assert_whole(node.get(LATEST), image.manifest)


def test_a_login_of_a_client_is_another_matter(start, upstream, image, account, tmp_path):
    htpasswd = logins.write_users(tmp_path / "users", {"alice": "right"})
    upstream.role.require_bearer(users={USER: PASSWORD})
    entrepot = start({"docker.io": {"endpoint": upstream, "credentials": account, **DUE}},
                     listen=[{"address": "127.0.0.1:0", "auth": {"htpasswd": str(htpasswd)}}])
    wrong = logins.basic("alice", "wrong")
    assert entrepot.get(LATEST, headers=wrong).status in (401, 403)
    assert state(entrepot)["state"] == "working"
    assert entrepot.metrics().sum("accounts_denied") == 0 and not upstream.requests()
    right = logins.basic("alice", "right")
    assert_whole(entrepot.get(LATEST, headers=right), image.manifest)
