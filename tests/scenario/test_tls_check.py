# SPDX-License-Identifier: Apache-2.0
"""deploy/tls_check.sh passes the listeners of the product, and fails a server that offers what it must
not. It leaves undecided what the port does not answer."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from support import https
from support.daemon import Daemon
from support.relay import Relay

SCRIPT = Path(__file__).resolve().parents[2] / "deploy" / "tls_check.sh"
CHECKS = [
    "tls1 is refused", "tls1_1 is refused", "tls1_3 is offered: TLS_AES_128_GCM_SHA256",
    "tls1_2 is offered: ECDHE-ECDSA-AES128-GCM-SHA256", "secure renegotiation is announced",
    "extended master secret", "a fallback to tls1_2 is refused",
    "suites of tls1_2 have forward secrecy", "renegotiation is refused", "no compression",
    "sessions are resumed", "a ticket lasts a day at most", "no early data",
    "ALPN: http/1.1 is chosen", "ALPN: a client without a known protocol is refused",
    "the certificate is valid for localhost",
]


def check(address: str, *options) -> subprocess.CompletedProcess:
    return subprocess.run([SCRIPT, address, *map(str, options)], capture_output=True, text=True,
                          timeout=240, check=False)


def lines(done: subprocess.CompletedProcess, word: str) -> list[str]:
    return re.findall(rf"(?m)^{word} +(.*)$", done.stdout)


@pytest.fixture(scope="module")
def leaf(authority):
    return authority.leaf("server", key_type="ec")


def assert_all_passed(done) -> None:
    assert done.returncode == 0, done.stdout + done.stderr
    passed = lines(done, "ok")
    assert len(passed) == len(CHECKS)
    for expected, line in zip(CHECKS, passed):
        assert line.startswith(expected), (expected, line)


def test_a_listener_passes(start, upstream, authority, leaf):
    rsa = authority.leaf("rsa")
    entrepot = start(listen=[https.listening(leaf, rsa)])
    done = check(f"localhost:{entrepot.port}", "--ca", authority.certificate)
    assert_all_passed(done)
    suites = re.search(r"forward secrecy .* \((\d+) tried\): (.*)", done.stdout)
    assert int(suites[1]) > 40
    assert sorted(suites[2].split()) == sorted(
        f"ECDHE-{key}-{cipher}" for key in ("ECDSA", "RSA")
        for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305"))
    assert not entrepot.log.search(r" (warn|error) ")


def test_a_listener_with_client_certificates_passes(start, upstream, authority, leaf):
    certificate, key = authority.leaf("node", usage="clientAuth")
    entrepot = start(listen=[https.listening(leaf, client_ca=str(authority.certificate))])
    assert_all_passed(check(f"127.0.0.1:{entrepot.port}", "--ca", authority.certificate, "--name",
                            "localhost", "--client-cert", certificate, "--client-key", key))


WEAK = ["-cipher", "ALL:COMPLEMENTOFALL:@SECLEVEL=0", "-alpn", "http/1.1"]
GOOD = ["-cipher", "ECDHE+AESGCM", "-alpn", "http/1.1"]
ONLY_1_3 = ["-min_protocol", "TLSv1.3"]  # without the suites of TLS 1.2, a check is four times as fast
FAULTS = {
    "old versions": (WEAK, ["tls1 is refused: the port accepts it", "tls1_1 is refused: the port"]),
    "suites": (WEAK + ["-min_protocol", "TLSv1.2"], ["suites of tls1_2 .*; accepted: .*AECDH-"]),
    "renegotiation": (GOOD + ["-client_renegotiation"], ["renegotiation is refused: "]),
    "no tickets": (GOOD + ["-no_ticket", "-no_cache", "-num_tickets", "0"] + ONLY_1_3,
                   ["sessions are resumed"]),
    "early data": (GOOD + ["-max_early_data", "4096"] + ONLY_1_3, ["no early data"]),
    "any protocol": (GOOD[:2] + ONLY_1_3,
                     ["ALPN: a client without", "ALPN: h2 or http/1.1 is chosen"]),
    "no tls1_3": (GOOD + ["-max_protocol", "TLSv1.2"], ["tls1_3 is offered"]),
    "no tls1_3, sessions with an ID": (GOOD + ["-max_protocol", "TLSv1.2", "-no_ticket"],
                                       ["tls1_3 is offered"]),
}


@contextlib.contextmanager
def serving(leaf, *options):
    """The port of an `openssl s_server`."""
    server = Daemon("openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", leaf[0], "-key", leaf[1],
                    "-www", *options)
    try:
        yield int(server.log.wait_for(r"ACCEPT 127\.0\.0\.1:(\d+)")[1])
    finally:
        server.stop()


def check_behind(relay: Relay, authority) -> subprocess.CompletedProcess:
    try:
        return check(f"localhost:{relay.port}", "--ca", authority.certificate)
    finally:
        relay.close()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_server_that_offers_too_much_fails(authority, leaf, fault):
    options, expected = FAULTS[fault]
    with serving(leaf, *options) as port:
        done = check(f"127.0.0.1:{port}", "--ca", authority.certificate, "--name", "localhost")
    failures = lines(done, "FAILED")
    assert done.returncode == 1
    for pattern in expected:
        assert [line for line in failures if re.match(pattern, line)], (pattern, done.stdout)
    if fault != "old versions":  # its suites are bad, too
        assert len(failures) == len(expected), done.stdout


def test_another_name_or_authority_fails(start, upstream, authority, leaf, tmp_path):
    entrepot = start(listen=[https.listening(leaf)])
    stranger = https.Authority(tmp_path / "stranger").certificate
    for options, reason in ((("--ca", stranger), "unable to verify the first certificate"),
                            (("--ca", authority.certificate, "--name", "other.example"),
                             "hostname mismatch")):
        done = check(f"localhost:{entrepot.port}", *options)
        assert done.returncode == 1
        assert len(lines(done, "FAILED")) == 1 and reason in lines(done, "FAILED")[0]


class Compressing(Relay):
    """Before a server: makes its hello choose DEFLATE if the client offers that. No OpenSSL of Debian
    compresses itself."""

    def _there(self, client, server) -> None:
        hello = b""
        while len(hello) < 5 or len(hello) < 5 + int.from_bytes(hello[3:5], "big"):
            if not (data := client.recv(65536)):
                break
            hello += data
        if b"\xcc\xa9\xcc\xa8\x02\x01\x00" in hello:
            server.sendall(hello)
            answer = bytearray(server.recv(65536))
            answer[44 + answer[43] + 2] = 1  # after the session and the suite
            client.sendall(answer)
            return
        server.sendall(hello)
        threading.Thread(target=super()._back, args=(client, server), daemon=True).start()
        super()._there(client, server)

    def _back(self, client, server) -> None:
        pass


def test_compression_fails(start, upstream, authority, leaf):
    entrepot = start(listen=[https.listening(leaf)])
    done = check_behind(Compressing(entrepot.port, after=0, cuts=0), authority)
    assert done.returncode == 1 and lines(done, "FAILED") == ["no compression"], done.stdout


class Tiring(Relay):
    """Ends each connection after the first `answers` when it has read the client's hello. `last`: what it
    sends before."""

    def __init__(self, port: int, answers: int, last: bytes = b""):
        self._answers, self._last = answers, last
        super().__init__(port, after=0, cuts=0)

    def _there(self, client, server) -> None:
        with self._lock:
            self._answers -= 1
            silent = self._answers < 0
        if silent:
            client.recv(65536)
            client.sendall(self._last)
            client.shutdown(socket.SHUT_RDWR)
        super()._there(client, server)


@pytest.mark.parametrize("answers, passed", [(1, 0), (6, 7)])
def test_a_connection_without_an_answer_decides_nothing(authority, leaf, answers, passed):
    """The first handshake has an answer; or it and those of the versions have one."""
    closed = "the connection closed without an answer"
    later = ["sessions are resumed", "ALPN: h2 or http/1.1 is chosen",
             "ALPN: a client without a known protocol is refused (RFC 7301)",
             "the certificate is valid for localhost"]
    with serving(leaf, *WEAK, "-min_protocol", "TLSv1.2") as port:
        done = check_behind(Tiring(port, answers), authority)
    assert done.returncode == 2, done.stdout + done.stderr
    assert [re.sub(r" \(.*|:.*", "", line) for line in lines(done, "ok")] == [
        text.split(":")[0] for text in CHECKS[:passed]]
    assert not lines(done, "FAILED")
    undecided = lines(done, "undecided")
    if passed:
        assert re.fullmatch(rf"suites of tls1_2 .*: (\d+) of \1 have no answer: {closed}", undecided.pop(0))
        assert undecided.pop(1).startswith("no compression: no answer")
        later.insert(0, "renegotiation is refused")
    else:
        later[:0] = ["tls1 is refused", "tls1_1 is refused", "tls1_3 is offered", "tls1_2 is offered"]
    assert undecided == [f"{text}: {closed}" for text in later]


def test_a_list_of_suites_without_the_one_of_before_is_undecided(authority, leaf):
    handshake_failure = bytes.fromhex("1503030002" "0228")
    with serving(leaf, *GOOD) as port:
        done = check_behind(Tiring(port, answers=6, last=handshake_failure), authority)
    assert lines(done, "undecided")[:2] == [
        "suites of tls1_2 have forward secrecy and authenticated encryption: the port has chosen "
        "ECDHE-ECDSA-AES256-GCM-SHA384 before, and now refuses it",
        "renegotiation is refused: the port refuses the handshake"], done.stdout
    assert lines(done, "FAILED")[-1] == "the certificate is valid for localhost"


class Newer(Relay):
    """Answers a client of TLS 1.0 or 1.1 with a hello of TLS 1.2."""

    def _there(self, client, server) -> None:
        hello = client.recv(65536)
        if hello[9:11] in (b"\x03\x01", b"\x03\x02"):
            client.sendall(bytes.fromhex("160303002a" "02000026" "0303" + 32 * "5a" + "00" "c009" "00"))
        else:
            server.sendall(hello)
        super()._there(client, server)


def test_a_hello_of_another_version_is_a_refusal(authority, leaf):
    with serving(leaf, *GOOD, *ONLY_1_3) as port:
        done = check_behind(Newer(port, after=0, cuts=0), authority)
    assert done.returncode == 0, done.stdout + done.stderr
    assert lines(done, "ok")[:2] == ["tls1 is refused", "tls1_1 is refused"]


class Rash(Relay):
    """Closes without an alert when a client of TLS 1.2 asks for a renegotiation: its third flight of the
    handshake protocol."""

    def _there(self, client, server) -> None:
        flights = 0
        with contextlib.suppress(OSError):  # the check of compression closes with a reset
            while data := client.recv(65536):
                flights += data[0] == 0x16
                if flights == 3:
                    client.shutdown(socket.SHUT_RDWR)
                    break
                server.sendall(data)
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_WR)


def test_a_renegotiation_without_an_answer_is_undecided(authority, leaf):
    with serving(leaf, *GOOD, "-client_renegotiation") as port:
        done = check_behind(Rash(port, after=0, cuts=0), authority)
    assert done.returncode == 2 and not lines(done, "FAILED"), done.stdout
    assert lines(done, "undecided") == ["renegotiation is refused: no answer to the request for one"]


def test_a_missing_client_certificate_is_named(start, upstream, authority, leaf):
    entrepot = start(listen=[https.listening(leaf, client_ca=str(authority.certificate))])
    done = check(f"localhost:{entrepot.port}", "--ca", authority.certificate)
    assert done.returncode == 2 and not lines(done, "FAILED"), done.stdout
    need = "the port requires a client certificate: use --client-cert and --client-key"
    assert lines(done, "undecided") == [f"renegotiation is refused: {need}",
                                        f"sessions are resumed: {need}"]


def test_a_refused_client_certificate_is_named(authority, leaf, tmp_path):
    certificate, key = https.Authority(tmp_path / "stranger").leaf("node", usage="clientAuth")
    with serving(leaf, *GOOD, *ONLY_1_3, "-Verify", "1", "-verify_return_error",
                 "-CAfile", authority.certificate) as port:
        done = check(f"localhost:{port}", "--ca", authority.certificate,
                     "--client-cert", certificate, "--client-key", key)
    assert done.returncode == 2 and not lines(done, "FAILED"), done.stdout
    assert lines(done, "undecided") == [
        f"sessions are resumed: the port refuses {certificate}: unknown_ca"]


def test_unusable_files(authority, leaf):
    absent, other = authority.certificate.parent / "absent", authority.leaf("other")
    for arguments, text in (
            (("--ca", absent), f"--ca {absent}: there is no such file"),
            (("--ca", leaf[1]), f"--ca {leaf[1]}: the file has no certificate"),
            (("--client-cert", absent), f"--client-cert {absent}: there is no such file"),
            (("--client-cert", leaf[0]), f"--client-key {leaf[0]}: the file has no private key"),
            (("--client-cert", leaf[0], "--client-key", absent), f"--client-key {absent}: there is no"),
            (("--client-cert", leaf[0], "--client-key", other[1]),
             f"--client-key {other[1]}: the key belongs to another certificate than {leaf[0]}"),
            (("--client-key", leaf[1]), "usage:")):
        done = check("127.0.0.1:1", *arguments)
        assert done.returncode == 64 and done.stderr.count("\n") == 1 and text in done.stderr, done.stderr


@pytest.mark.parametrize("arguments, code, text", [
    ((), 64, "usage:"), (("host",), 64, "usage:"), (("127.0.0.1:1", "--ca"), 64, "usage:"),
    (("127.0.0.1:1", "--unknown", "x"), 64, "usage:"),
    (("127.0.0.1:1",), 69, "no handshake with 127.0.0.1:1")])
def test_bad_arguments(arguments, code, text):
    done = subprocess.run([SCRIPT, *arguments], capture_output=True, text=True, timeout=60,
                          check=False)
    assert done.returncode == code and text in done.stderr
