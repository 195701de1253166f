# SPDX-License-Identifier: Apache-2.0
"""Upstreams that are reached through an outgoing proxy."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from support import content, faults
from support.account import BASIC, PASSWORD, USER
from support.checks import (REPOSITORY, assert_error, assert_hit, assert_whole, blob_target,
                            manifest_target)
from support.forward_proxy import ForwardProxy
from support.gate import eventually
from support.reload import reload

NAME = "docker.io"
HOST = "registry.example"
ACCOUNT = ("g%61te", "p@ss:/w%41rd?")
LATEST = manifest_target("latest")


@pytest.fixture
def registry(make_upstream, authority):
    """An https registry whose name only the proxy resolves."""
    upstream = make_upstream(tls=authority.server(hosts=(f"DNS:{HOST}",)))
    upstream.image = upstream.add_image(REPOSITORY, content.image((300_000,)), "latest")
    return upstream


@pytest.fixture
def make_proxy():
    made: list[ForwardProxy] = []

    def make(hosts: dict[str, int], **options) -> ForwardProxy:
        made.append(ForwardProxy(hosts, **options))
        return made[-1]
    yield make
    for proxy in made:
        proxy.stop()


@pytest.fixture
def through(start, registry, authority):
    """Starts with the registry's upstream; `proxy` are the fields of its proxy."""
    def make(proxy: dict, fields: dict | None = None, **changes):
        return start({NAME: {"endpoint": f"https://{HOST}", "ca_file": str(authority.certificate),
                             "proxy": proxy, **(fields or {})}}, **changes)
    return make


@pytest.fixture
def password(tmp_path):
    file = tmp_path / "proxy-password"
    file.write_text(ACCOUNT[1] + "\n")
    file.chmod(0o600)
    return {"username": ACCOUNT[0], "password_file": str(file)}


def assert_pulls(entrepot, image) -> None:
    assert_whole(entrepot.get(LATEST), image.manifest)
    for blob in image.blobs:
        assert_whole(entrepot.get(blob_target(blob)), blob)


def failures(entrepot, reason: str) -> float:
    return entrepot.metrics().sum("endpoint_failures_total", reason=reason)


@pytest.mark.parametrize("kind", ["http", "https", "socks5h"])
@pytest.mark.parametrize("login", [False, True], ids=["open", "login"])
def test_an_image_comes_through(through, registry, make_proxy, authority, password, kind, login):
    tls = authority.server(name="proxy") if kind == "https" else None
    proxy = make_proxy({f"{HOST}:443": registry.port}, account=ACCOUNT if login else None, tls=tls,
                       socks=kind == "socks5h")
    fields = {"url": proxy.url, **(password if login else {})}
    if tls:
        fields["ca_file"] = str(authority.certificate)
    entrepot = through(fields)
    assert_pulls(entrepot, registry.image)
    assert set(proxy.targets()) == {f"{HOST}:443"}
    assert_hit(entrepot.get(blob_target(registry.image.config)), registry.image.config)


def test_connections_through_the_proxy_are_kept(through, registry, make_proxy):
    proxy = make_proxy({f"{HOST}:443": registry.port})
    entrepot = through({"url": proxy.url})
    assert_pulls(entrepot, registry.image)
    assert registry.count() >= 3 and proxy.targets() == [f"{HOST}:443"]


def test_the_proxy_sees_no_credentials_of_the_upstream(through, registry, make_proxy, account):
    registry.role.require_basic({USER: PASSWORD})
    proxy = make_proxy({f"{HOST}:443": registry.port})
    entrepot = through({"url": proxy.url}, {"credentials": account})
    assert_pulls(entrepot, registry.image)
    assert any(request.authorization == BASIC for request in registry.requests())
    for passed in proxy.passed:
        assert passed.method == "CONNECT" and "authorization" not in passed.fields
        assert "proxy-authorization" not in passed.fields


def test_the_upstream_sees_no_credentials_of_the_proxy(through, registry, make_proxy, password):
    proxy = make_proxy({f"{HOST}:443": registry.port}, account=ACCOUNT)
    entrepot = through({"url": proxy.url, **password})
    assert_pulls(entrepot, registry.image)
    for request in registry.requests():
        assert not any(name.lower() == "proxy-authorization" for name, _ in request.fields)


def test_plain_http_goes_in_absolute_form(start, upstream, make_proxy):
    image = upstream.add_image(REPOSITORY, content.image((300_000,)), "latest")
    proxy = make_proxy({f"{HOST}:80": upstream.port, HOST: upstream.port})
    entrepot = start({NAME: {"endpoint": f"http://{HOST}", "proxy": {"url": proxy.url}}})
    assert_pulls(entrepot, image)
    assert all(passed.method in ("GET", "HEAD") and passed.target.startswith(f"http://{HOST}/v2/")
               for passed in proxy.passed)


def test_token_services_and_redirects_go_through_it(start, make_upstream, make_proxy, authority):
    cdn = make_upstream(tls=authority.server(name="cdn", hosts=("DNS:cdn.example",)))
    registry = make_upstream(tls=authority.server(hosts=(f"DNS:{HOST}",)))
    image = registry.add_image(REPOSITORY, content.image((300_000,)), "latest")
    for blob in image.blobs:
        cdn.add_blob(REPOSITORY, blob)
        registry.script(faults.redirect(f"https://cdn.example{blob_target(blob)}"), kind="blob",
                        match=lambda request, digest=blob.digest: digest in request.target)
    proxy = make_proxy({f"{HOST}:443": registry.port, "cdn.example:443": cdn.port})
    entrepot = start({NAME: {"endpoint": f"https://{HOST}", "ca_file": str(authority.certificate),
                             "proxy": {"url": proxy.url}}})
    assert_pulls(entrepot, image)
    assert set(proxy.targets()) == {f"{HOST}:443", "cdn.example:443"}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "169.254.169.254"])
def test_a_redirect_to_a_private_address_is_refused(through, registry, make_proxy, host):
    """The proxy would reach what this process must not."""
    proxy = make_proxy({f"{HOST}:443": registry.port, f"{host}:443": registry.port})
    registry.script(faults.redirect(f"https://{host}/secret"), kind="blob")
    entrepot = through({"url": proxy.url})
    assert_error(entrepot.get(blob_target(registry.image.config)), 502)
    assert set(proxy.targets()) == {f"{HOST}:443"}


def test_excepted_hosts_are_reached_directly(start, upstream, make_proxy):
    image = upstream.add_image(REPOSITORY, content.image((300_000,)), "latest")
    proxy = make_proxy({})
    entrepot = start({NAME: {"endpoint": upstream,
                             "proxy": {"url": proxy.url, "except": ["127.0.0.0/8"]}}})
    assert_pulls(entrepot, image)
    assert proxy.passed == []


def test_a_wrong_password_is_named(through, registry, make_proxy, password):
    proxy = make_proxy({f"{HOST}:443": registry.port}, account=("gate", "another"))
    entrepot = through({"url": proxy.url, **password})
    response = entrepot.get(LATEST)
    assert_error(response, 503, code="UNAVAILABLE")
    assert f"the proxy {proxy.url} answered 407 to CONNECT".encode() in response.body
    assert b"password_file" in response.body and ACCOUNT[1].encode() not in response.body
    assert ACCOUNT[1] not in entrepot.log.text
    assert failures(entrepot, "proxy") >= 1 and registry.count() == 0


def test_a_refused_host_is_named(through, registry, make_proxy):
    proxy = make_proxy({})
    entrepot = through({"url": proxy.url})
    response = entrepot.get(LATEST)
    assert_error(response, 503, code="UNAVAILABLE")
    assert f"the proxy {proxy.url} answered 502 to CONNECT".encode() in response.body
    assert failures(entrepot, "proxy") >= 1


@pytest.mark.parametrize("raw", [
    b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 101 Switching Protocols\r\n\r\n"],
    ids=["close", "garbage", "101"])
def test_an_answer_that_opens_no_tunnel(through, registry, make_proxy, raw):
    proxy = make_proxy({})
    proxy.raw = raw
    entrepot = through({"url": proxy.url})
    response = entrepot.get(LATEST)
    assert_error(response, 503)
    assert f"the proxy {proxy.url}".encode() in response.body
    assert failures(entrepot, "proxy") >= 1 and registry.count() == 0


def test_a_407_of_the_upstream_is_not_the_proxys(through, registry, make_proxy):
    proxy = make_proxy({f"{HOST}:443": registry.port})
    registry.script(faults.status(407))
    entrepot = through({"url": proxy.url})
    response = entrepot.get(LATEST)
    assert_error(response, 502)
    assert b"this is no answer of a registry" in response.body
    assert failures(entrepot, "proxy") == 0


def test_a_proxy_that_fails_once_is_tried_again(through, registry, make_proxy):
    proxy = make_proxy({f"{HOST}:443": registry.port})
    proxy.raw_once = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
    entrepot = through({"url": proxy.url})
    assert_whole(entrepot.get(LATEST), registry.image.manifest)
    assert failures(entrepot, "proxy") == 1


def test_a_refusal_in_absolute_form_is_the_proxys(start, make_proxy):
    proxy = make_proxy({HOST: 1}, account=ACCOUNT)
    entrepot = start({NAME: {"endpoint": f"http://{HOST}", "proxy": {"url": proxy.url}}})
    response = entrepot.get(LATEST)
    assert_error(response, 503, code="UNAVAILABLE")
    assert b"answered 407" in response.body and b"check the upstream's proxy" in response.body
    assert failures(entrepot, "proxy") == len(proxy.passed) == 1, "a wrong account is not repeated"


def test_socks_refusals_are_named(through, registry, make_proxy, password):
    proxy = make_proxy({f"{HOST}:443": registry.port}, account=("gate", "another"), socks=True)
    entrepot = through({"url": proxy.url, **password})
    response = entrepot.get(LATEST)
    assert_error(response, 503, code="UNAVAILABLE")
    assert f"through the proxy {proxy.url}".encode() in response.body
    assert failures(entrepot, "proxy") >= 1 and registry.count() == 0


def test_cached_objects_are_served_while_the_proxy_is_down(through, registry, make_proxy):
    proxy = make_proxy({f"{HOST}:443": registry.port})
    entrepot = through({"url": proxy.url}, {"tags": {"fresh_for": "0s", "stale_for": "1h"}})
    assert_pulls(entrepot, registry.image)
    proxy.go_down()
    assert_whole(entrepot.get(LATEST), registry.image.manifest)
    other = content.blob(1000, seed=9)
    registry.add_blob(REPOSITORY, other)
    assert_error(entrepot.get(blob_target(other)), 503)
    assert failures(entrepot, "proxy") >= 1
    proxy.come_back()
    eventually(lambda: entrepot.get(blob_target(other)).status == 200, what="a pull")


def test_an_untrusted_certificate_of_the_proxy(through, registry, make_proxy, authority):
    proxy = make_proxy({f"{HOST}:443": registry.port}, tls=authority.server(name="proxy"))
    entrepot = through({"url": proxy.url})
    response = entrepot.get(LATEST)
    assert_error(response, 503, code="UNAVAILABLE")
    assert f"through the proxy {proxy.url}".encode() in response.body
    assert b"ca_file" in response.body
    assert proxy.passed == [] and failures(entrepot, "proxy") >= 1


def test_the_environment_decides_if_told_so(prepare, registry, authority, make_proxy):
    proxy = make_proxy({f"{HOST}:443": registry.port}, account=ACCOUNT)
    environ = {"https_proxy": "http://" + ":".join(quote(one, safe="") for one in ACCOUNT)
                              + f"@127.0.0.1:{proxy.port}/",
               "no_proxy": "direct.example,127.0.0.1:1"}
    upstream = {"endpoint": f"https://{HOST}", "ca_file": str(authority.certificate),
                "proxy": {"from_environment": True}}
    entrepot = prepare({NAME: upstream}, environ=environ).start()
    assert_pulls(entrepot, registry.image)
    assert set(proxy.targets()) == {f"{HOST}:443"}


def test_the_environment_is_ignored_otherwise(prepare, upstream, make_proxy):
    image = upstream.add_image(REPOSITORY, content.image((300_000,)), "latest")
    proxy = make_proxy({})
    environ = {name: proxy.url for name in ("http_proxy", "https_proxy", "all_proxy", "ALL_PROXY")}
    entrepot = prepare(environ=environ).start()
    assert_pulls(entrepot, image)
    assert proxy.passed == []


def test_the_environment_adds_no_exceptions_otherwise(prepare, registry, authority, make_proxy):
    proxy = make_proxy({f"{HOST}:443": registry.port})
    upstream = {"endpoint": f"https://{HOST}", "ca_file": str(authority.certificate),
                "proxy": {"url": proxy.url}}
    entrepot = prepare({NAME: upstream}, environ={"no_proxy": "*", "NO_PROXY": HOST}).start()
    assert_pulls(entrepot, registry.image)
    assert set(proxy.targets()) == {f"{HOST}:443"}


def test_a_reload_adds_and_removes_it(through, registry, make_proxy):
    first, second = (make_proxy({f"{HOST}:443": registry.port}) for _ in range(2))
    entrepot = through({"url": first.url})
    assert_whole(entrepot.get(LATEST), registry.image.manifest)
    entrepot.config["upstreams"][NAME]["proxy"] = {"url": second.url}
    reload(entrepot)
    assert_whole(entrepot.get(blob_target(registry.image.config)), registry.image.config)
    assert len(first.targets()) == 1 and second.targets() == [f"{HOST}:443"]


def test_the_report_names_it(through, registry, make_proxy, password):
    proxy = make_proxy({f"{HOST}:443": registry.port}, account=ACCOUNT)
    entrepot = through({"url": proxy.url, **password})
    (upstream,) = json.loads(entrepot.admin("/api/v1/upstreams").body)["upstreams"]
    assert upstream["proxy"] == proxy.url
