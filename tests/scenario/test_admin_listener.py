# SPDX-License-Identifier: Apache-2.0
"""The admin listener under attack: names that are made to lead to it, connections that are held,
descriptors that clients have used up, and text that acts on a terminal."""

from __future__ import annotations

import json
import os
import resource

import pytest

from support import client, content
from support.checks import REPOSITORY, assert_whole, blob_target
from support.client import Closed, Connection
from support.entrepot import run
from support.gate import eventually
from support.keeping import settled

PLACES = 100


@pytest.fixture(autouse=True)
def many_files():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, before[1]), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


# --- Host.


def ask(entrepot, host: str, target: str, method: str = "GET", version: str = "1.1"):
    with Connection(entrepot.admin_port) as connection:
        fields = f"Host: {host}\r\n" if host else ""
        connection.send(f"{method} {target} HTTP/{version}\r\n{fields}\r\n".encode())
        return connection.read_response()


@pytest.mark.parametrize("target", ["/metrics", "/api/v1/cache", "/api/v1/cache/objects",
                                    "/api/v1/upstreams", "/"])
def test_a_rebound_name_reads_nothing(start, target):
    entrepot = start()
    for host in ("evil.example", f"evil.example:{entrepot.admin_port}", "127.0.0.1.evil.example"):
        response = ask(entrepot, host, target)
        assert response.status == 421
        assert "admin.hosts" in json.loads(response.body)["error"]


def test_a_rebound_name_changes_nothing(start, upstream):
    entrepot = start()
    blob = upstream.add_blob(REPOSITORY, content.blob(300_000))
    assert_whole(entrepot.get(blob_target(blob)), blob)
    settled(entrepot)
    target = f"/api/v1/cache/objects/{blob.digest}"
    assert ask(entrepot, "evil.example", target, "DELETE").status == 421
    assert entrepot.metrics().sum("cache_objects", kind="blob") == 1
    assert ask(entrepot, "127.0.0.1", target, "DELETE").status == 200


def test_names_of_its_own(start):
    entrepot = start(admin={"address": "127.0.0.1:0", "hosts": ["entrepot.example"]})
    for host in ("127.0.0.1", f"localhost:{entrepot.admin_port}", "[::1]", "10.1.2.3:1",
                 "Entrepot.Example:5080"):
        assert ask(entrepot, host, "/metrics").status == 200, host
    assert ask(entrepot, "", "/metrics", version="1.0").status == 200


def test_probes_answer_to_any_name(start):
    entrepot = start()
    for target in ("/healthz", "/readyz"):
        assert ask(entrepot, "balancer.example", target).status == 200


def test_hosts_are_checked(tmp_path):
    file = tmp_path / "entrepot.json"
    file.write_text('{"admin": {"address": "127.0.0.1:0", "hosts": ["a:5080"]}}')
    done = run("check", "--config", str(file))
    assert done.returncode == 78 and "admin.hosts[0]" in done.stderr


# --- Reserved connections and descriptors.


def assert_well(entrepot) -> None:
    for target in ("/healthz", "/readyz", "/metrics"):
        assert entrepot.admin(target).status == 200
    assert run("health", "--address", f"127.0.0.1:{entrepot.admin_port}").returncode == 0


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\n",
                                  b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"])
def test_probes_beside_held_connections(start, sent):
    entrepot = start()
    held = [Connection(entrepot.admin_port) for _ in range(PLACES + 20)]
    for connection in held:
        try:
            connection.send(sent)
        except OSError:
            pass  # the listener has closed it for a newer connection
    assert_well(entrepot)
    for connection in held:
        connection.close()


@pytest.mark.skipif(bool(os.environ.get("ENTREPOT_SANITIZE")),
                    reason="UBSan needs a descriptor to see whether memory can be read")
def test_probes_while_clients_use_up_descriptors(start):
    entrepot = start()
    limit = max(64, len(os.listdir(f"/proc/{entrepot.pid}/fd")) + 8)
    resource.prlimit(entrepot.pid, resource.RLIMIT_NOFILE, (limit, limit))
    clients = [entrepot.connect() for _ in range(2 * limit)]
    entrepot.log.wait_for("out of file descriptors")
    held = [Connection(entrepot.admin_port) for _ in range(20)]
    for _ in range(3):
        assert_well(entrepot)
    for connection in held + clients:
        connection.close()
    eventually(lambda: _answers(entrepot), what="an answer")
    assert_well(entrepot)


def _answers(entrepot) -> bool:
    try:
        return client.get(entrepot.port, "/v2/").status == 200
    except (OSError, Closed):
        return False


# --- Text.

ACTING = "\u009b\u0085\u2028\u2029\u202e\u2066\u200f"


@pytest.mark.parametrize("form", ["text", "json"])
def test_foreign_text_acts_on_no_terminal(start, form):
    """Such text of a path reaches neither the log nor a response."""
    entrepot = start(log={"format": form})
    path = "".join(f"%{byte:02x}" for byte in ACTING.encode())
    response = entrepot.get(f"/v2/library/{path}/tags/list")
    assert response.status == 400
    assert not set(ACTING) & set(response.body.decode())
    entrepot.log.wait_for(r"\\u009b\\u0085\\u2028\\u2029\\u202e\\u2066\\u200f")
    assert not set(ACTING) & set(entrepot.log.text)
    answer = entrepot.admin(f"/api/v1/cache/objects/{path}", method="DELETE")
    assert answer.status == 400 and answer.body.isascii()
