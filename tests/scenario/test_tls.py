# SPDX-License-Identifier: Apache-2.0
"""Listeners with TLS serve as the plain ones do: hits, misses, ranges, kept connections, clients
that are slow or leave."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import ssl

import pytest

from support import content, faults, https
from support.checks import (REPOSITORY, assert_hit, assert_never_wrong, assert_read_before_its_end,
                            assert_whole, blob_target, manifest_target)
from support.gate import Gate, eventually
from support.keeping import file_of, settled

KIB, MIB = content.KIB, content.MIB
# A sanitizer keeps freed memory for a while.
SANITIZED = bool(os.environ.get("ENTREPOT_SANITIZE"))


@pytest.fixture(scope="module")
def leaf(authority):
    return authority.leaf(key_type="ec")


@pytest.fixture
def context(authority):
    return https.trusting(authority.certificate)


@pytest.fixture
def entrepot(start, upstream, leaf):
    return start(listen=[https.listening(leaf)], threads={"serve": 2})


@pytest.fixture
def get(entrepot, context):
    return lambda target, **options: https.get(entrepot.port, target, context, **options)


def handshakes(entrepot, result: str) -> float:
    return entrepot.metrics().sum("tls_handshakes_total", result=result)


@pytest.mark.parametrize("size", [0, 1, 4 * KIB, 16 * KIB - 1, 64 * KIB, 256 * KIB + 1, 9 * MIB + 7])
def test_a_blob_as_a_miss_and_as_a_hit(entrepot, upstream, get, size):
    blob = upstream.add_blob(REPOSITORY, content.blob(size))
    assert_whole(get(blob_target(blob)), blob)
    settled(entrepot)
    assert_hit(get(blob_target(blob)), blob)
    assert upstream.count("blob") == 1


def test_ranges(entrepot, upstream, get):
    blob = upstream.add_blob(REPOSITORY, content.blob(3 * MIB))
    assert_whole(get(blob_target(blob)), blob)
    settled(entrepot)
    response = get(blob_target(blob), headers={"Range": "bytes=1000000-2000000"})
    assert response.status == 206 and response.body == blob.data[1_000_000:2_000_001]
    response = get(blob_target(blob), headers={"Range": "bytes=5-9,2000000-2000004"})
    assert response.status == 206
    assert blob.data[5:10] in response.body and blob.data[2_000_000:2_000_005] in response.body


def test_heads_and_manifests(upstream, get):
    image = upstream.add_image(REPOSITORY, content.image(), "latest")
    response = get(manifest_target("latest"), method="HEAD")
    assert response.status == 200 and response.body == b""
    assert_whole(get(manifest_target("latest")), image.manifest)


def test_a_kept_connection_with_requests_sent_ahead(entrepot, upstream, context):
    blobs = [upstream.add_blob(REPOSITORY, content.blob(100 * KIB, seed=n)) for n in range(5)]
    with https.Connection(entrepot.port, context=context) as connection:
        for blob in blobs:
            connection.send_request("GET", blob_target(blob))
            assert_whole(connection.read_response(), blob)
        # More than the 4 KiB that a connection reads ahead, in many records and in one.
        filler = {"X-Filler": "x" * 900}
        for _ in range(3):
            for blob in blobs:
                connection.send_request("GET", blob_target(blob), filler)
            for blob in blobs:
                assert_whole(connection.read_response(), blob)
        request = (f"GET {blob_target(blobs[0])} HTTP/1.1\r\nHost: a\r\n"
                   f"X-Filler: {'x' * 900}\r\n\r\n").encode()
        connection.send(request * 14)
        for _ in range(14):
            assert_whole(connection.read_response(), blobs[0])
    assert handshakes(entrepot, "ok") == 1


def test_a_client_reads_while_the_blob_arrives(upstream, entrepot, context):
    blob = upstream.add_blob(REPOSITORY, content.blob(4 * MIB))
    gate = Gate()
    upstream.script(faults.hold_at(2 * MIB, gate), kind="blob", method="GET")
    with https.Connection(entrepot.port, context=context) as connection:
        assert_read_before_its_end(connection, blob, gate)


def test_a_slow_client_holds_little_memory(entrepot, upstream, context, get):
    blob = upstream.add_blob(REPOSITORY, content.blob(64 * MIB))
    assert_whole(get(blob_target(blob)), blob)
    settled(entrepot)
    before = entrepot.memory()["RssAnon"]
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(https.Connection(entrepot.port, context=context,
                                                     receive_buffer=16 * KIB)) for _ in range(20)]
        for connection in slow:
            connection.send_request("GET", blob_target(blob))
            assert connection.read_head().status == 200
        assert_hit(get(blob_target(blob)), blob)
        # 20 windows of 256 KiB would be 5 MiB; the process may grow a little by itself.
        assert SANITIZED or entrepot.memory()["RssAnon"] - before < 6 * MIB
        received = len(slow[0].pending)
        while received < blob.size:
            received += len(slow[0].socket.recv(MIB))


def test_a_client_that_leaves_within_a_body(entrepot, upstream, context, get):
    blob = upstream.add_blob(REPOSITORY, content.blob(64 * MIB))
    assert_whole(get(blob_target(blob)), blob)
    settled(entrepot)
    for how in ("close", "shutdown"):
        with https.Connection(entrepot.port, context=context, receive_buffer=16 * KIB) as leaving:
            leaving.send_request("GET", blob_target(blob))
            leaving.read_head()
            if how == "shutdown":
                leaving.socket.shutdown(socket.SHUT_RDWR)
    eventually(lambda: entrepot.metrics().sum("connections") == 0, what="no connection is left")
    assert_hit(get(blob_target(blob)), blob)


def test_the_end_of_a_connection_has_a_close_notify(entrepot, upstream, context):
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF  # an end without close_notify raises
    with https.Connection(entrepot.port, context=context) as connection:
        connection.socket.suppress_ragged_eofs = False
        connection.send_request("GET", "/v2/", {"Connection": "close"})
        assert connection.read_response().status == 200
        assert connection.receive() == b""


def test_a_client_that_closes_without_close_notify(entrepot, get, context):
    connection = https.Connection(entrepot.port, context=context)
    connection.send_request("GET", "/v2/")
    assert connection.read_response().status == 200
    os.close(connection.socket.detach())
    assert get("/v2/").status == 200
    eventually(lambda: entrepot.metrics().sum("connections") == 0, what="no connection is left")
    assert not entrepot.log.search(r" (warn|error) ")


def test_a_malformed_request_is_answered_over_tls(entrepot, context):
    with https.Connection(entrepot.port, context=context) as connection:
        connection.send(b"GET /v2/ HTTP/9.9\r\n\r\n")
        response = connection.read_response()
        assert response.status in (400, 505) and response.complete
        assert connection.receive() == b""


def test_a_connection_over_the_limit_is_told_so(start, upstream, leaf, context):
    entrepot = start(listen=[https.listening(leaf)], threads={"serve": 1},
                     limits={"connections": 2})
    blob = upstream.add_blob(REPOSITORY, content.blob(MIB))
    gate = Gate()
    upstream.script(faults.hold(gate), kind="blob", method="GET")
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            waiting = stack.enter_context(https.Connection(entrepot.port, context=context))
            waiting.send_request("GET", blob_target(blob))
        gate.wait_arrived()
        eventually(lambda: entrepot.metrics().sum("flights") == 1)
        response = https.get(entrepot.port, "/v2/", context)
        assert response.status == 503 and response.headers["Retry-After"] == "5"
        gate.open()


def test_a_drain_finishes_replies(start, upstream, leaf, context):
    blob = upstream.add_blob(REPOSITORY, content.blob(4 * MIB))
    gate = Gate()
    upstream.script(faults.hold_at(2 * MIB, gate), kind="blob", method="GET")
    entrepot = start(listen=[https.listening(leaf)], timeouts={"drain": "20s"})
    with https.Connection(entrepot.port, context=context) as connection, \
            https.Connection(entrepot.port, context=context) as idle:
        idle.send_request("GET", "/v2/")
        assert idle.read_response().status == 200
        connection.send_request("GET", blob_target(blob))
        gate.wait_arrived()
        os.kill(entrepot.pid, signal.SIGTERM)
        assert idle.receive() == b""
        gate.open()
        assert_whole(connection.read_response(), blob)
    assert entrepot.wait_exit() == 0


def test_a_chain_over_https(start, upstream, entrepot, authority):
    blob = upstream.add_blob(REPOSITORY, content.blob(3 * MIB))
    node = start({"docker.io": {
        "endpoints": [{"url": f"https://127.0.0.1:{entrepot.port}", "ns": True}],
        "ca_file": str(authority.certificate)}})
    assert_whole(node.get(blob_target(blob)), blob)
    settled(node)
    assert_hit(node.get(blob_target(blob)), blob)
    assert upstream.count("blob") == 1


def test_a_request_has_its_line_in_the_access_log(entrepot, get):
    assert get("/v2/").status == 200
    entrepot.log.wait_for(r'access 127\.0\.0\.1:\d+ "GET /v2/" 200 hit')


def test_a_plain_and_a_tls_listener_serve_one_cache(start, upstream, leaf, context):
    entrepot = start(listen=[{"address": "127.0.0.1:0"}, https.listening(leaf)])
    blob = upstream.add_blob(REPOSITORY, content.blob(300 * KIB))
    assert_whole(entrepot.get(blob_target(blob)), blob)
    settled(entrepot)
    assert_hit(https.get(entrepot.ports[1], blob_target(blob), context), blob)
    assert re.search(r"listening on 127\.0\.0\.1:\d+, https://127\.0\.0\.1:\d+;", entrepot.log.text)


def test_a_stored_file_that_shrinks_ends_one_reply_only(entrepot, upstream, get):
    blob = upstream.add_blob(REPOSITORY, content.blob(8 * MIB))
    other = upstream.add_blob(REPOSITORY, content.blob(MIB, seed=5))
    assert_whole(get(blob_target(blob)), blob)
    assert_whole(get(blob_target(other)), other)
    settled(entrepot)
    os.truncate(file_of(entrepot, blob), MIB + 5)
    assert_never_wrong(get(blob_target(blob)), blob)
    assert_hit(get(blob_target(other)), other)
