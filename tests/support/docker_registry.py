# SPDX-License-Identifier: Apache-2.0
"""Debian's docker-registry as an upstream, and a front that puts tokens and TLS before it."""

from __future__ import annotations

import json
import re
import ssl
import tempfile
from pathlib import Path

from . import client, ports
from .daemon import Daemon
from .registry_role import RegistryRole
from .upstream import ScriptedUpstream
from .wire import Reply, Request

_REQUEST = re.compile(r'"(?P<method>[A-Z]+) (?P<target>\S+) HTTP/1\.[01]" (?P<status>\d+)')


class DockerRegistry:
    """After stop() nobody answers on its port."""

    def __init__(self, root: Path, read_only: bool = True):
        self.host, self.port = "127.0.0.1", ports.keep()
        self._file = tempfile.NamedTemporaryFile("w", suffix=".yml", encoding="ascii")
        # JSON is YAML.
        json.dump({
            "version": 0.1,
            "log": {"level": "info"},
            "storage": {"filesystem": {"rootdirectory": str(root)},
                        "maintenance": {"readonly": {"enabled": read_only},
                                        "uploadpurging": {"enabled": False}}},
            "http": {"addr": self.address},
        }, self._file)
        self._file.flush()
        # OTEL and similar variables of the environment are not meant for this process.
        self._daemon = Daemon("docker-registry", "serve", self._file.name)
        self._daemon.log.wait_for(rf"listening on [^ ]*:{self.port}\b")

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def requests(self) -> list[tuple[str, str, int]]:
        """(method, path, status) of its requests, from its access log."""
        found = (_REQUEST.search(line) for line in self._daemon.log.lines)
        return [(m["method"], m["target"], int(m["status"])) for m in found if m]

    def gets(self, kind: str) -> dict[str, int]:
        """How often each blob (kind "blobs") or manifest was fetched, whole or in part, by its
        path."""
        counts: dict[str, int] = {}
        for method, target, status in self.requests():
            if method == "GET" and f"/{kind}/" in target and status in (200, 206):
                counts[target] = counts.get(target, 0) + 1
        return counts

    def stop(self) -> None:
        self._daemon.stop()
        self._file.close()


class Front(RegistryRole):
    """Forwards the requests that its own authentication allows."""

    def __init__(self, server, registry: DockerRegistry):
        super().__init__(server)
        self._registry = registry

    def _forward(self, request: Request) -> Reply:
        connection = client.Connection(self._registry.port, timeout=120)
        connection.send_request(request.method, request.target,
                                [(name, value) for name, value in request.fields
                                 if name.lower() in ("accept", "range")]
                                + [("Connection", "close")])
        answer = connection.read_head()
        fields = [(name, value) for name, value in answer.headers.fields
                  if name.lower() not in ("content-length", "connection", "date")]
        reply = Reply(answer.status, fields, reason=answer.reason)
        reply.length = int(answer.headers.get("Content-Length", "0"))
        # Forwards each piece at once: a whole layer first would be late.
        reply.stream = _until_closed(connection, answer, request.method)
        return reply

    _manifest = _blob = _tags = _referrers = _forward


def _until_closed(connection: client.Connection, answer: client.Response, method: str):
    with connection:
        yield from connection.read_body(answer, method)


def secured_front(registry: DockerRegistry, tls: ssl.SSLContext, users: dict[str, str],
                  host: str = "127.0.0.1") -> ScriptedUpstream:
    """The registry behind TLS and bearer tokens."""
    front = ScriptedUpstream(tls=tls, host=host)
    front.role = Front(front, registry)
    front.role.require_bearer(users=users)
    return front
