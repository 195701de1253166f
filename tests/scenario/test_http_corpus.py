# SPDX-License-Identifier: Apache-2.0
"""Malformed and odd HTTP/1.1 on the client port: each case has exactly one right answer.

A case has the bytes to send, the statuses that must come back, in order, and whether the server
must then close the connection; an open connection must answer another request. The numbers are
fixed: bug reports and other servers' results refer to them.
"""

from __future__ import annotations

import re
import socket
from typing import NamedTuple

import pytest

from support.gate import DEADLINE

LONG = {"header": "5m", "idle": "5m"}  # so that no deadline of the server closes a connection instead
MOST_DRIPS = 100  # ten a second
MAX_REFUSAL = 1024  # bytes of an answer to a request that made no sense


class Case(NamedTuple):
    number: str
    note: str
    send: bytes
    expect: list[int | tuple[int, ...]]
    closed: bool


def get(*fields: bytes, target: bytes = b"/v2/", body: bytes = b"", method: bytes = b"GET",
        version: bytes = b"HTTP/1.1") -> bytes:
    lines = [method + b" " + target + b" " + version, b"Host: a", *fields]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def chunked(body: bytes) -> bytes:
    return get(b"Transfer-Encoding: chunked", body=body)


def target(value: bytes) -> bytes:
    return get(target=value)


SMUGGLED = get()
PROBE = get(b"Connection: close", target=b"/probe")  # 404, which no smuggled request gets
TLS_HELLO = bytes.fromhex(
    "1603010065010000610303" + "5a" * 32 + "00000613011302130301000032"
    "000a00060004001d0017" + "000d000800060403080404010000") + b"\0" * 32

CASES = [
    Case("1", "no Host", b"GET /v2/ HTTP/1.1\r\n\r\n", [400], True),
    Case("2", "two Host", get(b"Host: b"), [400], True),
    Case("3", "Host that is no host", b"GET /v2/ HTTP/1.1\r\nHost: a b/../c@d\r\n\r\n", [400], True),
    Case("4", "empty Host", b"GET /v2/ HTTP/1.1\r\nHost:\r\n\r\n", [400], True),
    Case("5", "HTTP/0.9", b"GET /v2/\r\n", [400], True),
    Case("6", "HTTP/2.0 as text", get(version=b"HTTP/2.0"), [505], True),
    Case("7", "HTTP/1.32", get(version=b"HTTP/1.32"), [400], True),
    Case("8", "a version that overflows", get(version=b"HTTP/4294967295.255"), [400], True),
    Case("9", "h2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [400], True),
    Case("10", "bare LF", b"GET /v2/ HTTP/1.1\nHost: a\n\n", [400], True),
    Case("10-field", "bare LF after a field", b"GET /v2/ HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", [400], True),
    Case("11", "bare CR", b"GET /v2/ HTTP/1.1\rHost: a\r\r", [400], True),
    Case("12", "space before the colon", get(b"Content-Length : 5", body=b"hello"), [400], True),
    Case("13", "obs-fold", get(b"X: a", b" b"), [400], True),
    Case("14", "space before the first field", b"GET /v2/ HTTP/1.1\r\n Host: a\r\n\r\n", [400], True),
    Case("15", "empty field name", get(b": x"), [400], True),
    Case("16", "no colon", get(b"nonsense"), [400], True),
    Case("17", "NUL in a value", get(b"X: a\0b"), [400], True),
    Case("18", "CR in a value", get(b"X: a\rb"), [400], True),
    Case("19", "0xEF in a name", get(b"X\xef: a"), [400], True),
    Case("20", "Content-Length and chunked",
         get(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"), [400], True),
    Case("21", "two lengths, a request within",
         get(b"Content-Length: 0", b"Content-Length: %d" % len(SMUGGLED), body=SMUGGLED), [400], True),
    Case("22", "the same length twice",
         get(b"Content-Length: 3", b"Content-Length: 3", body=b"abc"), [400], True),
    Case("23", "a list of lengths", get(b"Content-Length: 3, 3", body=b"abc"), [400], True),
    Case("24", "length +3", get(b"Content-Length: +3", body=b"abc"), [400], True),
    Case("25-negative", "length -1", get(b"Content-Length: -1"), [400], True),
    Case("25-hex", "length 0x3", get(b"Content-Length: 0x3", body=b"abc"), [400], True),
    Case("25-letter", "length 3z", get(b"Content-Length: 3z", body=b"abc"), [400], True),
    Case("25-empty", "empty length", get(b"Content-Length:"), [400], True),
    Case("26", "space after the length is legal", get(b"Content-Length: 3 ", body=b"abc"), [200], False),
    Case("27", "length 2^64 + 3", get(b"Content-Length: 18446744073709551619", body=b"abc"), [400], True),
    Case("28", "length 10^18", get(b"Content-Length: 1000000000000000000"), [413], True),
    Case("28-post", "length 10^18 on a write",
         get(b"Content-Length: 1000000000000000000", method=b"POST"), [413], True),
    Case("29", "gzip, chunked and a length",
         get(b"Transfer-Encoding: gzip, chunked", b"Content-Length: 3", body=b"0\r\n\r\n"), [400], True),
    Case("30", ",chunked and a length",
         get(b"Transfer-Encoding: ,chunked", b"Content-Length: 3", body=b"0\r\n\r\n"), [400], True),
    Case("31", "coding identity", get(b"Transfer-Encoding: identity"), [501], True),
    Case("32", "coding blegh", get(b"Transfer-Encoding: blegh", body=SMUGGLED), [501], True),
    Case("33", "coding given twice",
         get(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"), [400], True),
    Case("34", "chunked in HTTP/1.0",
         get(b"Transfer-Encoding: chunked", version=b"HTTP/1.0", body=b"0\r\n\r\n"), [400], True),
    Case("35", "VT before chunked", get(b"Transfer-Encoding: \x0bchunked", body=b"0\r\n\r\n"), [400], True),
    Case("36", "chunk size 0x3", chunked(b"0x3\r\nabc\r\n0\r\n\r\n"), [400], True),
    Case("36-post", "chunk size 0x3 on a write",
         get(b"Transfer-Encoding: chunked", method=b"POST", body=b"0x3\r\nabc\r\n0\r\n\r\n"), [400], True),
    Case("37", "chunk size +3", chunked(b"+3\r\nabc\r\n0\r\n\r\n"), [400], True),
    Case("38-negative", "chunk size -1", chunked(b"-1\r\nabc\r\n0\r\n\r\n"), [400], True),
    Case("38-letters", "chunk size 3zz", chunked(b"3zz\r\nabc\r\n0\r\n\r\n"), [400], True),
    Case("39", "chunk size near 2^64 (VSV00001)", chunked(b"FFFFFFFFFFFFFFED\r\nabc\r\n0\r\n\r\n"), [400], True),
    Case("40", "chunk size line ends in LF", chunked(b"3\nabc\r\n0\r\n\r\n"), [400], True),
    Case("41", "no CRLF after chunk data", chunked(b"3\r\nabcX\r\n0\r\n\r\n"), [400], True),
    Case("42", "LF in a chunk extension", chunked(b"3;a\nb\r\nabc\r\n0\r\n\r\n"), [400], True),
    Case("43", "framing fields in the trailer are dropped",
         chunked(b"3\r\nabc\r\n0\r\nContent-Length: 7\r\nHost: b\r\n\r\n"), [200], False),
    Case("44", "a body that looks like a request",
         get(b"Content-Length: %d" % len(SMUGGLED), body=SMUGGLED), [200], False),
    Case("45", "three pipelined", get() * 3, [200, 200, 200], False),
    Case("45-order", "three pipelined, told apart",
         target(b"/v2/x") + get() + target(b"/v2/%00"), [404, 200, 400], False),
    Case("46", "unknown method", get(method=b"SLUDGE"), [501], True),
    Case("46-case", "methods are case-sensitive", get(method=b"get"), [501], True),
    Case("47-connect", "CONNECT", get(method=b"CONNECT", target=b"a:443"), [405], True),
    Case("47-trace", "TRACE", get(method=b"TRACE"), [405], True),
    Case("48", "OPTIONS *", get(method=b"OPTIONS", target=b"*"), [405], False),
    Case("48-path", "OPTIONS of a path", get(method=b"OPTIONS"), [405], False),
    Case("49", "absolute form, of something that is not here",
         target(b"http://169.254.169.254/latest/meta-data/"), [404], False),
    Case("49-other", "absolute form, another host than in Host", target(b"http://b/v2/"), [200], False),
    Case("49-case", "absolute form, scheme in capitals", target(b"HTTP://A:80/v2/?x"), [200], False),
    Case("49-root", "absolute form without a path", target(b"http://a"), [404], False),
    Case("49-nohost", "absolute form and no Host", b"GET http://a/v2/ HTTP/1.1\r\n\r\n", [400], True),
    Case("49-twice", "absolute form and two Host", get(b"Host: b", target=b"http://a/v2/"), [400], True),
    Case("49-user", "absolute form with a user", target(b"http://a:b@c/v2/"), [400], False),
    Case("49-at", "a user without a name", target(b"http://@a/v2/"), [400], False),
    Case("49-empty", "absolute form without a host", target(b"http:///v2/"), [400], False),
    Case("49-port", "a port that is none", target(b"http://a:b/v2/"), [400], False),
    Case("49-query", "a query in the host's place", target(b"http://a?x"), [400], False),
    Case("49-dots", "absolute form with dot segments", target(b"http://a/v2/../x"), [400], False),
    Case("49-escape", "absolute form with an encoded host", target(b"http://%61/v2/"), [400], False),
    Case("49-back", "absolute form with a backslash", target(b"http://a\\@b/v2/"), [400], False),
    Case("49-body", "absolute form before a body",
         get(b"Content-Length: 3", target=b"http://a/v2/", body=b"abc"), [200], False),
    Case("50", "another scheme", target(b"ftp://x/"), [400], False),
    Case("50-https", "https, which this port is not", target(b"https://a/v2/"), [400], False),
    Case("51", "no leading slash", target(b"v2/"), [400], False),
    Case("52", "control byte in the target", target(b"/v2/\x01"), [400], False),
    Case("53", "space in the target", target(b"/v2/ x"), [400], False),
    Case("54", "NUL in the target", target(b"/v2/\0"), [400], False),
    Case("55", "encoded NUL", target(b"/v2/%00"), [400], False),
    Case("56", "dot segments", target(b"/v2/../../etc/passwd"), [400], False),
    Case("56-inside", "dot segments that stay inside", target(b"/v2/x/../"), [400], False),
    Case("56-single", "a single-dot segment", target(b"/v2/."), [400], False),
    Case("57", "encoded dot segment", target(b"/v2/%2e%2e%2f"), [400], False),
    Case("57-dots", "encoded dots", target(b"/v2/%2e%2e/"), [400], False),
    Case("57-slash", "encoded slash", target(b"/v2/a%2Fb"), [400], False),
    Case("58", "bad escape", target(b"/v2/%zz"), [400], False),
    Case("58-short", "an escape cut short", target(b"/v2/%4"), [400], False),
    Case("59", "fragment", target(b"/v2/#frag"), [400], False),
    Case("60", "0xFF in the target", target(b"/v2/\xff"), [400], False),
    Case("61", "9 kB of target", target(b"/v2/" + b"a" * 9000), [414], True),
    Case("61-endless", "9 kB of target and no end", b"GET /v2/" + b"a" * 9000, [414], True),
    Case("62", "a field of 20 kB is served", get(b"X: " + b"a" * 20000), [200], False),
    Case("62-long", "a field of 70 kB", get(b"X: " + b"a" * 70000), [431], True),
    Case("63", "2,000 fields", get(*[b"X%d: a" % i for i in range(2000)]), [431], True),
    Case("64", "300 kB of fields", get(*[b"X%d: " % i + b"a" * 10000 for i in range(30)]), [431], True),
    Case("65", "Expect before a write: the final answer, no 100",
         get(b"Expect: 100-continue", b"Content-Length: 1000", method=b"POST"), [405], True),
    Case("66", "an expectation nobody knows", get(b"Expect: foo"), [417], False),
    Case("67", "an offer to upgrade is ignored",
         get(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk"),
         [200], False),
    Case("68", "two empty lines first", b"\r\n\r\n" + get(), [200], False),
    Case("69", "TLS on a plain port", TLS_HELLO, [400], True),
    Case("70", "64 NULs", b"\0" * 64, [400], True),
    Case("71", "two spaces in the request line", b"GET  /v2/ HTTP/1.1\r\nHost: a\r\n\r\n", [400], True),
    Case("72", "a word after the version", b"GET /v2/ HTTP/1.1 x\r\nHost: a\r\n\r\n", [400], True),
    Case("73", "TAB for space", b"GET\t/v2/\tHTTP/1.1\r\nHost: a\r\n\r\n", [400], True),
    Case("74", "nothing is answered after Connection: close",
         get(b"Connection: close") + get(), [200], True),
]


class Client:
    """A raw connection that reads whole replies."""

    def __init__(self, host: str, port: int, timeout: float = DEADLINE):
        self.socket = socket.create_connection((host, port), timeout=timeout)
        self.pending = b""
        self.received = 0

    def send(self, data: bytes) -> None:
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the server may refuse before it has read all bytes; its answer counts

    def _more(self) -> bool:
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        self.pending += data
        self.received += len(data)
        return bool(data)

    def reply(self) -> tuple[int, bytes, bytes]:
        """The next reply: status, head, body."""
        while b"\r\n\r\n" not in self.pending:
            assert self._more(), f"closed within a reply head: {self.pending!r}"
        head, _, self.pending = self.pending.partition(b"\r\n\r\n")
        status = re.fullmatch(rb"HTTP/1\.1 (\d{3}) [ -~]*", head.split(b"\r\n")[0])
        assert status, head
        length = re.search(rb"\r\nContent-Length: (\d+)(\r\n|$)", head)
        assert length, f"no Content-Length: {head!r}"
        while len(self.pending) < int(length[1]):
            assert self._more(), "closed within a reply body"
        body, self.pending = self.pending[:int(length[1])], self.pending[int(length[1]):]
        return int(status[1]), head, body

    def at_end(self) -> bool:
        """Waits for the server to close, and requires that no other byte comes."""
        while self._more():
            pass
        return not self.pending


@pytest.fixture
def entrepot(start):
    return start(timeouts=LONG)


@pytest.mark.parametrize("case", CASES, ids=[case.number for case in CASES])
def test_corpus(entrepot, case: Case):
    client = Client(entrepot.host, entrepot.port)
    with client.socket:
        client.send(case.send)
        replies = [client.reply() for _ in case.expect]
        assert [status for status, _, _ in replies] == case.expect, case.note
        status, head, body = replies[-1]
        if status >= 400:
            assert client.received <= MAX_REFUSAL
            assert b"\r\nContent-Type: application/json" in head
            assert body.startswith(b'{"errors":[')
        if status == 405:
            assert b"\r\nAllow: GET, HEAD" in head
        assert (b"\r\nConnection: close" in head) == case.closed
        if case.closed:
            assert client.at_end(), f"more than the response: {client.pending!r}"
            return
        client.send(PROBE)
        assert client.reply()[0] == 404, "the connection is out of step"
        assert client.at_end(), f"more than the response: {client.pending!r}"


def test_header_deadline_is_not_extended_by_a_drip(start):
    """Slowloris: one byte now and then does not extend the deadline. They go on for many times as long."""
    entrepot = start(timeouts={"header": "500ms"})
    client = Client(entrepot.host, entrepot.port, 0.1)
    with client.socket:
        client.send(b"GET /v2/ HTTP/1.1\r\n")
        drips = 0
        while not client.pending and drips < MOST_DRIPS:
            client.send(b"X")
            drips += 1
            try:
                if not client._more():
                    break
            except TimeoutError:
                continue
        client.socket.settimeout(DEADLINE)
        assert client.reply()[0] == 408
        assert client.at_end()
    assert drips < MOST_DRIPS


@pytest.mark.parametrize("hello", [TLS_HELLO, TLS_HELLO[:1], TLS_HELLO[:5] + b"\r\n" + TLS_HELLO[5:],
                                   TLS_HELLO + b"GET /v2/ HTTP/1.1\r\nHost: a\r\n\r\n"],
                         ids=["whole", "one byte", "a line end in it", "a request behind it"])
def test_69_tls_is_reported_as_tls(entrepot, hello):
    """Clients try TLS first, with each pull: an outcome of its own, no error, and no line. The
    answer is plain HTTP, from which clients that fall back by themselves learn that the port has no
    TLS."""
    client = Client(entrepot.host, entrepot.port)
    with client.socket:
        client.send(hello)
        status, _, body = client.reply()
        assert status == 400 and b"TLS" in body
        assert client.at_end()
    metrics = entrepot.metrics()
    assert metrics.sum("requests_total", outcome="tls", code=0) == 1
    assert metrics.sum("requests_total", code=400) == 0
    entrepot.log.wait_for(r" debug .*TLS")
    assert " access " not in entrepot.log.text


def test_69_the_log_names_a_client_that_tries_tls_once(entrepot):
    for _ in range(3):
        client = Client(entrepot.host, entrepot.port)
        with client.socket:
            client.send(TLS_HELLO)
            assert client.reply()[0] == 400
            assert client.at_end()
    assert entrepot.metrics().sum("requests_total", outcome="tls", code=0) == 3
    # The third line at level debug is the last one of the attempts.
    entrepot.terminate()
    lines = [line for line in entrepot.log.lines if "TLS" in line]
    assert len([line for line in lines if " debug " in line]) == 3
    named = [line for line in lines if " info " in line]
    assert len(named) == 1 and "client 127.0.0.1 tries TLS" in named[0]
    assert not [line for line in entrepot.log.lines if "malformed" in line]
