# SPDX-License-Identifier: Apache-2.0
"""deploy/tls_check.sh passes the listeners of the product, and fails a server that offers what it must
not."""

from __future__ import annotations

import re
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
FAULTS = {
    "old versions": (WEAK, ["tls1 is refused: the port accepts it", "tls1_1 is refused: the port"]),
    "suites": (WEAK + ["-min_protocol", "TLSv1.2"], ["suites of tls1_2 .*; accepted: .*AECDH-"]),
    "renegotiation": (GOOD + ["-client_renegotiation"], ["renegotiation is refused: "]),
    "no tickets": (GOOD + ["-no_ticket", "-no_cache", "-num_tickets", "0"], ["sessions are resumed"]),
    "early data": (GOOD + ["-max_early_data", "4096"], ["no early data"]),
    "any protocol": (GOOD[:2], ["ALPN: a client without", "ALPN: h2 or http/1.1 is chosen"]),
    "no tls1_3": (GOOD + ["-max_protocol", "TLSv1.2"], ["tls1_3 is offered"]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_server_that_offers_too_much_fails(authority, leaf, fault):
    options, expected = FAULTS[fault]
    server = Daemon("openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", leaf[0], "-key", leaf[1],
                    "-www", *options)
    try:
        port = server.log.wait_for(r"ACCEPT 127\.0\.0\.1:(\d+)")[1]
        done = check(f"127.0.0.1:{port}", "--ca", authority.certificate, "--name", "localhost")
    finally:
        server.stop()
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
    relay = Compressing(entrepot.port, after=0, cuts=0)
    try:
        done = check(f"localhost:{relay.port}", "--ca", authority.certificate)
    finally:
        relay.close()
    assert done.returncode == 1 and lines(done, "FAILED") == ["no compression"], done.stdout


@pytest.mark.parametrize("arguments, code, text", [
    ((), 64, "usage:"), (("host",), 64, "usage:"), (("127.0.0.1:1", "--ca"), 64, "usage:"),
    (("127.0.0.1:1", "--unknown", "x"), 64, "usage:"),
    (("127.0.0.1:1",), 69, "no handshake with 127.0.0.1:1")])
def test_bad_arguments(arguments, code, text):
    done = subprocess.run([SCRIPT, *arguments], capture_output=True, text=True, timeout=60,
                          check=False)
    assert done.returncode == code and text in done.stderr
