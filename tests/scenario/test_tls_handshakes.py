# SPDX-License-Identifier: Apache-2.0
"""Handshakes with listeners: versions, ciphers, names, resumption, ALPN, plain requests. None is logged
above `info`, and each is counted by its result. Bad input is in test_tls_bad_input.py."""

from __future__ import annotations

import contextlib
import re
import ssl
import subprocess

import pytest

from support import client, https
from support.entrepot import DEADLINE
from support.gate import eventually

TLS_1_2, TLS_1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


@pytest.fixture(scope="module")
def ec(authority):
    return authority.leaf("ec", key_type="ec")


@pytest.fixture(scope="module")
def rsa(authority):
    return authority.leaf("rsa")


@pytest.fixture
def context(authority):
    return https.trusting(authority.certificate)


@pytest.fixture
def entrepot(start, upstream, ec, rsa):
    entrepot = start(listen=[https.listening(ec, rsa)], threads={"serve": 3})
    yield entrepot
    assert not entrepot.log.search(r" (warn|error) ")


def count(entrepot, result: str) -> float:
    return entrepot.metrics().sum("tls_handshakes_total", result=result)


def wait_counted(entrepot, result: str, number: int = 1) -> None:
    eventually(lambda: count(entrepot, result) == number, what=f"{number} handshakes {result}")


def connect(entrepot, context, **options) -> https.Connection:
    return https.Connection(entrepot.port, context=context, **options)


def s_client(entrepot, *arguments: str, stdin: str = "") -> str:
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{entrepot.port}",
                           *arguments], input=stdin, capture_output=True, text=True,
                          timeout=DEADLINE, check=False, errors="replace")
    return done.stdout + done.stderr


# --- Versions and ciphers ----------------------------------------------------------------------


@pytest.mark.parametrize("version", [TLS_1_2, TLS_1_3])
def test_current_versions(entrepot, authority, version):
    with connect(entrepot, https.trusting(authority.certificate, only=version)) as connection:
        assert connection.socket.version() == version.name.replace("v1_", "v1.")
        connection.send_request("GET", "/v2/")
        assert connection.read_response().status == 200
        assert connection.socket.compression() is None
    assert count(entrepot, "ok") == 1


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_versions_are_refused(entrepot, authority, version):
    old = https.trusting(authority.certificate, only=version, ciphers=https.ANY_CIPHER)
    with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
        connect(entrepot, old)
    wait_counted(entrepot, "version")


@pytest.mark.parametrize("cipher", ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384",
                                    "ECDHE-RSA-CHACHA20-POLY1305"])
def test_ciphers_with_forward_secrecy(entrepot, authority, cipher):
    with connect(entrepot, https.trusting(authority.certificate, TLS_1_2, cipher)) as connection:
        assert connection.socket.cipher()[0] == cipher


@pytest.mark.parametrize("cipher", ["AES128-GCM-SHA256", "AES128-SHA", "DHE-RSA-AES128-GCM-SHA256",
                                    "ECDHE-RSA-AES128-SHA", "NULL-SHA256", "AECDH-AES128-SHA"])
def test_other_ciphers_are_refused(entrepot, authority, cipher):
    weak = https.trusting(authority.certificate, TLS_1_2, f"{cipher}:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError, match="HANDSHAKE_FAILURE"):
        connect(entrepot, weak)
    wait_counted(entrepot, "cipher")


@pytest.mark.parametrize("version, cipher", [(TLS_1_2, "ECDHE-ECDSA-AES128-GCM-SHA256"),
                                             (TLS_1_3, "TLS_AES_128_GCM_SHA256")])
def test_the_cheapest_cipher_is_preferred(entrepot, authority, version, cipher):
    with connect(entrepot, https.trusting(authority.certificate, only=version)) as connection:
        assert connection.socket.cipher()[0] == cipher


def test_no_renegotiation(entrepot, authority):
    output = s_client(entrepot, "-tls1_2", "-CAfile", str(authority.certificate), stdin="R\n")
    assert "RENEGOTIATING" in output and "no renegotiation" in output
    assert "Compression: NONE" in output


def test_rsa_and_ecdsa_beside_each_other(entrepot, authority, ec, rsa):
    for kind, files in (("ECDSA", ec), ("RSA", rsa)):
        only = https.trusting(authority.certificate, TLS_1_2, f"ECDHE-{kind}-AES128-GCM-SHA256")
        with connect(entrepot, only) as connection:
            assert connection.certificate == https.fingerprint(files[0])


# --- Names --------------------------------------------------------------------------------------


def test_the_certificate_of_a_name(start, upstream, authority):
    hosts = {"first": ["IP:127.0.0.1", "DNS:localhost"], "exact": ["DNS:a.wild.example"],
             "wild": ["DNS:*.wild.example", "DNS:other.example"]}
    leaves = {name: authority.leaf(name, hosts=names, key_type="ec")
              for name, names in hosts.items()}
    entrepot = start(listen=[https.listening(*leaves.values())])
    context = https.trusting(authority.certificate)
    context.check_hostname = False
    for name, leaf in [("localhost", "first"), ("a.wild.example", "exact"),
                       ("A.Wild.Example", "exact"), ("b.wild.example", "wild"),
                       ("other.example", "wild"), ("a.b.wild.example", "first"),
                       ("wild.example", "first"), ("unknown.example", "first"),
                       ("127.0.0.1", "first"), (None, "first")]:
        with connect(entrepot, context, server_name=name) as connection:
            assert connection.certificate == https.fingerprint(leaves[leaf][0]), name
            connection.send_request("GET", "/v2/")
            assert connection.read_response().status == 200
    assert entrepot.log.search(r"info .*certificate .*wild\.pem for \*\.wild\.example, "
                               r"other\.example \(ECDSA\) until \d{4}-\d\d-\d\d")


# --- Resumption ---------------------------------------------------------------------------------


def session_of(connection) -> ssl.SSLSession:
    """A session after a reply, with which TLS 1.3 has delivered its ticket."""
    connection.send_request("GET", "/v2/")
    assert connection.read_response().status == 200
    return connection.socket.session


@pytest.mark.parametrize("version", [TLS_1_2, TLS_1_3])
def test_sessions_are_resumed_on_every_loop(entrepot, authority, version):
    context = https.trusting(authority.certificate, only=version)
    with connect(entrepot, context) as connection:
        session = session_of(connection)
    for _ in range(12):  # the kernel spreads them over the loops
        with connect(entrepot, context, session=session) as connection:
            assert connection.socket.session_reused
            session = session_of(connection)
    assert (count(entrepot, "ok"), count(entrepot, "resumed")) == (1, 12)


def test_a_ticket_of_another_listener_is_none(start, upstream, authority, ec):
    entrepot = start(listen=[https.listening(ec), https.listening(ec, address="127.0.0.2:0")])
    context = https.trusting(authority.certificate)
    context.check_hostname = False
    with connect(entrepot, context) as connection:
        session = session_of(connection)
    with https.Connection(entrepot.ports[1], context=context, host="127.0.0.2",
                          session=session) as other:
        assert not other.socket.session_reused
        assert session_of(other)


def test_no_early_data(entrepot, authority, tmp_path):
    kept = tmp_path / "session.pem"
    s_client(entrepot, "-tls1_3", "-CAfile", str(authority.certificate), "-sess_out", str(kept),
             "-ign_eof", stdin="GET /v2/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    text = subprocess.run(["openssl", "sess_id", "-in", str(kept), "-noout", "-text"],
                          capture_output=True, text=True, check=True).stdout
    assert re.search(r"Max Early Data: 0\b", text)
    early = tmp_path / "early"
    early.write_text("GET /v2/ HTTP/1.1\r\nHost: a\r\n\r\n")
    output = s_client(entrepot, "-tls1_3", "-CAfile", str(authority.certificate), "-sess_in",
                      str(kept), "-early_data", str(early))
    assert "Early data was accepted" not in output
    wait_counted(entrepot, "resumed")


# --- Protocols ----------------------------------------------------------------------------------


@pytest.mark.parametrize("offered", [["http/1.1"], ["h2", "http/1.1"], ["http/1.1", "h2"]])
def test_http_1_1_is_chosen(entrepot, authority, offered):
    context = https.trusting(authority.certificate, protocols=offered)
    with connect(entrepot, context) as connection:
        assert connection.socket.selected_alpn_protocol() == "http/1.1"


@pytest.mark.parametrize("offered", [["h2"], ["http/1.0"], ["http/1"], ["spdy/3", "h2c"]])
def test_a_client_without_http_1_1_gets_an_alert(entrepot, authority, offered):
    context = https.trusting(authority.certificate, protocols=offered)
    with pytest.raises(ssl.SSLError, match="no application protocol"):
        connect(entrepot, context)
    wait_counted(entrepot, "alpn")


# --- Clients that do not shake hands ----------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT"])
def test_a_plain_request_is_told_what_the_port_speaks(entrepot, method):
    for _ in range(3):
        with entrepot.connect() as connection:
            connection.send_request(method, "/v2/library/app/manifests/latest")
            response = connection.read_response()
            assert response.status == 400 and response.complete
            assert "this port speaks HTTPS" in response.body.decode()
            assert connection.receive() == b"" and not response.reset
    wait_counted(entrepot, "plain-request", 3)
    eventually(lambda: entrepot.metrics().sum("requests_total", outcome="refused", code="400") == 3,
               what="three requests")
    # The lines of one loop keep their order; each request has one of level debug.
    eventually(lambda: entrepot.log.text.count("a plain HTTP request") == 3, what="three lines")
    entrepot.log.wait_for("a port that speaks HTTPS")
    lines = [line for line in entrepot.log.lines
             if " info " in line and "a port that speaks HTTPS" in line]
    assert len(lines) == 1 and "client 127.0.0.1 " in lines[0]


def test_a_client_that_does_not_trust_the_certificate(entrepot):
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(entrepot, ssl.create_default_context())
    wait_counted(entrepot, "distrusted")


def test_many_handshakes_at_once(entrepot, context):
    with contextlib.ExitStack() as stack:
        waiting = [stack.enter_context(client.Connection(entrepot.port)) for _ in range(50)]
        for connection in waiting:
            connection.send(https.client_hello()[:200])
        assert https.get(entrepot.port, "/v2/", context).status == 200
