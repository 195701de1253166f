# SPDX-License-Identifier: Apache-2.0
"""Behind load balancers: the client is the one that a trusted proxy names, for rules, bounds and
the log, and nobody else can give itself an address."""

from __future__ import annotations

import contextlib
import json
import re
import socket

import pytest

from support import content, faults, https, proxy_protocol, unix_client
from support.checks import REPOSITORY, assert_error, assert_whole, blob_target
from support.client import Closed
from support.content import KIB
from support.daemon import ShortDirectory
from support.entrepot import EXIT_CONFIG, run
from support.gate import Gate, eventually
from support.proxy_protocol import binary, line, local
from support.reload import reload

PROXY, OTHER = "127.0.0.1", "127.0.0.2"
CLIENT, NEIGHBOUR = "203.0.113.7", "203.0.113.8"
V6 = "2001:db8::7"
HEADERS = {"v1": line, "v2": binary}


def listener(protocol: str, *networks: str, **more) -> dict:
    return {"address": "127.0.0.1:0",
            "trusted_proxies": {"networks": list(networks) or [PROXY], "protocol": protocol}, **more}


def by_header(*networks: str, **more) -> dict:
    return listener("proxy-protocol", *networks, **more)


def by_field(*networks: str, **more) -> dict:
    return listener("x-forwarded-for", *networks, **more)


@pytest.fixture
def held():
    """Connections that stay open until the test ends."""
    with contextlib.ExitStack() as stack:
        yield lambda connection: stack.enter_context(connection)


@pytest.fixture
def blob(upstream):
    return upstream.add_blob(REPOSITORY, content.blob(64 * KIB))


def forwarded(*values: str) -> list[tuple[str, str]]:
    return [("X-Forwarded-For", value) for value in values]


def ask(entrepot, target: str = "/v2/", header: bytes = b"", fields=(), source: str = ""):
    with entrepot.connect(source=source) as connection:
        connection.send(header)
        connection.send_request("GET", target, fields)
        return connection.read_response()


def is_answered(entrepot, **options) -> bool:
    try:
        return ask(entrepot, **options).status == 200
    except (ConnectionError, Closed):
        return False


def counted(entrepot, result: str) -> float:
    return entrepot.metrics().sum("forwarded_clients_total", result=result)


def closed_unanswered(entrepot, data: bytes) -> bool:
    with entrepot.connect() as connection:
        with contextlib.suppress(ConnectionError):
            connection.send(data)
        return connection.receive_until_close() == b""


# --- The PROXY protocol.


@pytest.mark.parametrize("version", HEADERS)
@pytest.mark.parametrize("address", [CLIENT, V6])
def test_the_header_names_the_client(start, blob, version, address):
    entrepot = start(listen=[by_header()])
    with entrepot.connect() as connection:
        connection.send(HEADERS[version](address))
        for _ in range(2):
            connection.send_request("GET", blob_target(blob))
            assert_whole(connection.read_response(), blob)
    shown = re.escape(f"[{address}]" if ":" in address else address)
    for outcome in ("miss", "hit"):
        entrepot.log.wait_for(rf'access {shown}:51234 "GET .*" 200 {outcome} .* via=127\.0\.0\.1:\d+')
    assert counted(entrepot, "ok") == 1


@pytest.mark.parametrize("version", HEADERS)
def test_a_header_byte_by_byte(start, version):
    entrepot = start(listen=[by_header()])
    with entrepot.connect() as connection:
        for byte in HEADERS[version](CLIENT):
            connection.send(bytes([byte]))
        connection.send_request("GET", "/v2/")
        assert connection.read_response().status == 200
    entrepot.log.wait_for(rf'access {CLIENT}:51234 "GET /v2/"')


def test_the_request_may_come_with_the_header(start):
    entrepot = start(listen=[by_header()])
    with entrepot.connect() as connection:
        connection.send(binary(CLIENT) + b"GET /v2/ HTTP/1.1\r\nHost: a\r\n\r\n" * 3)
        assert [connection.read_response().status for _ in range(3)] == [200] * 3


def test_before_tls(start, authority, blob):
    """The header precedes the handshake, and the certificate is that of the client behind it."""
    own = authority.leaf("fleet", key_type="ec")
    listen = {**by_header(), **https.listening(authority.leaf(key_type="ec"),
                                               client_ca=str(authority.certificate))}
    entrepot = start(listen=[listen], access=[{"who": ["net:203.0.113.0/24"], "repositories": ["*"]}])
    context = https.trusting(authority.certificate, own=own)
    for header, status in ((binary(CLIENT), 200), (line(CLIENT), 200), (local(), 403)):
        with socket.create_connection((PROXY, entrepot.port)) as plain:
            plain.sendall(header)
            with context.wrap_socket(plain, server_hostname="localhost") as secure:
                secure.sendall(f"GET {blob_target(blob)} HTTP/1.1\r\nHost: a\r\n"
                               "Connection: close\r\n\r\n".encode())
                assert secure.recv(100).startswith(b"HTTP/1.1 %d" % status)
    assert closed_unanswered(entrepot, https.client_hello()), "TLS without a header"


def test_a_proxy_may_speak_for_itself(start):
    entrepot = start(listen=[by_header(networks=["127.0.0.0/8"])])
    for header in (local(), b"PROXY UNKNOWN\r\n"):
        assert ask(entrepot, header=header).status == 200
    with entrepot.connect() as connection:  # as the health checks of HAProxy with version 1
        connection.send(line(*connection.socket.getsockname()))
        connection.send_request("GET", "/v2/")
        assert connection.read_response().status == 200
    entrepot.log.wait_for(r'access 127\.0\.0\.1:\d+ "GET /v2/" 200')
    assert not entrepot.log.search("via=")
    assert counted(entrepot, "own") == 3


def test_a_trusted_proxy_has_to_send_the_header(start):
    entrepot = start(listen=[by_header()])
    for data in (b"GET /v2/ HTTP/1.1\r\nHost: a\r\n\r\n", https.client_hello()):
        assert closed_unanswered(entrepot, data)
    assert closed_unanswered(entrepot, b"PROXY TCP4 1.2.3.4 nonsense\r\n")
    assert closed_unanswered(entrepot, binary(CLIENT, fields=b"\x03\x00\x04crc!"))
    eventually(lambda: [counted(entrepot, result) for result in ("missing", "malformed", "checksum")] ==
               [2, 1, 1], what="four failures")
    entrepot.log.wait_for(r"the trusted proxy 127\.0\.0\.1:\d+ does not name its clients \(missing\): "
                          r".*send-proxy-v2")
    lines = [each for each in entrepot.log.lines if "does not name its clients" in each]
    assert len(lines) == 1, "one line per proxy and hour"
    assert not entrepot.log.search("access ")


def test_the_header_has_a_deadline(start):
    entrepot = start(listen=[by_header()], timeouts={"header": "200ms"})
    with entrepot.connect() as connection:
        connection.send(binary(CLIENT)[:20])
        assert connection.receive_until_close() == b""
    eventually(lambda: counted(entrepot, "timeout") == 1, what="one timeout")
    entrepot.log.wait_for(r"does not name its clients \(timeout\)")


def test_a_check_of_the_port_is_no_fault(start):
    entrepot = start(listen=[by_header()])
    entrepot.connect().close()
    eventually(lambda: counted(entrepot, "closed") == 1, what="counted")
    assert not entrepot.log.search("does not name its clients")


def test_a_header_of_a_stranger_is_a_malformed_request(start):
    entrepot = start(listen=[by_header()])
    assert ask(entrepot, source=OTHER).status == 200
    for header, status in ((line(CLIENT), 501), (binary(CLIENT), 400)):
        assert ask(entrepot, header=header, source=OTHER).status == status
        entrepot.log.wait_for(rf'access 127\.0\.0\.2:\d+ "- -" {status} refused')


def test_a_listener_without_proxies_takes_no_header(start):
    entrepot = start()
    assert ask(entrepot, header=line(CLIENT)).status == 501  # an unknown method
    assert ask(entrepot, fields=forwarded(CLIENT)).status == 200
    assert not entrepot.log.search(CLIENT)


# --- X-Forwarded-For.


def test_the_field_names_the_client_of_each_request(start, blob):
    entrepot = start(listen=[by_field()])
    with entrepot.connect() as connection:
        for value in (CLIENT, f"198.51.100.1, {NEIGHBOUR}", "[2001:db8::7]:443"):
            connection.send_request("GET", blob_target(blob), forwarded(value))
            assert_whole(connection.read_response(), blob)
        connection.send_request("GET", "/v2/")
        assert connection.read_response().status == 200
    for shown in (CLIENT, NEIGHBOUR, r"\[2001:db8::7\]:443"):
        entrepot.log.wait_for(rf'access {shown} "GET .*blobs.*" 200 .* via=127\.0\.0\.1:\d+')
    entrepot.log.wait_for(r'access 127\.0\.0\.1:\d+ "GET /v2/" 200')
    assert [counted(entrepot, result) for result in ("ok", "own")] == [3, 1]


def test_a_chain_of_proxies(start):
    entrepot = start(listen=[by_field(PROXY, "10.0.0.0/8")])
    for fields in (forwarded(f"{CLIENT}, 10.0.0.1"), forwarded("198.51.100.1", CLIENT, "10.0.0.1"),
                   forwarded(f"unknown, {CLIENT}, 10.0.0.1, 10.0.0.2")):
        assert ask(entrepot, fields=fields).status == 200
    eventually(lambda: sum(f"access {CLIENT} " in each for each in entrepot.log.lines) == 3,
               what="three lines")


def test_a_stranger_cannot_give_itself_an_address(start, blob):
    entrepot = start(listen=[by_field(networks=["203.0.113.0/24"])])
    assert_whole(ask(entrepot, blob_target(blob), fields=forwarded(CLIENT)), blob)
    refused = ask(entrepot, blob_target(blob), fields=forwarded(CLIENT), source=OTHER)
    assert_error(refused, 403)
    entrepot.log.wait_for(r'access 127\.0\.0\.2:\d+ .* 403 refused network')


def test_an_entry_that_is_no_address_is_refused(start, blob):
    """The address of the proxy is no substitute: here a rule admits it."""
    entrepot = start(listen=[by_field(networks=["127.0.0.0/8"])])
    assert_whole(ask(entrepot, blob_target(blob)), blob)
    with entrepot.connect() as connection:
        for value in ("unknown", f"{CLIENT}, mirror.example", "1.2.3.4.5"):
            connection.send_request("GET", blob_target(blob), forwarded(value))
            assert_error(connection.read_response(), 400)
        connection.send_request("GET", blob_target(blob), forwarded(PROXY))
        assert_whole(connection.read_response(), blob)
    assert counted(entrepot, "malformed") == 3
    entrepot.log.wait_for(r"does not name its clients \(malformed\): .*X-Forwarded-For")


# --- Rules and bounds, by both.


WAYS = {"header": (by_header, lambda address: {"header": binary(address)}),
        "field": (by_field, lambda address: {"fields": forwarded(address)})}


@pytest.fixture(params=WAYS)
def way(request):
    return WAYS[request.param]


def test_networks_are_those_of_the_client(start, blob, way):
    listen, as_client = way
    entrepot = start(listen=[listen(networks=["203.0.113.0/24"])])
    assert_whole(ask(entrepot, blob_target(blob), **as_client(CLIENT)), blob)
    assert_error(ask(entrepot, blob_target(blob), **as_client("198.51.100.1")), 403)
    assert_error(ask(entrepot, blob_target(blob), **as_client(V6)), 403)
    assert_error(ask(entrepot, blob_target(blob), source=OTHER), 403)


def test_rules_about_networks(start, blob, way):
    listen, as_client = way
    entrepot = start(listen=[listen()], access=[
        {"who": [f"net:{NEIGHBOUR}"], "repositories": ["*"], "allow": False},
        {"who": ["net:203.0.113.0/24"], "repositories": ["*"]}])
    assert_whole(ask(entrepot, blob_target(blob), **as_client(CLIENT)), blob)
    assert_error(ask(entrepot, blob_target(blob), **as_client(NEIGHBOUR)), 403)
    assert_error(ask(entrepot, blob_target(blob), source=OTHER), 403)


def test_misses_are_those_of_the_client(start, upstream, held, way):
    listen, as_client = way
    entrepot = start(listen=[listen()], limits={"misses_per_client": 1})
    blobs = [upstream.add_blob(REPOSITORY, content.blob(64 * KIB, seed=n)) for n in range(3)]
    gate = Gate()
    upstream.script(faults.hold(gate), kind="blob", method="GET")
    waiting = []
    for address, blob in ((CLIENT, blobs[0]), (NEIGHBOUR, blobs[1])):
        connection = held(entrepot.connect())
        given = as_client(address)
        connection.send(given.get("header", b""))
        connection.send_request("GET", blob_target(blob), given.get("fields", ()))
        waiting.append((connection, blob))
    gate.wait_arrived(2)
    refused = ask(entrepot, blob_target(blobs[2]), **as_client(CLIENT))
    assert_error(refused, 429)
    gate.open()
    for connection, blob in waiting:
        assert_whole(connection.read_response(), blob)
    entrepot.log.wait_for(f"client {CLIENT} has 1 requests in progress that wait")


def fill(entrepot, held, count: int, **given) -> list[int]:
    """The statuses of as many connections, which stay open."""
    statuses = []
    for _ in range(count):
        connection = held(entrepot.connect())
        connection.send(given.get("header", b""))
        connection.send_request("GET", "/v2/", given.get("fields", ()))
        statuses.append(connection.read_response().status)
    return statuses


def test_connections_are_those_of_the_client(start, held):
    entrepot = start(listen=[by_header()], limits={"connections": 20, "connections_per_client": 1})
    statuses = fill(entrepot, held, 12, header=binary(CLIENT))
    assert statuses == [200] * 10 + [429] * 2, "half of all"
    assert fill(entrepot, held, 1, header=binary(NEIGHBOUR)) == [200]
    assert entrepot.metrics().sum("clients_limited_total", reason="connections") == 2
    entrepot.log.wait_for(f"client {CLIENT} holds 10 of 20 connections")


def test_a_proxy_with_the_field_is_not_one_client(start, held):
    entrepot = start(listen=[by_field()], limits={"connections": 20, "connections_per_client": 1})
    assert fill(entrepot, held, 20, fields=forwarded(CLIENT)) == [200] * 20
    assert entrepot.metrics().sum("clients_limited_total", reason="connections") == 0


# --- Unix sockets.


@pytest.fixture
def path():
    made = ShortDirectory("proxies")
    yield made.path / "mirror.sock"
    made.remove()


def on_socket(path, protocol: str, **more) -> dict:
    return {"address": f"unix:{path}",
            "trusted_proxies": {"networks": ["unix:"], "protocol": protocol}, **more}


def test_a_proxy_on_a_unix_socket(start, blob, path):
    """The user id of the proxy is not that of its clients."""
    entrepot = start(listen=[on_socket(path, "proxy-protocol", networks=["203.0.113.0/24"])],
                     access=[{"who": ["net:203.0.113.0/24"], "repositories": ["*"]}])
    for header, status in ((binary(CLIENT), 200), (line("198.51.100.1"), 403), (local(), 403)):
        with unix_client.connect(path) as connection:
            connection.send(header)
            connection.send_request("GET", blob_target(blob))
            assert connection.read_response().status == status
    entrepot.log.wait_for(rf"access {CLIENT}:51234 .* via=unix:uid=")


def test_the_field_on_a_unix_socket(start, blob, path):
    entrepot = start(listen=[on_socket(path, "x-forwarded-for")], access=[
        {"who": ["uid:0", "uid:1000"], "repositories": ["*"], "allow": False},
        {"who": ["net:203.0.113.0/24"], "repositories": ["*"]}])
    assert_whole(unix_client.get(path, blob_target(blob), headers=forwarded(CLIENT)), blob)
    assert unix_client.get(path, blob_target(blob)).status == 403
    entrepot.log.wait_for(rf"access {CLIENT} .* via=unix:uid=")


# --- Operation.


def test_a_reload_changes_whom_it_trusts(start, held):
    entrepot = start(listen=[by_header()])
    kept = held(entrepot.connect())
    kept.send(binary(CLIENT))
    kept.send_request("GET", "/v2/")
    assert kept.read_response().status == 200
    entrepot.config["listen"][0]["trusted_proxies"]["networks"] = [OTHER]
    reload(entrepot, r"SIGHUP: .*new trusted proxies on 127\.0\.0\.1:")
    eventually(lambda: is_answered(entrepot), what="no proxy any more")
    eventually(lambda: is_answered(entrepot, header=binary(CLIENT), source=OTHER), what="the other proxy")
    kept.send_request("GET", "/v2/")
    assert kept.read_response().status == 200
    del entrepot.config["listen"][0]["trusted_proxies"]
    reload(entrepot, "SIGHUP")
    eventually(lambda: ask(entrepot, source=OTHER).status == 200, what="nobody is trusted")


def test_the_json_log_names_both(start):
    entrepot = start(listen=[by_field()], log={"format": "json", "access": True})
    assert ask(entrepot, fields=forwarded(CLIENT)).status == 200
    entry = json.loads(entrepot.log.wait_for(rf'.*"client":"{CLIENT}".*')[0])["access"]
    assert entry["via"].startswith("127.0.0.1:")


def check(*settings: str):
    return run("check", *(word for setting in settings for word in ("-s", setting)))


@pytest.mark.parametrize("proxies, address, expected", [
    ({"protocol": "proxy-protocol"}, "127.0.0.1:5000",
     "listen[0].trusted_proxies.networks: missing: give the networks of the proxies"),
    ({"networks": [], "protocol": "proxy-protocol"}, "127.0.0.1:5000",
     "listen[0].trusted_proxies.networks: missing"),
    ({"networks": ["10.0.0.0/8"]}, "127.0.0.1:5000",
     "listen[0].trusted_proxies.protocol: missing: proxy-protocol or x-forwarded-for"),
    ({"networks": ["10.0.0.0/8"], "protocol": "both"}, "127.0.0.1:5000",
     "listen[0].trusted_proxies.protocol"),
    ({"networks": ["10.0.0.1/8"], "protocol": "proxy-protocol"}, "127.0.0.1:5000",
     "listen[0].trusted_proxies.networks[0]: \"10.0.0.1/8\" has bits beyond the prefix"),
    ({"networks": ["unix:"], "protocol": "proxy-protocol"}, "127.0.0.1:5000",
     "listen[0].trusted_proxies.networks[0]: only for a listener on a unix socket"),
    ({"networks": ["10.0.0.0/8"], "protocol": "proxy-protocol"}, "unix:/run/a.sock",
     "listen[0].trusted_proxies.networks[0]: the proxies of a unix socket have no address"),
    ({"networks": ["10.0.0.0/8"], "protocol": "proxy-protocol", "port": 1}, "127.0.0.1:5000",
     "listen[0].trusted_proxies.port"),
])
def test_bad_settings(proxies, address, expected):
    done = check("listen=" + json.dumps([{"address": address, "trusted_proxies": proxies}]))
    assert done.returncode == EXIT_CONFIG
    assert expected in done.stderr


def test_trust_in_everybody_is_a_warning():
    proxies = {"networks": ["10.0.0.0/8", "0.0.0.0/0"], "protocol": "x-forwarded-for"}
    done = check("listen=" + json.dumps([{"address": "127.0.0.1:5000", "trusted_proxies": proxies}]))
    assert done.returncode == 0
    assert ("listen[0].trusted_proxies.networks[1]: every client is trusted, and can give itself any "
            "address") in done.stderr
