# SPDX-License-Identifier: Apache-2.0
"""Token servers of another domain, and token servers that redirect."""

import pytest

from support import content, faults
from support.account import BASIC, PASSWORD, USER
from support.checks import REPOSITORY, assert_error, assert_whole, manifest_target
from support.network import own_network

PUBLIC = "9.9.9.9"  # an address of this machine, in a network of its own


@pytest.fixture
def public():
    """A network in which this machine has a public address."""
    with own_network(PUBLIC):
        yield PUBLIC


def registry(upstream, *token_servers, realm: str, users=None):
    """Makes the upstream a registry with an image, whose tokens come from those servers."""
    for server in token_servers:
        server.role.tokens, server.role.users = upstream.role.tokens, users or {}
    upstream.role.require_bearer(realm=realm, users=users)
    return upstream.add_image(REPOSITORY, content.image((1000,)), "latest")


def passwords(*servers) -> int:
    return sum(r.authorization == BASIC for server in servers for r in server.requests())


def test_tokens_of_another_domain_for_the_anonymous_user(public, start, make_upstream):
    """A company has its own name in front of another company's registry."""
    upstream, realm = make_upstream(), make_upstream(host=public)
    image = registry(upstream, realm, realm=f"{realm.url}/token")
    entrepot = start({"registry.test": upstream})
    assert_whole(entrepot.get(manifest_target("latest")), image.manifest)
    assert realm.requests("token")[0].authorization is None


def test_no_password_for_another_domain(public, start, make_upstream, account):
    upstream, realm = make_upstream(), make_upstream(host=public)
    registry(upstream, realm, realm=f"{realm.url}/token", users={USER: PASSWORD})
    entrepot = start({"registry.test": {"endpoint": upstream, "credentials": account}})
    assert_error(entrepot.get(manifest_target("latest")), 502)
    entrepot.log.wait_for("token_hosts")
    assert realm.connections_seen == 0


def test_no_private_address_for_the_anonymous_user(start, make_upstream, upstream):
    realm = make_upstream(host="127.0.0.2")
    registry(upstream, realm, realm=f"{realm.url}/token")
    entrepot = start({"registry.test": upstream})
    assert_error(entrepot.get(manifest_target("latest")), 502)
    assert realm.connections_seen == 0


def test_a_realm_of_plain_http_that_redirects_to_https(public, start, make_upstream, authority):
    tls = authority.server(hosts=(f"IP:{public}", "IP:127.0.0.1"))
    upstream, realm = make_upstream(tls=tls), make_upstream(host=public, tls=tls)
    plain = make_upstream(host=public)
    image = registry(upstream, realm, realm=f"{plain.url}/token")

    def to_https(request, reply):
        faults.redirect(realm.url + request.target, 301)(request, reply)
    plain.script(to_https)
    entrepot = start({"registry.test": {"endpoint": upstream,
                                        "ca_file": str(authority.certificate)}})
    assert_whole(entrepot.get(manifest_target("latest")), image.manifest)


def test_a_token_server_adds_a_slash(start, upstream, account):
    image = registry(upstream, realm=f"{upstream.url}/auth", users={USER: PASSWORD})

    def moved(request, reply):
        faults.redirect(request.target.replace("/auth", "/token"), 301)(request, reply)
    upstream.script(moved, match=lambda r: r.path == "/auth")
    entrepot = start({"registry.test": {"endpoint": upstream, "credentials": account}})
    assert_whole(entrepot.get(manifest_target("latest")), image.manifest)
    assert upstream.count("token") == 1 and passwords(upstream) == 2


def test_another_origin_of_the_host_gets_no_password(start, make_upstream, upstream, account):
    """The token is the anonymous user's, and so is the answer to it."""
    elsewhere = make_upstream()
    image = registry(upstream, elsewhere, realm=f"{upstream.url}/token")
    upstream.script(faults.redirect(f"{elsewhere.url}/token?scope=repository:{REPOSITORY}:pull"),
                    kind="token")
    hidden = upstream.script(faults.status(404),
                             match=lambda r: r.kind == "manifest" and r.authorization is not None)
    entrepot = start({"registry.test": {"endpoint": upstream, "credentials": account,
                                        "internal": True}})
    assert_error(entrepot.get(manifest_target("latest")), 502)
    hidden.cancel()
    assert_whole(entrepot.get(manifest_target("latest")), image.manifest)
    assert elsewhere.count("token") == 1 and passwords(elsewhere) == 0


@pytest.mark.parametrize("where, internal", [("other-host", True), ("other-host", False),
                                             ("private", False), ("itself", False)])
def test_redirects_of_a_token_server_that_are_not_followed(start, make_upstream, upstream, account,
                                                           where, internal):
    elsewhere = make_upstream(host="127.0.0.2" if where == "other-host" else "127.0.0.1")
    registry(upstream, elsewhere, realm=f"{upstream.url}/token", users={USER: PASSWORD})
    target = upstream if where == "itself" else elsewhere
    upstream.script(faults.redirect(f"{target.url}/token"), kind="token")
    entrepot = start({"registry.test": {"endpoint": upstream, "credentials": account,
                                        "internal": internal}})
    assert_error(entrepot.get(manifest_target("latest")), 502)
    assert elsewhere.connections_seen == 0
    assert upstream.count("token") <= 6


def test_a_token_server_must_not_redirect_to_plain_http(start, make_upstream, authority):
    upstream, plain = make_upstream(tls=authority.server()), make_upstream()
    registry(upstream, plain, realm=f"{upstream.url}/token")
    upstream.script(faults.redirect(f"{plain.url}/token"), kind="token")
    entrepot = start({"registry.test": {"endpoint": upstream, "internal": True,
                                        "ca_file": str(authority.certificate)}})
    assert_error(entrepot.get(manifest_target("latest")), 502)
    assert plain.connections_seen == 0
