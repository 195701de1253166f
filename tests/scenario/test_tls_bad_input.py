# SPDX-License-Identifier: Apache-2.0
"""Clients that speak no TLS, half of it, or a wrong one: each is answered or closed as its row says and
counted by its result. Nothing above `info` is logged, and the process keeps no descriptor and no memory
of them."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import ssl
import struct
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from support import client, content, hello, https
from support.entrepot import DEADLINE, Entrepot
from support.gate import eventually

# A sanitizer keeps freed memory for a while.
SANITIZED = bool(os.environ.get("ENTREPOT_SANITIZE"))
TLS_1_2, TLS_1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
CLIENTS = 20
REQUEST = b"GET /v2/ HTTP/1.1\r\nHost: a\r\n\r\n"


@dataclass
class Site:
    entrepot: Entrepot
    authority: https.Authority
    leaves: dict[str, tuple[Path, Path]]  # certificates of clients and their keys
    session: Path  # a session of TLS 1.3, for openssl s_client

    @property
    def open(self) -> int:
        """The port for every client."""
        return self.entrepot.ports[0]

    @property
    def strict(self) -> int:
        """The port that demands a certificate of the fleet."""
        return self.entrepot.ports[1]

    def context(self, **options) -> ssl.SSLContext:
        return https.trusting(self.authority.certificate, **options)


def sends(data: bytes, then: str = "waits"):
    """Sends bytes, and then waits for the end, closes, or resets the connection."""
    def act(site: Site) -> str:
        with client.Connection(site.open) as connection:
            with contextlib.suppress(ConnectionError):
                connection.send(data)
            if then == "waits":
                return hello.meaning(received(connection))
            if then == "resets":
                connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                             struct.pack("ii", 1, 0))
            return "left"
    return act


def trickles(site: Site) -> str:
    """A hello in packets of a byte, then silence."""
    with client.Connection(site.open) as connection:
        for byte in GOOD:
            connection.send(bytes([byte]))
        return hello.meaning(received(connection))


def received(connection) -> bytes:
    """All until the end; a reset, which overtakes what is on its way, is an end as well."""
    found = b""
    with contextlib.suppress(ConnectionError):
        while data := connection.socket.recv(65536):
            found += data
    return found


def shakes(name: str = "localhost", leaf: str = "", request: bytes = REQUEST, only=None,
           strict: bool = False, **options):
    """Shakes hands with OpenSSL. Sees the status of a reply, the alert, or the end."""
    def act(site: Site) -> str:
        context = site.context(own=site.leaves[leaf] if leaf else None, only=only, **options)
        context.check_hostname = False
        try:
            with https.Connection(site.strict if strict else site.open, context=context,
                                  server_name=name) as connection:
                if request:
                    connection.send(request)
                answer = connection.socket.recv(65536)
                return answer.split(b" ", 2)[1].decode() if answer else "closed"
        except ssl.SSLError as error:
            return error.reason.lower()
    return act


def after_handshake(data: bytes, only: ssl.TLSVersion = TLS_1_3):
    """Sends bytes past the client's own TLS, after a whole reply."""
    def act(site: Site) -> str:
        with https.Connection(site.open, context=site.context(only=only)) as connection:
            connection.send_request("GET", "/v2/")
            assert connection.read_response().status == 200
            with socket.socket(fileno=os.dup(connection.socket.fileno())) as raw:
                if data:
                    raw.sendall(data)
                else:
                    raw.shutdown(socket.SHUT_WR)
            try:
                return "closed" if connection.socket.recv(65536) == b"" else "answered"
            except ssl.SSLError as error:
                return error.reason.lower()
            except ConnectionError:
                return "closed"
    return act


def s_client(*arguments: str, stdin: str = "", sees: str):
    """Returns `sees` if openssl s_client prints it, or the whole output."""
    def act(site: Site) -> str:
        done = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{site.open}", "-CAfile",
             str(site.authority.certificate),
             *(word.replace("SESSION", str(site.session)) for word in arguments)],
            input=stdin, capture_output=True, text=True, timeout=DEADLINE, check=False,
            errors="replace")
        output = done.stdout + done.stderr
        return sees if sees in output else output
    return act


record, extended = hello.record, hello.with_extensions
GOOD = hello.hello()
ROWS = {
    # --- silence: timeouts.header ends it
    "nothing": (sends(b""), "closed", "timeout"),
    "one byte": (sends(b"\x16"), "closed", "timeout"),
    "three bytes": (sends(b"\x16\x03\x01"), "closed", "timeout"),
    "half a hello": (sends(GOOD[:100]), "closed", "timeout"),
    "a hello and nothing more": (sends(GOOD), "hello", "timeout"),
    "silence after the handshake": (shakes(request=b""), "closed", "ok"),
    "half a request": (shakes(request=b"GET /v2/ HTT"), "408", "ok"),
    # --- clients that leave
    "leaves at once": (sends(b"", "closes"), "left", "closed"),
    "leaves after half a hello": (sends(GOOD[:50], "closes"), "left", "closed"),
    "leaves after a hello": (sends(GOOD, "closes"), "left", "closed"),
    "resets after half a hello": (sends(GOOD[:50], "resets"), "left", "closed"),
    "resets after a hello": (sends(GOOD, "resets"), "left", "closed"),
    # --- no TLS
    "16 KiB at random": (sends(random.Random(1).randbytes(16384)), "closed", "malformed"),
    "16 KiB of zeros": (sends(bytes(16384)), "closed", "malformed"),
    "16 KiB of ones": (sends(b"\xff" * 16384), "closed", "malformed"),
    "text": (sends(b"hello, is anybody there?\r\n" * 600), "closed", "malformed"),
    "a plain request": (sends(REQUEST), "400", "plain-request"),
    "a plain upload": (sends(b"PUT /v2/ HTTP/1.1\r\nContent-Length: 100000\r\n\r\n" + bytes(100_000)),
                       "400", "plain-request"),
    "another method": (sends(b"DELETE /v2/ HTTP/1.1\r\nHost: a\r\n\r\n"), "closed", "malformed"),
    "SSH": (sends(b"SSH-2.0-OpenSSH_9.2\r\n"), "closed", "malformed"),
    "HTTP/2": (sends(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "closed", "malformed"),
    # --- records
    "SSL 2": (sends(b"\x80\x2e\x01\x00\x02" + bytes(43)), "decode_error", "malformed"),
    "application data first": (sends(record(23, bytes(100))), "unexpected_message", "malformed"),
    "a change of cipher first": (sends(record(20, b"\x01")), "unexpected_message", "malformed"),
    "an empty record": (sends(record(22, b"")), "closed", "timeout"),
    "a record of 64 KiB": (sends(struct.pack("!BHH", 22, 0x0301, 0xffff) + bytes(0xffff)),
                           "record_overflow", "malformed"),
    "a record of an unknown type": (sends(record(99, bytes(10))), "unexpected_message", "malformed"),
    "a hello of 16 MiB": (sends(record(22, b"\x01\xff\xff\xff" + bytes(16000)) * 9),
                          "illegal_parameter", "malformed"),
    "a server's hello": (sends(record(22, b"\x02\x00\x00\x10" + bytes(16))), "unexpected_message",
                         "malformed"),
    "a finished first": (sends(record(22, b"\x14\x00\x00\x0c" + bytes(12))), "unexpected_message",
                         "malformed"),
    "a fatal alert": (sends(record(21, b"\x02\x28")), "unexpected_message", "malformed"),
    "a close notify": (sends(record(21, b"\x01\x00")), "unexpected_message", "malformed"),
    "warnings without end": (sends(record(21, b"\x01\x5a") * 100), "unexpected_message", "malformed"),
    "two hellos": (sends(GOOD * 2), "hello", "malformed"),
    # --- hellos
    "a hello of random bytes": (sends(record(22, b"\x01\x00\x01\x00" + random.Random(2).randbytes(256))),
                                "decode_error", "malformed"),
    "a hello without suites": (sends(hello.hello(suites=b"")), "illegal_parameter", "malformed"),
    "unknown suites only": (sends(hello.hello(suites=b"\xfa\xfa\x00\xff")), "handshake_failure",
                            "cipher"),
    "no compression method": (sends(hello.hello(compression=b"")), "decode_error", "malformed"),
    "compression only": (sends(hello.hello(compression=b"\x01")), "decode_error", "malformed"),
    "a session of 33 bytes": (sends(hello.hello(session=bytes(33))), "decode_error", "malformed"),
    "bytes after the hello": (sends(hello.hello(hello.packed(hello.extensions()) + b"\x00")),
                              "decode_error", "malformed"),
    "an extension twice": (sends(hello.hello(hello.packed(hello.extensions()) * 2)),
                           "illegal_parameter", "malformed"),
    "an extension that is too long": (sends(hello.hello(b"\x00\x0a\xff\xff\x00")), "decode_error",
                                      "malformed"),
    "TLS 1.0 only": (sends(extended(versions=hello.vector(b"\x03\x01", 1))), "protocol_version",
                     "version"),
    "an unknown version only": (sends(extended(versions=hello.vector(b"\x7f\x7f", 1))),
                                "protocol_version", "version"),
    "no signature algorithm": (sends(extended(signatures=None)), "missing_extension", "malformed"),
    "no groups": (sends(extended(groups=None)), "missing_extension", "malformed"),
    "unknown groups only": (sends(extended(groups=hello.vector(b"\x01\x00"), key_share=hello.vector(b""))),
                            "handshake_failure", "cipher"),
    "a key of zeros": (sends(extended(key_share=hello.share(key=bytes(32)))), "illegal_parameter",
                       "malformed"),
    "a key that is no point": (sends(extended(key_share=hello.share(hello.P_256, b"\x04" + bytes(64)))),
                               "illegal_parameter", "malformed"),
    "a key that is too short": (sends(extended(key_share=hello.share(key=bytes(5)))),
                                "illegal_parameter", "malformed"),
    "an empty name": (sends(extended(server_name=hello.vector(b"\x00" + hello.vector(b"")))),
                      "hello", "timeout"),
    "a name of 300 bytes": (sends(extended(server_name=hello.vector(b"\x00" + hello.vector(b"a" * 300)))),
                            "unrecognized_name", "malformed"),
    "a name with a zero": (sends(extended(server_name=hello.vector(b"\x00" + hello.vector(b"a\x00b")))),
                           "unrecognized_name", "malformed"),
    "an empty list of protocols": (sends(extended(protocols=hello.vector(b""))), "decode_error",
                                   "malformed"),
    "a protocol without a name": (sends(extended(protocols=hello.vector(b"\x00"))), "decode_error",
                                  "malformed"),
    "another protocol": (sends(extended(protocols=hello.vector(b"\x02h2"))), "no_application_protocol",
                         "alpn"),
    "a hello in records of a byte": (sends(b"".join(record(22, bytes([one])) for one in hello.message())),
                                     "hello", "timeout"),
    "a hello byte by byte": (trickles, "hello", "timeout"),
    # --- OpenSSL as the client
    "an unknown name": (shakes("unknown.example"), "200", "ok"),
    "weak suites": (shakes(only=TLS_1_2, ciphers="AES128-SHA:@SECLEVEL=0"),
                    "sslv3_alert_handshake_failure", "cipher"),
    "a malformed request": (shakes(request=b"GET /v2/ HTTP/9.9\r\n\r\n"), "505", "ok"),
    "a renegotiation": (s_client("-tls1_2", stdin="R\n", sees="no renegotiation"), "no renegotiation",
                        "ok"),
    "early data": (s_client("-tls1_3", "-sess_in", "SESSION", "-early_data", "/dev/null",
                            sees="Reused, TLSv1.3"), "Reused, TLSv1.3", "resumed"),
    # --- certificates of clients
    **{f"{what} certificate, {only.name}": (
        shakes(leaf=leaf, only=only, strict=True, request=b""), sees[only], "client-certificate")
       for only in (TLS_1_2, TLS_1_3)
       for what, leaf, sees in (
           ("no", "", {TLS_1_2: "sslv3_alert_handshake_failure",
                       TLS_1_3: "tlsv13_alert_certificate_required"}),
           ("an expired", "expired", dict.fromkeys((TLS_1_2, TLS_1_3),
                                                   "sslv3_alert_certificate_expired")),
           ("a foreign", "foreign", dict.fromkeys((TLS_1_2, TLS_1_3), "tlsv1_alert_unknown_ca")),
           ("a server's", "server", dict.fromkeys((TLS_1_2, TLS_1_3),
                                                  "sslv3_alert_unsupported_certificate")))},
    # --- after the handshake
    "a bad record": (after_handshake(b"\x17\x03\x03\x00\x20" + bytes(32)),
                     "sslv3_alert_bad_record_mac", "ok"),
    "a bad record of TLS 1.2": (after_handshake(b"\x17\x03\x03\x00\x20" + bytes(32), TLS_1_2),
                                "sslv3_alert_bad_record_mac", "ok"),
    "plain text": (after_handshake(REQUEST), "tlsv1_alert_protocol_version", "ok"),
    "16 KiB": (after_handshake(random.Random(3).randbytes(16384)), "tlsv1_alert_protocol_version",
               "ok"),
    "an end without close notify": (after_handshake(b""), "closed", "ok"),
}


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    return https.Authority(tmp_path_factory.mktemp("fleet"))


@pytest.fixture(scope="module")
def leaves(authority, fleet):
    return {"expired": fleet.leaf("expired", expired=True, usage="clientAuth"),
            "foreign": authority.leaf("foreign", usage="clientAuth"),
            "server": fleet.leaf("server", usage="serverAuth")}


@pytest.fixture(scope="module")
def leaf(authority):
    return authority.leaf("ec", key_type="ec")


# Rows that the header timeout ends after the handshake.
ENDED_LATER = ("silence after the handshake", "half a request")


def header_timeout(row: str) -> str:
    """As short as it can be for the rows that wait for it, and longer than a busy machine needs for what
    comes before."""
    _, sees, result = ROWS[row]
    if result != "timeout" and row not in ENDED_LATER:
        return "2m"
    return "2s" if sees == "closed" and row not in ENDED_LATER else "4s"


@pytest.fixture
def site(start, upstream, authority, leaf, fleet, leaves, tmp_path, row):
    entrepot = start(listen=[https.listening(leaf),
                             https.listening(leaf, client_ca=str(fleet.certificate))],
                     timeouts={"header": header_timeout(row)})
    found = Site(entrepot, authority, leaves, tmp_path / "session")
    subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{found.open}", "-tls1_3",
                    "-sess_out", str(found.session), "-ign_eof"],
                   input=REQUEST[:-2] + b"Connection: close\r\n\r\n", capture_output=True,
                   timeout=DEADLINE, check=False)
    assert found.session.exists()
    return found


def counts(entrepot: Entrepot) -> dict[str, float]:
    return {labels["result"]: value
            for labels, value in entrepot.metrics().named("tls_handshakes_total") if value}


def descriptors(entrepot: Entrepot) -> int:
    return len(os.listdir(f"/proc/{entrepot.pid}/fd"))


@pytest.mark.parametrize("row", ROWS)
def test_bad_input(site, row):
    act, sees, result = ROWS[row]
    entrepot = site.entrepot
    assert https.get(site.open, "/v2/", site.context()).status == 200
    eventually(lambda: entrepot.metrics().sum("connections") == 0, what="no connection")
    eventually(lambda: entrepot.log.text.count('"GET /v2/" 200') == 2, what="the lines of both requests so far")
    before, lines = counts(entrepot), len(entrepot.log.lines)
    open_before, memory = descriptors(entrepot), entrepot.memory()["RssAnon"]
    with ThreadPoolExecutor(CLIENTS) as pool:
        seen = list(pool.map(act, [site] * CLIENTS))
    assert set(seen) == {sees}
    eventually(lambda: sum(counts(entrepot).values()) == sum(before.values()) + CLIENTS,
               what=f"{CLIENTS} handshakes more")
    assert counts(entrepot) == {**before, result: before.get(result, 0) + CLIENTS}
    # The connection of the last request for metrics may be among those before.
    eventually(lambda: descriptors(entrepot) <= open_before, what=f"{open_before} descriptors again")
    assert SANITIZED or entrepot.memory()["RssAnon"] - memory < 2 * content.MIB
    added = [line for line in entrepot.log.lines[lines:] if " debug " not in line]
    assert len(added) <= CLIENTS and not [line for line in added if " info " not in line], added
    assert https.get(site.open, "/v2/", site.context()).status == 200


def test_there_are_as_many_rows_as_promised():
    assert len(ROWS) >= 40
