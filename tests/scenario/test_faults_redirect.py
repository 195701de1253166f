# SPDX-License-Identifier: Apache-2.0
"""Blobs that the registry delivers by redirect, and redirects that must not be followed."""

import pytest

from support import content, faults
from support.checks import (REPOSITORY, assert_error, assert_hit, assert_whole, blob_target,
                            manifest_target)
from support.tls import Authority


@pytest.fixture
def blob(upstream):
    return upstream.add_blob(REPOSITORY, content.blob(3 * content.MIB))


@pytest.fixture
def cdn(make_upstream, upstream):
    upstream.role.cdn = make_upstream(host="127.0.0.2")
    return upstream.role.cdn


@pytest.fixture
def behind_cdn(start, upstream, cdn):
    """An Entrepot whose upstream may redirect to private addresses."""
    return start({"docker.io": {"endpoint": upstream, "internal": True}})


def test_followed_without_credentials(behind_cdn, upstream, cdn, blob):
    upstream.role.require_bearer()
    assert_whole(behind_cdn.get(blob_target(blob)), blob)
    assert_hit(behind_cdn.get(blob_target(blob)), blob)
    assert cdn.count("cdn") == 1
    assert all(r.authorization is None and r.header("Cookie") is None for r in cdn.requests())
    assert any(r.authorization for r in upstream.requests("blob"))


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_all_kinds_are_followed(start, upstream, blob, code):
    upstream.script(faults.redirect(f"/v2/{REPOSITORY}/blobs/{blob.digest}", code), times=1)
    entrepot = start()
    assert_whole(entrepot.get(blob_target(blob)), blob)


def test_size_of_a_blob_behind_a_redirect(behind_cdn, cdn, blob):
    """Signed links are bound to GET: the registry answers a HEAD itself."""
    response = behind_cdn.head(blob_target(blob))
    assert response.status == 200 and response.headers["Content-Length"] == str(blob.size)
    assert cdn.body_bytes("cdn") == 0


def test_signatures_are_not_logged(behind_cdn, upstream, cdn, blob):
    upstream.role.link_generation = cdn.role.link_generation = 987654321
    assert_whole(behind_cdn.get(blob_target(blob)), blob)
    assert "987654321" not in behind_cdn.log.text


def test_an_expired_link_is_requested_again(behind_cdn, upstream, cdn, blob):
    cdn.script(faults.status(403), times=1)
    assert_whole(behind_cdn.get(blob_target(blob)), blob)
    assert upstream.count("blob", method="GET") == 2


def test_a_link_expires_within_a_blob(behind_cdn, upstream, cdn, blob):
    def cut_and_expire(request, reply):
        faults.reset_after(2_000_000)(request, reply)
        upstream.role.link_generation += 1
        cdn.role.link_generation += 1
    cdn.script(cut_and_expire, times=1)
    assert_whole(behind_cdn.get(blob_target(blob)), blob)
    assert cdn.requests()[-1].range is not None
    assert upstream.count("blob", method="GET") >= 2


def test_links_that_never_work_fail(behind_cdn, upstream, cdn, blob):
    cdn.script(faults.status(403))
    response = behind_cdn.get(blob_target(blob))
    assert_error(response, 404, code="NAME_UNKNOWN")
    assert 2 <= upstream.count("blob", method="GET") <= 3


def test_links_are_not_stored(behind_cdn, upstream, cdn):
    """The mirror requests a new link for each blob, and for each fetch of a blob that is not
    stored."""
    one = upstream.add_blob(REPOSITORY, content.blob(1000, seed=1))
    cdn.script(faults.flip_byte(1), times=4)
    for _ in range(4):
        behind_cdn.get(blob_target(one))
    assert_whole(behind_cdn.get(blob_target(one)), one)
    assert upstream.count("blob", method="GET") == cdn.count("cdn")


def test_a_loop_of_redirects_ends(start, upstream, blob):
    upstream.script(faults.redirect(f"/v2/{REPOSITORY}/blobs/{blob.digest}"), kind="blob")
    entrepot = start()
    assert_error(entrepot.get(blob_target(blob)), 502)
    assert upstream.count("blob", method="GET") <= 11


def test_an_endless_chain_of_redirects_ends(start, upstream, blob):
    def onward(request, reply):
        number = int(request.query.get("hop", ["0"])[0])
        faults.redirect(f"{request.path}?hop={number + 1}")(request, reply)
    upstream.script(onward, kind="blob")
    entrepot = start()
    assert_error(entrepot.get(blob_target(blob)), 502)
    assert upstream.count("blob", method="GET") <= 11


def test_a_redirect_from_https_to_http_fails(start, make_upstream, tmp_path):
    authority = Authority(tmp_path / "ca")
    secure, plain = make_upstream(tls=authority.server()), make_upstream()
    blob = secure.add_blob(REPOSITORY, content.blob(1000))
    secure.role.cdn = plain
    entrepot = start({"docker.io": {"endpoint": secure, "internal": True,
                                    "ca_file": str(authority.certificate)}})
    assert_error(entrepot.get(blob_target(blob)), 502)
    assert plain.connections_seen == 0


def test_a_redirect_to_a_private_address_fails(start, upstream, cdn, blob):
    """`internal` is not set, and the link leads to an address of this machine."""
    entrepot = start({"docker.io": {"endpoint": upstream}})
    assert_error(entrepot.get(blob_target(blob)), 502)
    assert cdn.connections_seen == 0


LEADING_NOWHERE = [
    (None, 502), ("", 502), ("file:///etc/passwd", 502), ("gopher://127.0.0.1/", 502),
    ("http://", 502), ("http://[::1", 502), ("//", 502), ("http://169.254.169.254/", 502),
    ("http://0/", 502), ("http://2130706433:{port}/", 502), ("http://%31%32%37.1:{port}/", 502),
    ("http://[::ffff:127.0.0.1]:{port}/", 502), ("http://localhost:{port}/", 502),
    ("http://user:pass@127.0.0.2:{port}/", 502),
    # Encoded or not, these bytes are no part of a host's name.
    ("http://127.0.0.2 :{port}/", 502), ("http://127.0.0.2:{port} /", 502),
    ("http://x\xc3\xbc@127.0.0.2:{port}/", 502), ("http://127.0.0.2\t:{port}/", 502),
    ("/a\0b", 502), ("/a\rb", 502),
    # With a dot behind it this is a name that no server resolves, so a request may go out.
    ("http://127.0.0.1.:{port}/", 503)]


@pytest.mark.parametrize("location, status", LEADING_NOWHERE)
def test_redirects_to_invalid_places_fail(start, make_upstream, upstream, blob, location, status):
    trap = make_upstream(host="0.0.0.0")
    where = location.format(port=trap.port) if location else location
    upstream.script(faults.redirect(where), kind="blob")
    entrepot = start()
    assert_error(entrepot.get(blob_target(blob)), status)
    assert trap.connections_seen == 0


@pytest.mark.parametrize("raw, sent", [
    ("/cdn/a b?sig=x y", "/cdn/a%20b?sig=x%20y"), ("/cdn/a\tb", "/cdn/a%09b"),
    ("/cdn/\u00fc?name=\u00e9", "/cdn/%C3%BC?name=%C3%A9"), ("/cdn/%20?a=%C3%BC", "/cdn/%20?a=%C3%BC"),
    ("/cdn/{a}|b", "/cdn/{a}|b")], ids=["space", "tab", "utf-8", "encoded", "braces"])
def test_locations_that_are_not_encoded(start, upstream, blob, raw, sent):
    """Engines percent-encode them."""
    def send_there(request, reply):
        if request.kind == "blob":
            faults.redirect(raw.encode().decode("latin-1"))(request, reply)
        else:
            reply.status = 200
            reply.replace_body(blob.data)
    upstream.script(send_there, match=lambda request: request.kind != "ping")
    assert_whole(start().get(blob_target(blob)), blob)
    assert upstream.requests()[-1].target.upper() == sent.upper()


@pytest.mark.parametrize("home", ["netrc", ".netrc"])
def test_the_environment_names_no_proxy_and_no_password(start, make_upstream, upstream, tmp_path,
                                                        home):
    """Only the configuration decides about proxies and passwords, not the environment."""
    trap = make_upstream(host="127.0.0.2")
    image = upstream.add_image(REPOSITORY, content.image(), "latest")
    netrc = tmp_path / home
    netrc.write_text(f"machine {upstream.host} login robot password secret\n")
    netrc.chmod(0o600)
    proxies = {name: trap.url for name in ("http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
                                           "ALL_PROXY")}
    entrepot = start(environ={**proxies, "no_proxy": "", "NO_PROXY": "", "HOME": str(tmp_path),
                              "NETRC": str(netrc), "CURL_HOME": str(tmp_path)})
    assert_whole(entrepot.get(manifest_target("latest")), image.manifest)
    assert_whole(entrepot.get(blob_target(image.config)), image.config)
    assert trap.connections_seen == 0
    assert all(request.authorization is None for request in upstream.requests())


def test_manifest_behind_a_redirect(start, make_upstream, upstream):
    """registry.k8s.io sends clients to a registry of another host, manifests too."""
    regional = make_upstream(host="127.0.0.2")
    image = regional.add_image(REPOSITORY, content.image(), "latest")

    def send_there(request, reply):
        faults.redirect(f"{regional.url}{request.target}")(request, reply)
    upstream.script(send_there)
    entrepot = start({"docker.io": {"endpoint": upstream, "internal": True}})
    assert_whole(entrepot.get(manifest_target("latest")), image.manifest)
    assert_whole(entrepot.get(blob_target(image.config)), image.config)
