# SPDX-License-Identifier: Apache-2.0
"""Logins of upstreams that change, that need another place, or that take another form."""

import pytest

from support import content, faults
from support.account import PASSWORD, USER
from support.checks import REPOSITORY, assert_error, assert_whole, manifest_target

OTHERS = ("library/second", "library/third", "library/fourth")


@pytest.fixture
def images(upstream):
    """An image in each of four repositories."""
    return {name: upstream.add_image(name, content.image((1000,)), "latest")
            for name in (REPOSITORY, *OTHERS)}


@pytest.fixture
def begin(start, upstream, account):
    """A mirror of the upstream, with an account or without."""
    def make(with_account: bool = True, **changes):
        settings = {"endpoint": upstream, "internal": True, **changes}
        if with_account:
            settings["credentials"] = account
        return start({"registry.test": settings}, timeouts={"connect": "1s"})
    return make


def pull(entrepot, images, repository: str = REPOSITORY) -> None:
    response = entrepot.get(manifest_target("latest", repository))
    assert_whole(response, images[repository].manifest)


def require_bearer(upstream, realm, with_account: bool) -> None:
    """Sets the upstream to require tokens from another server."""
    users = {USER: PASSWORD} if with_account else {}
    realm.role.tokens, realm.role.users = upstream.role.tokens, users
    upstream.role.require_bearer(realm=f"{realm.url}/token", users=users)


def bare(upstream, **match) -> int:
    return sum(1 for r in upstream.requests(**match)
               if r.authorization is None and r.kind not in ("token", "ping"))


GONE = {
    "down": lambda server: server.go_down(),
    "404": lambda server: server.script(faults.status(404)),
    "503": lambda server: server.script(faults.status(503)),
    "denied": lambda server: server.script(faults.status(401)),
    "page": lambda server: server.script(faults.html_page()),
}


@pytest.mark.parametrize("gone, with_account", [*((gone, True) for gone in GONE), ("down", False)])
def test_the_token_server_moves(begin, make_upstream, upstream, images, gone, with_account):
    old, new = make_upstream(), make_upstream()
    require_bearer(upstream, old, with_account)
    entrepot = begin(with_account)
    pull(entrepot, images)
    GONE[gone](old)
    require_bearer(upstream, new, with_account)
    pull(entrepot, images, OTHERS[0])
    asked = old.count("token")
    pull(entrepot, images, OTHERS[1])
    assert old.count("token") == asked, "what fails is forgotten"
    assert bare(upstream) == 2, "and the new one is remembered"


@pytest.mark.parametrize("with_account", [True, False])
def test_the_token_server_is_wrong_at_first(begin, make_upstream, upstream, images, with_account):
    wrong = make_upstream()
    wrong.script(faults.status(404))
    upstream.role.require_bearer(realm=f"{wrong.url}/token")
    entrepot = begin(with_account)
    assert_error(entrepot.get(manifest_target("latest")), 502)
    require_bearer(upstream, make_upstream(), with_account)
    pull(entrepot, images, OTHERS[0])


@pytest.mark.parametrize("alive", [True, False])
@pytest.mark.parametrize("with_account", [True, False])
def test_from_tokens_to_nothing_and_back(begin, make_upstream, upstream, images, with_account,
                                         alive):
    realm = make_upstream()
    require_bearer(upstream, realm, with_account)
    entrepot = begin(with_account)
    pull(entrepot, images)
    upstream.role.auth = None
    if not alive:
        realm.go_down()
    pull(entrepot, images, OTHERS[0])
    pull(entrepot, images, OTHERS[1])
    if not alive:
        realm.come_back()
    require_bearer(upstream, realm, with_account)
    pull(entrepot, images, OTHERS[2])


@pytest.mark.parametrize("alive", [True, False])
def test_from_tokens_to_a_password_and_back(begin, make_upstream, upstream, images, alive):
    realm = make_upstream()
    require_bearer(upstream, realm, with_account=True)
    entrepot = begin()
    pull(entrepot, images)
    if not alive:
        realm.script(faults.status(404), times=1)
    upstream.role.require_basic({USER: PASSWORD})
    pull(entrepot, images, OTHERS[0])
    require_bearer(upstream, realm, with_account=True)
    pull(entrepot, images, OTHERS[1])


def test_a_realm_with_a_space_is_encoded(begin, upstream, images):
    upstream.role.require_bearer(realm=f"{upstream.url}/token?for=my registry")
    pull(begin(with_account=False), images)
    assert [r.query["for"] for r in upstream.requests("token")] == [["my registry"]]


@pytest.mark.parametrize("with_account", [True, False])
@pytest.mark.parametrize("retry_after", ["60", None])
def test_a_limit_of_the_token_server_concerns_tokens_only(begin, make_upstream, upstream, images,
                                                          with_account, retry_after):
    """A repository that needs no token, and one whose token is valid, are served meanwhile."""
    realm = make_upstream()
    require_bearer(upstream, realm, with_account)
    entrepot = begin(with_account)
    pull(entrepot, images)
    upstream.role.open.add(OTHERS[1])
    realm.script(faults.too_many_requests(retry_after))
    realm.forget()
    limited = entrepot.get(manifest_target("latest", OTHERS[0]))
    assert_error(limited, 503)
    assert int(limited.headers["Retry-After"]) > 0
    asked = realm.count("token")
    pull(entrepot, images, OTHERS[1])
    config = images[REPOSITORY].config
    assert_whole(entrepot.get(f"/v2/{REPOSITORY}/blobs/{config.digest}"), config)
    if retry_after:
        assert_error(entrepot.get(manifest_target("latest", OTHERS[2])), 503)
        assert realm.count("token") == asked == 1, "no request to the server within its limit"
        entrepot.log.wait_for(f"the token server {realm.url}/token answered 429")


@pytest.mark.parametrize("status", [403, 404])
def test_a_token_server_that_fails_makes_nothing_absent(begin, make_upstream, upstream, images,
                                                        status):
    """A registry that hides its repositories from the anonymous user: this answer does not hold for
    the account."""
    realm = make_upstream()
    require_bearer(upstream, realm, with_account=True)
    upstream.script(faults.status(status),
                    match=lambda r: r.authorization is None and r.kind == "manifest")
    entrepot = begin()
    pull(entrepot, images)
    rule = realm.script(faults.status(503), kind="token")
    assert_error(entrepot.get(manifest_target("latest", OTHERS[0])), 503)
    rule.cancel()
    pull(entrepot, images, OTHERS[1])


def scope_in_the_realm(upstream):
    """The form of nvcr.io."""
    def spoil(request, reply):
        if reply.status == 401 and request.kind != "token":
            scope = f"repository:{request.repository}:pull"
            reply.drop("WWW-Authenticate")
            reply.set("WWW-Authenticate", f'Bearer realm="{upstream.url}/token?scope={scope}"')
    return spoil


@pytest.mark.parametrize("with_account", [True, False])
def test_a_scope_in_the_realm_is_for_one_repository(begin, upstream, images, with_account):
    upstream.role.require_bearer(users={USER: PASSWORD} if with_account else {})
    upstream.script(scope_in_the_realm(upstream))
    upstream.script(faults.status(403), kind="token",
                    match=lambda r: any("closed" in scope for scope in r.query["scope"]))
    entrepot = begin(with_account)
    assert_error(entrepot.get(manifest_target("latest", "library/closed")), 403)
    for name, image in images.items():
        pull(entrepot, images, name)
        assert_whole(entrepot.get(f"/v2/{name}/blobs/{image.config.digest}"), image.config)
        assert bare(upstream, repository=name) == 1, "it is remembered for its repository"
    scopes = {scope for r in upstream.requests("token") for scope in r.query["scope"]}
    if with_account:
        scopes.remove("repository::pull")  # for /v2/: the refusal is not that of the account
    assert scopes == {f"repository:{name}:pull" for name in ("library/closed", *images)}


def challenge_at_base_only(upstream) -> None:
    """A scope that does not belong to the request, as that of ghcr.io."""
    def challenge(request, reply):
        scheme = next((value for name, value in reply.fields if name == "WWW-Authenticate"), None)
        reply.drop("WWW-Authenticate")
        if scheme and request.kind == "ping":
            reply.set("WWW-Authenticate", scheme + ',scope="repository:user/image:pull"')
    upstream.script(challenge)


def hide(upstream, status: int) -> None:
    upstream.script(faults.status(status),
                    match=lambda r: r.authorization is None and r.kind in ("manifest", "blob"))


@pytest.mark.parametrize("auth, how", [("bearer", "bare"), ("basic", "bare"), ("bearer", "unknown"),
                                       ("basic", 403), ("bearer", 404)])
def test_the_challenge_is_at_the_base_only(begin, upstream, images, auth, how):
    getattr(upstream.role, f"require_{auth}")(users={USER: PASSWORD})
    if how == "unknown":
        upstream.script(faults.field("WWW-Authenticate", "Negotiate"),
                        match=lambda r: r.kind in ("manifest", "blob") and r.authorization is None)
    if how in (403, 404):
        hide(upstream, how)
    challenge_at_base_only(upstream)
    entrepot = begin()
    for name in images:
        pull(entrepot, images, name)
    assert upstream.count("ping") == 1
    assert bare(upstream) == 1


def test_the_anonymous_user_finds_the_challenge_at_the_base(begin, upstream, images):
    upstream.role.require_bearer()
    challenge_at_base_only(upstream)
    entrepot = begin(with_account=False)
    for name in images:
        pull(entrepot, images, name)
    assert upstream.count("ping") == 1


@pytest.mark.parametrize("status, base, answer", [
    (401, faults.challenge(""), 503), (401, faults.redirect("/login"), 403),
    (403, faults.status(200), 403), (403, faults.status(403), 503), (403, faults.status(500), 503),
    (404, faults.status(404), 404), (404, faults.status(500), 404),
    (404, faults.reset_after(0), 404)])
def test_a_base_without_a_challenge_gets_one_request(begin, upstream, images, status, base, answer):
    """503 where the endpoint refuses its base as well: it names no login for the account."""
    upstream.script(base, kind="ping")
    hide(upstream, status)
    entrepot = begin()
    for name in images:
        assert_error(entrepot.get(manifest_target("latest", name)), answer)
    assert upstream.count("ping") == 1
    assert bare(upstream) == len(images)


def test_an_absent_tag_of_a_free_registry_is_absent(begin, upstream, images):
    entrepot = begin()
    pull(entrepot, images)
    for number in range(3):
        assert_error(entrepot.get(manifest_target(f"absent-{number}")), 404)
    assert upstream.count("ping") == 1


@pytest.mark.parametrize("with_account", [True, False])
def test_a_closed_repository_does_not_close_the_others(begin, upstream, images, with_account):
    """The token server fails; requests that need no token are served."""
    upstream.script(faults.challenge(f'Bearer realm="{upstream.url}/token"'),
                    repository="library/closed")
    upstream.script(faults.status(503), kind="token")
    entrepot = begin(with_account)
    assert_error(entrepot.get(manifest_target("latest", "library/closed")), 503)
    for name in images:
        pull(entrepot, images, name)


def test_a_repository_without_tokens_is_served_while_tokens_fail(begin, upstream, images):
    """The account's tokens have served another repository."""
    upstream.role.require_bearer(users={USER: PASSWORD})
    entrepot = begin()
    pull(entrepot, images)
    upstream.script(faults.status(503), kind="token")
    upstream.role.auth = None
    pull(entrepot, images, OTHERS[0])


def test_a_password_of_many_lines(start, upstream, images, tmp_path):
    """A key in JSON, as Google's registries accept it."""
    key = '{\n  "type": "service_account",\n  "private_key": "line\\nline"\n}'
    file = tmp_path / "key.json"
    file.write_text(key + "\n")
    file.chmod(0o600)
    upstream.role.require_basic({"_json_key": key})
    entrepot = start({"registry.test": {
        "endpoint": upstream,
        "credentials": [{"username": "_json_key", "password_file": str(file)}]}})
    pull(entrepot, images)
    assert "private_key" not in entrepot.log.text
