# SPDX-License-Identifier: Apache-2.0
"""Real load balancers in front of the mirror: HAProxy and nginx."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from support import balancers, client, content, https, ports
from support.balancers import HAPROXY, NGINX
from support.checks import REPOSITORY, assert_error, assert_whole, blob_target
from support.content import MIB
from support.daemon import run_command
from support.gate import eventually
from support.tls import Authority

CLIENT, OTHER = "127.0.0.1", "127.0.0.2"

pytestmark = pytest.mark.skipif(
    not (shutil.which("haproxy") and shutil.which("nginx")
         and Path("/usr/lib/nginx/modules/ngx_stream_module.so").exists()),
    reason="needs haproxy, nginx and its stream module (deploy/packages.sh test)")


@pytest.fixture
def blob(upstream):
    return upstream.add_blob(REPOSITORY, content.blob(3 * MIB))


@pytest.fixture
def mirror(start):
    """A mirror that serves 127.0.0.1 only, and believes the balancers."""
    def make(protocol: str, **more):
        return start(listen=[{
            "address": "127.0.0.1:0", "networks": [CLIENT],
            "trusted_proxies": {"networks": [HAPROXY, NGINX], "protocol": protocol}, **more}])
    return make


@pytest.fixture
def balance(tmp_path):
    """Starts a balancer, and returns its port."""
    running = []

    def make(kind, to: int, **options) -> int:
        directory = tmp_path / f"balancer-{len(running)}"
        directory.mkdir()
        directory.chmod(0o755)
        port = ports.keep()
        running.append(kind(directory, port, to, **options))
        return port
    yield make
    for daemon in running:
        daemon.stop()
        if daemon.log.text:
            print(daemon.log.text)


def ask(port: int, target: str, fields=(), source: str = ""):
    with client.Connection(port, source=source) as connection:
        connection.send_request("GET", target, fields)
        return connection.read_response()


def counted(entrepot, result: str) -> float:
    return entrepot.metrics().sum("forwarded_clients_total", result=result)


HEADERS = {
    "haproxy-v1": (balancers.haproxy, {"mode": "tcp", "server": "send-proxy"}, HAPROXY),
    "haproxy-v2": (balancers.haproxy, {"mode": "tcp", "server": "send-proxy-v2"}, HAPROXY),
    "haproxy-v2-fields": (balancers.haproxy, {
        "mode": "tcp", "server": "send-proxy-v2 proxy-v2-options crc32c,unique-id,ssl,cert-cn",
        "lines": "unique-id-format %{+X}o\\ %ci:%cp"}, HAPROXY),
    "nginx": (balancers.nginx_stream, {}, NGINX),
}


@pytest.mark.parametrize("kind, options, address", HEADERS.values(), ids=HEADERS)
def test_the_proxy_protocol(mirror, balance, blob, kind, options, address):
    entrepot = mirror("proxy-protocol")
    port = balance(kind, entrepot.port, **options)
    assert_whole(ask(port, blob_target(blob)), blob)
    assert_error(ask(port, blob_target(blob), source=OTHER), 403)
    entrepot.log.wait_for(rf"access {CLIENT}:\d+ .* 200 miss .* via={address}:\d+")
    entrepot.log.wait_for(rf"access {OTHER}:\d+ .* 403 refused network .* via={address}:\d+")


@pytest.mark.parametrize("server", ["send-proxy", "send-proxy-v2"])
def test_health_checks_of_haproxy(mirror, balance, blob, server):
    entrepot = mirror("proxy-protocol")
    port = balance(balancers.haproxy, entrepot.port, mode="tcp",
                   server=f"{server} check inter 50ms fastinter 50ms")
    eventually(lambda: counted(entrepot, "own") + counted(entrepot, "closed") >= 3, what="three checks")
    assert_whole(ask(port, blob_target(blob)), blob)
    eventually(lambda: counted(entrepot, "own") > 0, what="a check with a header")
    assert not entrepot.log.search("does not name its clients")


def test_tls_through_haproxy(mirror, balance, blob, authority: Authority):
    entrepot = mirror("proxy-protocol", **{"tls": https.listening(
        authority.leaf(key_type="ec"))["tls"]})
    port = balance(balancers.haproxy, entrepot.port, mode="tcp", server="send-proxy-v2")
    context = https.trusting(authority.certificate)
    assert_whole(https.get(port, blob_target(blob), context), blob)
    assert_error(https.get(port, blob_target(blob), context, source=OTHER), 403)


FIELDS = {"haproxy": (balancers.haproxy, {"mode": "http", "lines": "option forwardfor"}, HAPROXY),
          "nginx": (balancers.nginx_http, {}, NGINX)}


@pytest.mark.parametrize("kind, options, address", FIELDS.values(), ids=FIELDS)
def test_the_field(mirror, balance, blob, kind, options, address):
    entrepot = mirror("x-forwarded-for")
    port = balance(kind, entrepot.port, **options)
    assert_whole(ask(port, blob_target(blob)), blob)
    for lie in ((), [("X-Forwarded-For", CLIENT)],
                [("X-Forwarded-For", CLIENT), ("X-Forwarded-For", f"{CLIENT}, {HAPROXY}")]):
        assert_error(ask(port, blob_target(blob), lie, source=OTHER), 403)
    assert_whole(ask(port, blob_target(blob), [("X-Forwarded-For", "unknown")]), blob)
    entrepot.log.wait_for(rf"access {CLIENT} .* 200 miss .* via={address}:\d+")
    assert not entrepot.log.search("does not name its clients")


def test_clients_share_a_connection_of_haproxy(mirror, balance, blob):
    entrepot = mirror("x-forwarded-for")
    port = balance(balancers.haproxy, entrepot.port, mode="http",
                   lines="option forwardfor\n  http-reuse always")
    for _ in range(3):
        assert_whole(ask(port, blob_target(blob)), blob)
        assert_error(ask(port, blob_target(blob), source=OTHER), 403)
    eventually(lambda: counted(entrepot, "ok") == 6, what="six requests")

    def proxies() -> list[str]:
        return [line.rpartition("via=")[2].split()[0] for line in entrepot.log.lines if "via=" in line]
    eventually(lambda: len(proxies()) == 6, what="six lines")
    assert len(set(proxies())) < 6, "no connection was used twice"


def test_nginx_behind_haproxy(mirror, balance, blob):
    entrepot = mirror("x-forwarded-for")
    inner = balance(balancers.nginx_http, entrepot.port)
    port = balance(balancers.haproxy, inner, mode="http", lines="option forwardfor")
    assert_whole(ask(port, blob_target(blob)), blob)
    assert_error(ask(port, blob_target(blob), [("X-Forwarded-For", CLIENT)], source=OTHER), 403)
    entrepot.log.wait_for(rf"access {CLIENT} .* 200 miss .* via={NGINX}:\d+")


@pytest.mark.parametrize("protocol", ["proxy-protocol", "x-forwarded-for"])
def test_a_balancer_that_is_set_up_otherwise(mirror, balance, blob, protocol):
    """Without the header its connections are closed; with a header nobody trusts, they are
    malformed."""
    entrepot = mirror(protocol)
    options = {"mode": "tcp", "server": "send-proxy-v2" if protocol == "x-forwarded-for" else ""}
    port = balance(balancers.haproxy, entrepot.port, **options)
    with client.Connection(port) as connection:
        connection.send_request("GET", blob_target(blob))
        answer = connection.receive_until_close()
    if protocol == "proxy-protocol":
        assert answer == b""
        entrepot.log.wait_for(r"does not name its clients \(missing\)")
    else:
        assert answer.startswith(b"HTTP/1.1 400 ")


def test_curl_sends_a_header(start, blob, tmp_path):
    """The command of docs/operations.md."""
    entrepot = start(listen=[{"address": "127.0.0.1:0", "trusted_proxies": {
        "networks": [CLIENT], "protocol": "proxy-protocol"}}])
    done = run_command("curl", "-sS", "--haproxy-protocol", "-o", tmp_path / "blob",
                       f"http://127.0.0.1:{entrepot.port}{blob_target(blob)}")
    assert done.returncode == 0
    assert (tmp_path / "blob").read_bytes() == blob.data
    entrepot.log.wait_for(rf"access {CLIENT}:\d+ .* 200 miss")
    assert counted(entrepot, "own") == 1  # it names its own end of the connection
