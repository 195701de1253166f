# SPDX-License-Identifier: Apache-2.0
"""Access rules and logins along a chain: a node's mirror fetches from the site's mirror."""

from __future__ import annotations

import pytest

from support import content, logins
from support.checks import assert_whole, manifest_target
from support.logins import basic

HUB, OTHER = "docker.io", "ghcr.io"
TOKEN = "entrepot_" + "t" * 43


@pytest.fixture
def image(upstream):
    return upstream.add_image("library/app", content.image(), "latest")


@pytest.fixture
def secret(upstream):
    return upstream.add_image("acme/secret", content.image(seed=7), "latest")


def node_of(start, site, **keys):
    return start({HUB: {"endpoints": [{"url": f"http://127.0.0.1:{site.port}", "ns": True,
                                       **keys.pop("endpoint", {})}]}}, **keys)


def site_of(start, upstream, **keys):
    """A mirror of two upstreams that are the same registry here."""
    endpoints = {"endpoints": [{"url": upstream.url}]}
    return start({HUB: {**endpoints, "aliases": ["hub"]}, OTHER: endpoints}, **keys)


@pytest.mark.parametrize("name", ["docker.io/docker.io/app", "docker.io/hub/app", "hub/app",
                                  "docker.io/docker.io/library/app", "docker.io/hub/library/app"])
def test_a_prefix_does_not_pass_the_deny_list_of_a_node(start, upstream, image, name):
    """The node judges the name that the site then serves."""
    node = node_of(start, site_of(start, upstream), policy={HUB: {"deny": ["library/app"]}})
    assert node.get(manifest_target("latest", "app")).status == 403
    response = node.get(manifest_target("latest", name))
    assert response.status in (403, 404), response


def test_a_node_has_no_other_upstream_than_its_own(start, upstream, image, secret):
    site = site_of(start, upstream)
    assert_whole(site.get(manifest_target("latest", f"{OTHER}/acme/secret")), secret.manifest)
    node = node_of(start, site)
    for name in (f"{OTHER}/acme/secret", f"{HUB}/{OTHER}/acme/secret"):
        assert node.get(manifest_target("latest", name)).status == 404, name
    assert_whole(node.get(manifest_target("latest", "library/app")), image.manifest)


@pytest.mark.parametrize("challenge", ["direct", "never"])
@pytest.mark.parametrize("account", [("node-1", "wonderland"), ("ci", TOKEN)])
def test_a_node_logs_in_to_its_site(start, upstream, image, tmp_path, account, challenge):
    auth = {"htpasswd": str(logins.write_users(tmp_path / "users", {"node-1": "wonderland"})),
            "tokens": str(logins.write_tokens(tmp_path / "tokens.json", {"ci": TOKEN})),
            "challenge": challenge}
    site = site_of(start, upstream, listen=[{"address": "127.0.0.1:0", "auth": auth}])
    password = tmp_path / "password"
    password.write_text(account[1])
    password.chmod(0o600)
    node = node_of(start, site, endpoint={
        "credentials": [{"username": account[0], "password_file": str(password)}]})
    assert_whole(node.get(manifest_target("latest")), image.manifest)
    assert site.metrics().sum("logins_total", result="ok") >= 1
    password.write_text("wrong")
    stranger = node_of(start, site, endpoint={
        "credentials": [{"username": account[0], "password_file": str(password)}]})
    assert stranger.get(manifest_target("latest")).status == 503
    assert stranger.metrics().sum("accounts_denied") == 1


def test_an_engine_may_name_the_registry_twice(start, upstream, image):
    """As containerd does with a path in hosts.toml: no other mirror has judged the request."""
    site = site_of(start, upstream)
    response = site.get(manifest_target("latest", f"{HUB}/library/app") + f"?ns={HUB}")
    assert_whole(response, image.manifest)


def test_replies_under_logins_are_not_for_shared_caches(start, upstream, image, tmp_path):
    auth = {"htpasswd": str(logins.write_users(tmp_path / "users", {"alice": "a"}))}
    entrepot = start(listen=[{"address": "127.0.0.1:0", "auth": auth}])
    target = manifest_target(image.manifest)
    response = entrepot.get(target, headers=basic("alice", "a"))
    assert response.headers["Cache-Control"].startswith("private, ")
    assert start().get(target).headers["Cache-Control"].startswith("public, ")
