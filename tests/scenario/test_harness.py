# SPDX-License-Identifier: Apache-2.0
"""Tests of the tools of the scenario tests, without the process under test: a fault that did not
happen would let a test pass for the wrong reason."""

import errno
import os
import socket
import threading
import time
from pathlib import Path

import pytest

from support import client, content, faults, ports
from support.entrepot import Log
from support.forward_proxy import ForwardProxy
from support.gate import Gate, eventually
from support.server import Server

REPOSITORY = "library/app"


@pytest.fixture
def blob(upstream):
    return upstream.add_blob(REPOSITORY, content.blob(3 * content.MIB))


def path_of(blob) -> str:
    return f"/v2/{REPOSITORY}/blobs/{blob.digest}"


def test_content_is_delivered_and_logged(upstream, blob):
    response = client.get(upstream.port, path_of(blob))
    assert (response.status, response.complete, response.sha256) == (200, True, blob.digest)
    assert response.body == blob.data
    assert upstream.count("blob", method="GET", reference=blob.digest) == 1
    upstream.assert_sent(blob.size)


def test_ranges(upstream, blob):
    response = client.get(upstream.port, path_of(blob), headers={"Range": "bytes=1000000-"})
    assert response.status == 206 and response.body == blob.data[1000000:]
    assert response.headers["Content-Range"] == f"bytes 1000000-{blob.size - 1}/{blob.size}"
    upstream.script(faults.ignore_range)
    response = client.get(upstream.port, path_of(blob), headers={"Range": "bytes=1000000-"})
    assert response.status == 200 and response.body == blob.data


@pytest.mark.parametrize("cut,is_reset", [(faults.fin_after, False), (faults.reset_after, True)])
def test_cut_bodies(upstream, blob, cut, is_reset):
    upstream.script(cut(2_000_000), times=1)
    response = client.get(upstream.port, path_of(blob))
    assert not response.complete and response.received <= 2_000_000
    assert response.reset == is_reset
    assert client.get(upstream.port, path_of(blob)).complete


@pytest.mark.parametrize("offset", [0, 12345, 3 * content.MIB - 1])
def test_flipped_byte(upstream, blob, offset):
    upstream.script(faults.flip_byte(offset), times=1)
    response = client.get(upstream.port, path_of(blob))
    assert response.complete and response.sha256 != blob.digest
    wrong = [n for n in (0, 12345, blob.size - 1) if response.body[n] != blob.data[n]]
    assert wrong == [offset]
    assert client.get(upstream.port, path_of(blob)).sha256 == blob.digest


def test_hold_before_the_end(upstream, blob):
    gate = Gate()
    upstream.script(faults.hold_at(-1, gate))
    download = client.Download(upstream.port, path_of(blob))
    gate.wait_arrived()
    download.wait_received(blob.size - 1)
    assert download.response is None
    gate.open()
    assert download.finish().sha256 == blob.digest


def test_rate_is_kept(upstream, blob):
    upstream.script(faults.rate(10 * content.MIB))
    response = client.get(upstream.port, path_of(blob))
    # A slower run on a busy machine is no failure.
    assert response.sha256 == blob.digest and response.done_after >= 0.28


def test_throughput_is_no_bottleneck(upstream):
    """Large bodies go out by sendfile: a benchmark must measure the mirror, not Python."""
    big = upstream.add_blob(REPOSITORY, content.blob(256 * content.MIB))
    with client.Connection(upstream.port) as connection:
        connection.send_request("GET", path_of(big))
        connection.read_head()
        left = big.size - len(connection.pending)
        buffer = bytearray(content.MIB)
        started = time.process_time()  # of both ends; the load of other processes does not count
        while left > 0:
            left -= connection.socket.recv_into(buffer)
    assert big.size / (time.process_time() - started) > 300e6


def test_tags_and_manifests(upstream):
    image = upstream.add_image(REPOSITORY, content.image((10, 20)), "latest", "1.0")
    target = f"/v2/{REPOSITORY}/manifests/latest"
    response = client.get(upstream.port, target)
    assert response.body == image.manifest.data
    assert response.headers["Docker-Content-Digest"] == image.manifest.digest
    empty = client.head(upstream.port, target)
    assert empty.body == b"" and int(empty.headers["Content-Length"]) == image.manifest.size
    upstream.delete_tag(REPOSITORY, "latest")
    assert client.get(upstream.port, target).status == 404
    assert client.get(upstream.port, f"/v2/{REPOSITORY}/tags/list").json()["tags"] == ["1.0"]


def test_bearer_tokens(upstream, blob):
    upstream.role.require_bearer(users={"user": "secret"})
    refused = client.get(upstream.port, path_of(blob))
    assert refused.status == 401 and "scope=" in refused.headers["WWW-Authenticate"]
    scope = f"scope=repository:{REPOSITORY}:pull"
    assert client.get(upstream.port, f"/token?{scope}").status == 401
    basic = {"Authorization": "Basic dXNlcjpzZWNyZXQ="}
    token = client.get(upstream.port, f"/token?service=x&{scope}", headers=basic).json()["token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert client.get(upstream.port, path_of(blob), headers=bearer).status == 200
    upstream.role.revoke_tokens()
    assert client.get(upstream.port, path_of(blob), headers=bearer).status == 401


def test_signed_links_expire(make_upstream, upstream, blob):
    cdn = upstream.role.cdn = make_upstream()
    location = client.get(upstream.port, path_of(blob)).headers["Location"]
    assert location.startswith(cdn.url)
    target = location[len(cdn.url):]
    assert client.get(cdn.port, target).sha256 == blob.digest
    cdn.role.expire_links()
    assert client.get(cdn.port, target).status == 403


def test_down_and_back(upstream, blob):
    upstream.go_down()
    with pytest.raises(ConnectionRefusedError):
        client.get(upstream.port, path_of(blob))
    upstream.come_back()
    assert client.get(upstream.port, path_of(blob)).complete


@pytest.mark.parametrize("tls", [False, True])
def test_an_idle_connection_is_cut(make_upstream, authority, tls):
    """Also one over TLS whose client has not begun the handshake."""
    upstream = make_upstream(tls=authority.server() if tls else None)
    with client.Connection(upstream.port) as connection:
        eventually(lambda: upstream.connections_seen == 1, what="a connection")
        upstream.go_down()
        assert connection.receive_until_close() == b""


def test_a_connection_that_is_accepted_while_its_server_goes_down_is_not_served(monkeypatch):
    served, accept, goes_down = [], socket.socket.accept, iter((False, True))

    def accept_and_go_down(listener):
        accepted = accept(listener)
        if next(goes_down):
            server.go_down()
        return accepted
    monkeypatch.setattr(socket.socket, "accept", accept_and_go_down)
    server = Server(lambda _connection, number: served.append(number))
    for _ in range(2):
        with client.Connection(server.port) as connection:
            assert connection.receive_until_close() == b""
    server.stop()
    assert served == [1] and server.connections_seen == 1


def test_a_proxy_goes_down_and_comes_back_on_its_port(upstream, blob):
    proxy = ForwardProxy({"registry.example": upstream.port})
    target = f"http://registry.example{path_of(blob)}"
    for _ in range(2):
        assert client.get(proxy.port, target).complete
        for _ in range(2):
            proxy.go_down()
            with pytest.raises(ConnectionRefusedError):
                client.get(proxy.port, target)
        proxy.come_back()
    for _ in range(2):
        proxy.stop()


def test_a_kept_port_is_not_one_that_the_system_chooses():
    first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    number = ports.keep()
    assert 1024 < number < 65536 and not first <= number <= last


def test_a_kept_port_is_given_to_nobody_until_its_release(monkeypatch):
    port = ports.Port()
    monkeypatch.setattr(ports, "_candidates", lambda: [port.number])
    with pytest.raises(OSError, match="in use"):
        ports.Port()
    port.release()
    port.release()
    ports.Port().release()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "0.0.0.0", "::1"])
def test_a_port_in_use_is_given_to_nobody(monkeypatch, host):
    monkeypatch.setattr(ports, "_locked", lambda number: None)  # each is another test's
    with pytest.raises(OSError, match="in use"):
        ports.Port()
    monkeypatch.undo()
    number = ports.keep()
    assert ports._is_unused(number)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        server = socket.create_server((host, number), family=family)
    except OSError as error:
        assert family == socket.AF_INET6 and error.errno != errno.EADDRINUSE
        pytest.skip("no IPv6 here")
    with server:
        assert not ports._is_unused(number)
    assert ports._is_unused(number)


def test_a_log_is_read_to_its_end():
    log, gate = Log(), Gate()

    def lines():
        yield "first\n"
        gate.pass_through()
        yield "last\n"
    threading.Thread(target=log.read_from, args=(lines(),), daemon=True).start()
    gate.wait_arrived()
    assert log.lines == ["first"]
    gate.open()
    log.wait_end()
    assert log.lines == ["first", "last"]


def test_the_sockets_of_one_process_are_counted():
    number = ports.keep()
    assert ports.listening_sockets(os.getpid(), number) == 0
    with socket.create_server(("127.0.0.1", number)), socket.create_server(("127.0.0.2", number)):
        assert ports.listening_sockets(os.getpid(), number) == 2
        assert ports.listening_sockets(os.getppid(), number) == 0
    assert ports.listening_sockets(os.getpid(), number) == 0


def test_error_of_a_script_is_reported(upstream, blob):
    def broken(_request, _reply):
        raise ValueError("bug in the test")
    upstream.script(broken)
    with pytest.raises(client.Closed):
        client.get(upstream.port, path_of(blob))
    assert upstream.errors and "bug in the test" in upstream.errors.pop()
