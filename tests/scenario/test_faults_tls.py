# SPDX-License-Identifier: Apache-2.0
"""Upstreams behind TLS: a trusted private authority, and certificates that must not be trusted."""

import socket
import ssl
import threading

import pytest

from support import content
from support.checks import REPOSITORY, assert_error, assert_whole, blob_target, manifest_target
from support.gate import Gate
from support.tls import Authority, server_context


@pytest.fixture
def serve(start, make_upstream, authority):
    """An Entrepot that trusts the authority, and its upstream with the given certificate."""
    def make(context: ssl.SSLContext, ca_file=authority.certificate, **timeouts):
        upstream = make_upstream(tls=context)
        upstream.image = upstream.add_image(REPOSITORY, content.image((3_000_000,)), "latest")
        settings = {"endpoint": upstream, "ca_file": str(ca_file) if ca_file else None}
        return start({"docker.io": settings}, timeouts=timeouts), upstream
    return make


def test_private_authority(serve, authority):
    entrepot, upstream = serve(authority.server())
    assert_whole(entrepot.get(manifest_target("latest")), upstream.image.manifest)
    for blob in upstream.image.blobs:
        assert_whole(entrepot.get(blob_target(blob)), blob)


BAD = {
    "expired": {"expired": True},
    "wrong-host": {"hosts": ("DNS:elsewhere.test",)},
    "sha1": {"digest": "sha1"},
}


@pytest.mark.parametrize("name", BAD)
def test_bad_certificates_fail(serve, authority, name):
    entrepot, upstream = serve(authority.server(name=name, **BAD[name]))
    assert_error(entrepot.get(manifest_target("latest")), 502)
    assert_error(entrepot.get(blob_target(upstream.image.config)), 502)
    assert upstream.count() == 0, "a request despite an invalid certificate"


def test_an_unknown_authority_fails(serve, authority):
    entrepot, upstream = serve(authority.server(name="unknown"), ca_file=None)
    assert_error(entrepot.get(manifest_target("latest")), 502)
    assert upstream.count() == 0


def test_a_self_signed_certificate_fails(serve, tmp_path):
    lone = Authority(tmp_path / "lone")
    entrepot, upstream = serve(server_context(lone.certificate, tmp_path / "lone" / "ca.key"))
    assert_error(entrepot.get(manifest_target("latest")), 502)
    assert upstream.count() == 0


def test_an_old_protocol_fails(serve, authority):
    context = server_context(*authority.leaf("old"), only=ssl.TLSVersion.TLSv1)
    entrepot, upstream = serve(context)
    assert_error(entrepot.get(manifest_target("latest")), 502)
    assert upstream.count() == 0


def test_plain_http_from_a_tls_upstream_fails(start):
    def answer_in_plain() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=answer_in_plain, daemon=True).start()
        entrepot = start({"docker.io": {"endpoint": f"https://127.0.0.1:{server.getsockname()[1]}"}})
        assert_error(entrepot.get(manifest_target("latest")), 502)
        server.shutdown(socket.SHUT_RDWR)


def test_a_stalled_handshake_ends(serve, authority):
    entrepot, upstream = serve(authority.server(name="stall"), connect="500ms", first_byte="2s")
    upstream.stall_tls = Gate()
    assert_error(entrepot.get(manifest_target("latest")), 503)  # as for an unreachable upstream
    upstream.stall_tls.open()


def test_an_expired_certificate_serves_stale(serve, authority, make_upstream):
    """The mirror still serves objects that it fetched while the certificate was valid."""
    entrepot, upstream = serve(authority.server(name="good"))
    image = upstream.image
    assert_whole(entrepot.get(manifest_target("latest")), image.manifest)
    upstream.tls = authority.server(name="late", expired=True)
    upstream.cut_connections()
    settings = entrepot.config["upstreams"]
    settings["docker.io"]["tags"] = {"fresh_for": "0s", "stale_for": "1d"}
    entrepot.restart(upstreams=settings)
    assert_whole(entrepot.get(manifest_target("latest")), image.manifest)
    assert_whole(entrepot.get(manifest_target(image.manifest)), image.manifest)
