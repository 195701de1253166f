# SPDX-License-Identifier: Apache-2.0
"""Token and Basic authentication towards the upstream, and its faults."""

import pytest

from support import content, faults
from support.account import BASIC, PASSWORD, USER
from support.checks import (REPOSITORY, assert_error, assert_whole, blob_target, manifest_target)
from support.client import download_together, wait_until_read
from support.gate import Gate


@pytest.fixture
def image(upstream):
    return upstream.add_image(REPOSITORY, content.image((3_000_000,)), "latest")


def pull(entrepot, image):
    assert_whole(entrepot.get(manifest_target("latest")), image.manifest)
    for blob in image.blobs:
        assert_whole(entrepot.get(blob_target(blob)), blob)


def test_anonymous_token(start, upstream, image):
    upstream.role.require_bearer()
    entrepot = start()
    pull(entrepot, image)
    tokens = upstream.requests("token")
    assert len(tokens) == 1, "one token serves the whole pull"
    assert tokens[0].query == {"service": ["registry.test"],
                               "scope": [f"repository:{REPOSITORY}:pull"]}
    assert tokens[0].authorization is None


def test_token_with_credentials(start, upstream, image, account):
    upstream.role.require_bearer(users={USER: PASSWORD})
    entrepot = start({"docker.io": {"endpoint": upstream, "credentials": account}})
    pull(entrepot, image)
    assert [r.authorization for r in upstream.requests("token")] == [BASIC]
    others = {r.authorization for r in upstream.requests() if r.kind != "token"}
    assert BASIC not in others, "the password goes to the realm, the token to the registry"
    assert PASSWORD not in entrepot.log.text and "token-1" not in entrepot.log.text


def test_basic(start, upstream, image, account):
    upstream.role.require_basic({USER: PASSWORD})
    entrepot = start({"docker.io": {"endpoint": upstream, "credentials": account}})
    pull(entrepot, image)
    assert PASSWORD not in entrepot.log.text


def test_several_credentials_share_the_load(start, upstream, account):
    """Each repository uses one of them."""
    upstream.role.require_bearer(users={USER: PASSWORD, "other": PASSWORD})
    names = [f"library/r{n}" for n in range(20)]
    blob = content.blob(1000)
    for name in names:
        upstream.add_blob(name, blob)
    entrepot = start({"docker.io": {"endpoint": upstream, "credentials": [
        *account, {**account[0], "username": "other"}]}})
    for name in [*names, *names]:
        assert_whole(entrepot.get(f"/v2/{name}/blobs/{blob.digest}"), blob)
    tokens = upstream.requests("token")
    assert len({token.authorization for token in tokens}) == 2
    assert len(tokens) == len(names)


def test_wrong_password(start, upstream, image, account):
    upstream.role.require_bearer(users={USER: "another"})
    entrepot = start({"registry.test": {"endpoint": upstream, "credentials": account}})
    response = entrepot.get(manifest_target("latest"))
    assert_error(response, 503, code="UNAVAILABLE")
    assert b"refuses the configured account" in response.body
    assert "WWW-Authenticate" not in response.headers


@pytest.mark.parametrize("fields", [
    {"token": None, "access_token": "token-1"}, {"expires_in": None}, {"expires_in": 0},
    {"issued_at": "2020-01-01T00:00:00Z"}, {"expires_in": 10**12}])
def test_token_answers_of_all_shapes(start, upstream, image, fields):
    """Both spellings, no lifetime, and implausible lifetimes."""
    upstream.role.require_bearer()
    upstream.role.token_fields = {"expires_in": 300, **fields}
    entrepot = start()
    if "access_token" in fields:
        upstream.script(faults.body(b'{"access_token":"token-1"}'), kind="token")
    pull(entrepot, image)


BROKEN_TOKENS = {
    "html": faults.html_page(),
    "empty": faults.body(b""),
    "no-token": faults.body(b'{"expires_in":300}'),
    "wrong-type": faults.body(b'{"token":42}'),
    "injection": faults.body(b'{"token":"x\\r\\nX-Injected: 1"}'),
    "huge": faults.body(b'{"token":"' + b"t" * 2_000_000 + b'"}'),
}


@pytest.mark.parametrize("name", BROKEN_TOKENS)
def test_broken_token_answers(start, upstream, image, name):
    upstream.role.require_bearer()
    upstream.script(BROKEN_TOKENS[name], kind="token")
    entrepot = start()
    assert_error(entrepot.get(manifest_target("latest")), 502)
    assert not any(r.header("X-Injected") for r in upstream.requests())


def test_a_refused_token_is_retried_once(start, upstream, image):
    """The upstream refuses the granted token: one retry, then an error; one token for all."""
    upstream.role.require_bearer()
    challenge = (f'Bearer realm="{upstream.url}/token",service="registry.test",'
                 f'scope="repository:{REPOSITORY}:pull"')
    gate = Gate()
    upstream.script(faults.together(faults.hold(gate), faults.challenge(challenge)), kind="blob")
    entrepot = start({"registry.test": upstream}, threads={"serve": 1})
    clients = download_together(entrepot.port, [blob_target(image.layers[0])] * 50, keep=True)
    wait_until_read(entrepot, clients)
    gate.open()
    for client in clients:
        response = client.finish()
        assert_error(response, 403, code="DENIED")
        assert "WWW-Authenticate" not in response.headers
    assert 1 <= upstream.count("token") <= 2
    assert upstream.count("blob") <= 4, "not one for each client"


def test_docker_hub_denies_unknown_repositories(start, upstream, image):
    upstream.role.require_bearer()
    upstream.role.private.add("library/secret")
    entrepot = start({"docker.io": upstream})
    assert_error(entrepot.get("/v2/library/secret/manifests/latest"), 404, code="NAME_UNKNOWN")


@pytest.mark.parametrize("allowed", [{}, {"internal": True}, {"token_hosts": ["127.0.0.2"]},
                                     {"internal": True, "token_hosts": ["127.0.0.2"]}])
def test_a_foreign_realm_needs_both_keys(start, make_upstream, upstream, image, account, allowed):
    """A realm on a private address of another host gets no request, unless both are configured."""
    realm = make_upstream(host="127.0.0.2")
    realm.role.tokens = upstream.role.tokens
    realm.role.users = {USER: PASSWORD}
    upstream.role.require_bearer(realm=f"{realm.url}/token", users={USER: PASSWORD})
    entrepot = start({"docker.io": {"endpoint": upstream, "credentials": account,
                                    **allowed}})
    if len(allowed) == 2:
        pull(entrepot, image)
        assert realm.requests("token")[0].authorization == BASIC
    else:
        assert_error(entrepot.get(manifest_target("latest")), 502)
        assert realm.connections_seen == 0
        assert entrepot.metrics().sum("endpoint_failures_total", reason="token") == 1
    assert not any(r.authorization == BASIC for r in upstream.requests())


@pytest.mark.parametrize("realm", [
    "http://169.254.169.254/latest/meta-data/", "http://127.0.0.1:1/token", "file:///etc/passwd",
    "/token", "http://user:password@127.0.0.1/token", "gopher://127.0.0.1/", "", "https://"])
def test_invalid_realms_get_no_request(start, upstream, image, account, realm):
    upstream.role.require_bearer(realm=realm or " ", users={USER: PASSWORD})
    entrepot = start({"docker.io": {"endpoint": upstream, "credentials": account}})
    assert_error(entrepot.get(manifest_target("latest")), 502)
    assert all(r.authorization is None for r in upstream.requests())


CHALLENGES = [
    ("Bearer", 403), ("Bearer realm", 403), ('Bearer realm="', 403), ("Negotiate", 403), ("", 403),
    ('Digest realm="x"', 403), ("Bearer " + 'x="y",' * 5000, 403),
    ('Bearer realm="a", Basic realm="b', 502)]


@pytest.mark.parametrize("challenge, status", CHALLENGES)
def test_invalid_challenges_fail(start, upstream, image, challenge, status):
    upstream.script(faults.challenge(challenge))
    entrepot = start({"registry.test": upstream})
    assert_error(entrepot.get(manifest_target("latest")), status)


def test_a_challenge_with_a_too_long_token_url_fails(start, upstream, image):
    long = "%" * 4000
    rule = upstream.script(faults.challenge(
        f'Bearer realm="{upstream.url}/token",service="{long}",scope="{long}"'))
    entrepot = start()
    for target in (manifest_target("latest"), blob_target(image.config),
                   f"/v2/{REPOSITORY}/tags/list"):
        assert_error(entrepot.get(target), 502)
    rule.cancel()
    pull(entrepot, image)


def test_a_token_expires_between_requests(start, upstream, image):
    upstream.role.require_bearer()
    entrepot = start()
    assert_whole(entrepot.get(manifest_target("latest")), image.manifest)
    upstream.role.revoke_tokens()
    for blob in image.blobs:
        assert_whole(entrepot.get(blob_target(blob)), blob)
    assert upstream.count("token") == 2


def test_a_token_expires_within_a_blob(start, upstream, image):
    """The resume of a broken body has a token that is no longer valid."""
    upstream.role.require_bearer()
    layer = image.layers[0]
    upstream.script(faults.reset_after(2_000_000), kind="blob", times=2)

    def revoke(_request, _reply):
        upstream.role.revoke_tokens()
    upstream.script(revoke, kind="blob", match=lambda r: r.authorization is not None, times=1)
    entrepot = start()
    assert_whole(entrepot.get(blob_target(layer)), layer)
    assert upstream.count("token") == 2
    assert upstream.requests("blob")[-1].range is not None


def test_tokens_are_per_repository(start, upstream, image):
    upstream.role.require_bearer()
    other = upstream.add_image("library/other", content.image(seed=5), "latest")
    entrepot = start()
    pull(entrepot, image)
    assert_whole(entrepot.get(manifest_target("latest", "library/other")), other.manifest)
    scopes = [r.query["scope"] for r in upstream.requests("token")]
    assert scopes == [[f"repository:{REPOSITORY}:pull"], ["repository:library/other:pull"]]


def test_credentials_of_clients_are_not_sent_on(start, upstream, image):
    """No header of a client's credentials reaches an upstream."""
    entrepot = start()
    headers = {"Authorization": "Basic c2VjcmV0OnNlY3JldA==", "Cookie": "a=b"}
    assert_whole(entrepot.get(manifest_target("latest"), headers=headers), image.manifest)
    for request in upstream.requests():
        assert request.authorization is None and request.header("Cookie") is None
    assert "c2VjcmV0" not in entrepot.log.text
