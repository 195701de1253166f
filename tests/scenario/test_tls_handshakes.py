# SPDX-License-Identifier: Apache-2.0
"""Handshakes with listeners: versions, ciphers, names, resumption, ALPN, and clients that speak no
TLS or half of it. None of them is logged above `info`, and each is counted by its result."""

from __future__ import annotations

import contextlib
import os
import random
import re
import ssl
import struct
import subprocess

import pytest

from support import client, content, https
from support.checks import REPOSITORY, assert_whole, blob_target
from support.entrepot import DEADLINE
from support.gate import eventually

# A sanitizer keeps freed memory for a while.
SANITIZED = bool(os.environ.get("ENTREPOT_SANITIZE"))
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
def header_timeout():
    return "10s"


@pytest.fixture
def entrepot(start, upstream, ec, rsa, header_timeout):
    entrepot = start(listen=[https.listening(ec, rsa)], threads={"serve": 3},
                     timeouts={"header": header_timeout})
    yield entrepot
    assert not entrepot.log.search(r" (warn|error) ")


impatient = pytest.mark.parametrize("header_timeout", ["2s"])


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


def test_the_cheapest_cipher_is_preferred(entrepot, context):
    with connect(entrepot, context) as connection:
        assert connection.socket.cipher()[0] == "TLS_AES_128_GCM_SHA256"


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
    assert entrepot.metrics().sum("requests_total", outcome="refused", code="400") == 3
    # The lines of one loop keep their order; each request has one of level debug.
    eventually(lambda: entrepot.log.text.count("a plain HTTP request") == 3, what="three lines")
    entrepot.log.wait_for("a port that speaks HTTPS")
    lines = [line for line in entrepot.log.lines
             if " info " in line and "a port that speaks HTTPS" in line]
    assert len(lines) == 1 and "client 127.0.0.1 " in lines[0]


def test_a_plain_request_with_much_after_it(entrepot):
    with entrepot.connect() as connection:
        connection.send(b"PUT /v2/ HTTP/1.1\r\nContent-Length: 100000\r\n\r\n" + bytes(100_000))
        assert connection.read_response().status == 400


def test_a_client_that_does_not_trust_the_certificate(entrepot):
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(entrepot, ssl.create_default_context())
    wait_counted(entrepot, "distrusted")


@impatient
@pytest.mark.parametrize("sent", [b"", b"\x16", b"\x16\x03\x01", https.client_hello()[:100]],
                         ids=["nothing", "a byte", "three bytes", "half a hello"])
def test_silence_ends_the_connection(entrepot, sent):
    with entrepot.connect() as connection:
        connection.send(sent)
        assert connection.receive_until_close() == b""
    wait_counted(entrepot, "timeout")


@impatient
def test_a_hello_and_then_silence(entrepot):
    with entrepot.connect() as connection:
        connection.send(https.client_hello())
        assert connection.receive(1)[0] == 0x16  # the server's hello
        connection.receive_until_close()
    wait_counted(entrepot, "timeout")


@impatient
def test_silence_after_the_handshake(entrepot, context):
    with connect(entrepot, context) as connection:
        assert connection.receive() == b""
    assert count(entrepot, "ok") == 1


@pytest.mark.parametrize("sent", [b"", https.client_hello()[:50], https.client_hello()],
                         ids=["nothing", "half a hello", "a hello"])
def test_a_client_that_leaves(entrepot, sent):
    with entrepot.connect() as connection:
        connection.send(sent)
    wait_counted(entrepot, "closed")


def record(kind: int, body: bytes, version: int = 0x0303) -> bytes:
    return struct.pack("!BHH", kind, version, len(body)) + body


GARBAGE = {
    "random": random.Random(1).randbytes(16384),
    "zeros": bytes(16384),
    "ones": b"\xff" * 16384,
    "text": b"hello, is anybody there?\r\n" * 600,
    "another method": b"DELETE /v2/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "ssh": b"SSH-2.0-OpenSSH_9.2\r\n",
    "http 2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "ssl 2": b"\x80\x2e\x01\x00\x02" + bytes(41),
    "application data": record(23, bytes(100)),
    "a change of cipher": record(20, b"\x01"),
    "an empty record": record(22, b""),
    "a long record": struct.pack("!BHH", 22, 0x0301, 0xffff) + bytes(0xffff),
    "an unknown type": record(99, bytes(10)),
    "a random hello": record(22, b"\x01\x00\x01\x00" + random.Random(2).randbytes(256)),
    "a hello of 16 MiB": record(22, b"\x01\xff\xff\xff" + bytes(16000)) * 9,
    "a server's hello": record(22, b"\x02\x00\x00\x10" + bytes(16)),
    "a fatal alert": record(21, b"\x02\x28"),
    "a close notify": record(21, b"\x01\x00"),
    "a hello twice": https.client_hello() * 2,
    "a finished": record(22, b"\x14\x00\x00\x0c" + bytes(12)),
}


@impatient
@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_ends_the_connection(entrepot, context, name):
    before = entrepot.memory()["RssAnon"]
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(entrepot.connect()) for _ in range(20)]
        for connection in connections:
            with contextlib.suppress(ConnectionError):
                connection.send(GARBAGE[name])
        for connection in connections:
            answer = connection.receive_until_close()
            assert answer[:1] in (b"", b"\x15", b"\x16")  # an alert or the server's hello
    assert https.get(entrepot.port, "/v2/", context).status == 200
    failed = ("malformed", "other", "version", "cipher", "closed", "timeout")
    eventually(lambda: sum(count(entrepot, result) for result in failed) == 20, what="all counted")
    assert SANITIZED or entrepot.memory()["RssAnon"] - before < 2 * content.MIB


def test_garbage_after_the_handshake(entrepot, context, upstream):
    with connect(entrepot, context) as connection:
        raw = os.dup(connection.socket.fileno())
        os.write(raw, b"\x17\x03\x03\x00\x20" + bytes(32))
        os.close(raw)
        with contextlib.suppress(ssl.SSLError, ConnectionError):
            assert connection.receive() == b""
    blob = upstream.add_blob(REPOSITORY, content.blob(1000))
    assert_whole(https.get(entrepot.port, blob_target(blob), context), blob)


def test_a_hello_byte_by_byte(entrepot):
    with entrepot.connect() as connection:
        for byte in https.client_hello():
            connection.send(bytes([byte]))
        assert connection.receive(1)[0] == 0x16
    wait_counted(entrepot, "closed")


def test_many_handshakes_at_once(entrepot, context):
    with contextlib.ExitStack() as stack:
        waiting = [stack.enter_context(client.Connection(entrepot.port)) for _ in range(50)]
        for connection in waiting:
            connection.send(https.client_hello()[:200])
        assert https.get(entrepot.port, "/v2/", context).status == 200
