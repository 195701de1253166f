# SPDX-License-Identifier: Apache-2.0
"""One client has one share: whatever it holds or sends, others are served."""

from __future__ import annotations

import contextlib
import os
import time

import pytest

from support import content, faults, logins
from support.access_lines import wait_lines
from support.checks import (REPOSITORY, assert_error, assert_hit, assert_whole, blob_target,
                            manifest_target)
from support.content import KIB, MIB
from support.gate import Gate, eventually

OTHER = "127.0.0.2"  # the tests' own address is 127.0.0.1
SANITIZED = bool(os.environ.get("ENTREPOT_SANITIZE"))


@pytest.fixture
def held():
    """Connections that stay open until the test ends."""
    with contextlib.ExitStack() as stack:
        yield lambda connection: stack.enter_context(connection)


def answer_to(entrepot, target: str, source: str, headers=()):
    with entrepot.connect(source=source) as connection:
        connection.send_request("GET", target, headers)
        return connection.read_response()


def limited(entrepot, reason: str) -> float:
    return entrepot.metrics().sum("clients_limited_total", reason=reason)


def test_a_client_that_holds_all_its_connections_gets_half_of_all(start, upstream, held):
    entrepot = start(limits={"connections": 200})
    refused = 0
    for _ in range(200):
        connection = held(entrepot.connect())
        connection.send_request("GET", "/v2/")
        response = connection.read_response()
        if response.status == 429:
            refused += 1
            assert response.headers["Retry-After"] == "5"
    blob = upstream.add_blob(REPOSITORY, content.blob(MIB))
    for _ in range(3):
        assert_whole(answer_to(entrepot, blob_target(blob), OTHER), blob)
    assert refused == 100
    eventually(lambda: limited(entrepot, "connections") == refused, what="each counted")
    assert entrepot.metrics().sum("connections_refused_total") == 0
    lines = [line for line in entrepot.log.text.splitlines() if "client 127.0.0.1 holds" in line]
    assert 1 <= len(lines) <= 3, lines  # one a minute


def test_a_flood_of_connections_leaves_others_served(start, upstream, held):
    entrepot = start(limits={"connections": 100})
    blob = upstream.add_blob(REPOSITORY, content.blob(64 * KIB))
    for _ in range(400):
        held(entrepot.connect())
    for _ in range(5):
        assert_whole(answer_to(entrepot, blob_target(blob), OTHER), blob)
    eventually(lambda: limited(entrepot, "connections") >= 300, what="those over the bound counted")
    assert entrepot.metrics().sum("connections_refused_total") == 0


def test_misses_of_one_client(start, upstream, held):
    entrepot = start(limits={"misses_per_client": 4})
    blobs = [upstream.add_blob(REPOSITORY, content.blob(64 * KIB, seed=n)) for n in range(7)]
    assert_whole(entrepot.get(blob_target(blobs[0])), blobs[0])
    gate = Gate()
    upstream.script(faults.hold(gate), kind="blob", method="GET")
    waiting = [held(entrepot.connect()) for _ in range(4)]
    for connection, blob in zip(waiting, blobs[1:]):
        connection.send_request("GET", blob_target(blob))
    gate.wait_arrived(4)
    refused = entrepot.get(blob_target(blobs[5]))
    assert_error(refused, 429, code="TOOMANYREQUESTS")
    assert refused.headers["Retry-After"] == "5"
    assert_hit(entrepot.get(blob_target(blobs[0])), blobs[0])
    other = held(entrepot.connect(source=OTHER))
    other.send_request("GET", blob_target(blobs[6]))
    gate.wait_arrived(5)
    gate.open()
    for connection, blob in zip([*waiting, other], [*blobs[1:5], blobs[6]]):
        assert_whole(connection.read_response(), blob)
    assert_whole(entrepot.get(blob_target(blobs[5])), blobs[5])
    assert limited(entrepot, "misses") == 1
    entrepot.log.wait_for("client 127.0.0.1 has 4 requests in progress that wait for an upstream")


def test_a_login_is_one_client_on_all_its_addresses(start, upstream, held, tmp_path):
    users = logins.write_users(tmp_path / "users", {"ci": "secret", "alice": "wonderland"})
    entrepot = start(listen=[{"address": "127.0.0.1:0", "auth": {"htpasswd": str(users)}}],
                     limits={"requests_per_client": 2})
    blobs = [upstream.add_blob(REPOSITORY, content.blob(64 * KIB, seed=n)) for n in range(3)]
    ci, alice = logins.basic("ci", "secret"), logins.basic("alice", "wonderland")
    for login in (ci, alice):
        assert entrepot.get("/v2/", headers=login).status == 200
    gate = Gate()
    upstream.script(faults.hold(gate), kind="blob", method="GET")
    waiting = [held(entrepot.connect(source=source)) for source in ("127.0.0.1", OTHER, "127.0.0.3")]
    for connection, blob, login in zip(waiting, blobs, (ci, ci, alice)):
        connection.send_request("GET", blob_target(blob), login)
    gate.wait_arrived(3)
    refused = answer_to(entrepot, blob_target(blobs[0]), "127.0.0.4", ci)
    assert_error(refused, 429, code="TOOMANYREQUESTS")
    assert refused.headers["Retry-After"] == "1"
    gate.open()
    for connection, blob in zip(waiting, blobs):
        assert_whole(connection.read_response(), blob)
    assert_hit(answer_to(entrepot, blob_target(blobs[0]), "127.0.0.4", ci), blobs[0])
    assert limited(entrepot, "requests") == 1
    entrepot.log.wait_for(r'client "ci" has 2 requests in progress; more are answered 429')
    entrepot.log.wait_for('access 127.0.0.4:.* 429 refused client-requests .* user="ci"')


def test_unknown_names_of_one_client_keep_no_slot_from_another(start, upstream, held):
    """The registry answers none of the names: all its slots would be taken."""
    entrepot = start(timeouts={"first_byte": "10m"})
    blob = upstream.add_blob(REPOSITORY, content.blob(64 * KIB))
    gate = Gate()
    upstream.script(faults.hold(gate), kind="manifest")
    for number in range(120):
        connection = held(entrepot.connect())
        connection.send_request("GET", f"/v2/{REPOSITORY}/manifests/unknown-{number}")
    gate.wait_arrived(45)
    eventually(lambda: entrepot.metrics().sum("flights") == 120, what="all of them wait")
    assert_whole(answer_to(entrepot, blob_target(blob), OTHER), blob)
    gate.open()


def test_unknown_names_leave_nothing_behind(start, upstream):
    entrepot = start()
    before = entrepot.metrics().sum("cache_objects")
    with entrepot.connect() as connection:
        for number in range(300):
            connection.send_request("GET", f"/v2/{REPOSITORY}/manifests/unknown-{number}")
            assert connection.read_response().status == 404
            connection.send_request("GET", f"/v2/unknown/{number}/tags/list")
            assert connection.read_response().status == 404
    assert upstream.count(kind="manifest") >= 300
    assert entrepot.metrics().sum("cache_objects") == before


def test_the_bandwidth_of_a_client(start, upstream, held):
    """Time is compared with the least that the rate allows only, and with an end that is far away."""
    entrepot = start(limits={"bandwidth_per_client": "1MiB"})
    blob = upstream.add_blob(REPOSITORY, content.blob(MIB))
    large = upstream.add_blob(REPOSITORY, content.blob(64 * MIB, seed=1))
    image = upstream.add_image(REPOSITORY, content.image((100,)), "latest")
    begun = time.monotonic()
    waiting = [held(entrepot.connect()) for _ in range(3)]
    for connection in waiting:
        connection.send_request("GET", blob_target(blob))
    for connection in waiting:
        assert_whole(connection.read_response(), blob)
    assert time.monotonic() - begun >= 2.7  # three at 1 MiB/s, but for the burst of a quarter
    assert limited(entrepot, "bandwidth") >= 1
    assert max(line.number("pace_ms") for line in wait_lines(entrepot, blob_target(blob), 3)) > 1000
    slow = held(entrepot.connect())
    slow.send_request("GET", blob_target(large))
    assert slow.read_head().status == 200
    assert_hit(answer_to(entrepot, blob_target(blob), OTHER), blob)
    assert_whole(answer_to(entrepot, manifest_target("latest"), "127.0.0.1"), image.manifest)
    eventually(lambda: entrepot.metrics().sum("cache_objects", kind="blob") == 2,
               what="the whole blob stored at the speed of the upstream")
    assert limited(entrepot, "slow") == 0


def large_head(target: str) -> bytes:
    """62 KiB of fields that the mirror does not use."""
    fields = b"".join(b"X-%d: " % n + b"x" * 31_000 + b"\r\n" for n in range(2))
    return b"GET " + target.encode() + b" HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n"


def anonymous(entrepot) -> int:
    return entrepot.memory()["RssAnon"]


@pytest.mark.skipif(SANITIZED, reason="the sanitizer keeps what is freed")
def test_unfinished_heads_are_bounded_together(start, held):
    """800 of 60 KiB; without a bound they take 52 MiB."""
    entrepot = start(timeouts={"header": "10m"})
    before = anonymous(entrepot)
    head = large_head("/v2/")[:60_000]
    for _ in range(800):
        connection = held(entrepot.connect())
        with contextlib.suppress(ConnectionError):  # refused before it has sent all
            connection.send(head)
    eventually(lambda: limited(entrepot, "heads") >= 500, what="those refused for which no room is")
    assert anonymous(entrepot) - before < 32 * MIB
    assert answer_to(entrepot, "/v2/", "127.0.0.1").status == 200
    with entrepot.connect(source=OTHER) as other:
        other.send(large_head("/v2/"))
        assert other.read_response().status == 200
    entrepot.log.wait_for("client 127.0.0.1 has request heads of")


@pytest.mark.skipif(SANITIZED, reason="the sanitizer keeps what is freed")
def test_waiting_heads_and_the_bytes_behind_them_are_bounded_together(start, upstream, held):
    """400 of them, with 64 KiB more each; without a bound they take 42 MiB."""
    entrepot = start()
    gate = Gate()
    blob = upstream.add_blob(REPOSITORY, content.blob(64 * KIB))
    upstream.script(faults.hold(gate), kind="blob", method="GET")
    before = anonymous(entrepot)
    connections = []
    for _ in range(400):
        connection = held(entrepot.connect())
        connection.socket.setblocking(False)
        with contextlib.suppress(ConnectionError, BlockingIOError):
            sent = connection.socket.send(large_head(blob_target(blob)) * 2)
            assert sent > 60_000
        connections.append(connection)
    eventually(lambda: limited(entrepot, "heads") >= 100, what="those refused for which no room is")
    assert anonymous(entrepot) - before < 28 * MIB
    gate.open()


def test_a_very_slow_reader_is_cut(start, upstream, held):
    """600 bytes a second in steps of at most 4 s: the send timeout alone would keep it for ever."""
    entrepot = start(timeouts={"send": "6s"})
    blob = upstream.add_blob(REPOSITORY, content.blob(16 * MIB))
    assert_whole(entrepot.get(blob_target(blob)), blob)
    reader = held(entrepot.connect(receive_buffer=2048))
    reader.send_request("GET", blob_target(blob))
    received = 0
    with contextlib.suppress(ConnectionResetError):
        while received < 24 * KIB and (data := reader.receive(600)):
            received += len(data)
            time.sleep(len(data) / 600)  # its pace
    assert received < 24 * KIB
    eventually(lambda: limited(entrepot, "slow") == 1, what="one counted")
    entrepot.log.wait_for(r" cut .*client_ms=\d{4,}\.\d{3}$")
