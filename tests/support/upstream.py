# SPDX-License-Identifier: Apache-2.0
"""A scripted registry: content, a request log, and scripted faults.

One ScriptedUpstream is one origin. It plays registry, token realm (/token) and CDN (/cdn/…), so a
second one serves as a foreign realm or a CDN of its own.
"""

from __future__ import annotations

import os
import socket
import ssl
import tempfile
import threading
from dataclasses import dataclass
from typing import Callable

from . import wire
from .content import Blob, Image, Manifest
from .faults import Fault
from .gate import DEADLINE, Gate, eventually
from .registry_role import RegistryRole
from .server import Server
from .wire import Reply, Request

# Larger bodies go out by sendfile from a file, which costs the machine little.
FILE_FROM = 1024 * 1024


@dataclass
class Rule:
    """A fault and the requests that it changes."""

    fault: Fault
    match: Callable[[Request], bool]
    times: int | None
    used: int = 0
    off: bool = False

    def cancel(self) -> None:
        self.off = True


class ScriptedUpstream:
    def __init__(self, tls: ssl.SSLContext | None = None, rate: float | None = None,
                 host: str = "127.0.0.1"):
        self.host, self.tls, self.rate = host, tls, rate  # the rate of each reply
        self.delay = 0.0                    # seconds before each reply
        self.line: wire.Line | None = None  # a rate for all replies together instead of `rate`
        self.sender = wire.Sender           # delivers a reply: (connection, request, reply).send()
        self.role = RegistryRole(self)
        self.log: list[Request] = []
        self.handshakes_failed = 0
        self.errors: list[str] = []
        self._rules: list[Rule] = []
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._files = tempfile.TemporaryDirectory(prefix="upstream-")
        self.stall_tls: Gate | None = None
        self._server = Server(self._serve, host)

    # Content.

    def add_blob(self, repository: str, blob: Blob) -> Blob:
        path = None
        if blob.size >= FILE_FROM:
            path = os.path.join(self._files.name, blob.digest.replace(":", "-"))
            if not os.path.exists(path):
                with open(path + ".new", "wb") as file:
                    file.write(blob.data)
                os.rename(path + ".new", path)
        self.role.blobs.setdefault(repository, {})[blob.digest] = (blob, path)
        return blob

    def add_manifest(self, repository: str, manifest: Manifest, *tags: str) -> Manifest:
        self.role.manifests.setdefault(repository, {})[manifest.digest] = manifest
        for tag in tags:
            self.set_tag(repository, tag, manifest.digest)
        return manifest

    def add_image(self, repository: str, image: Image, *tags: str) -> Image:
        for blob in image.blobs:
            self.add_blob(repository, blob)
        self.add_manifest(repository, image.manifest, *tags)
        return image

    def set_tag(self, repository: str, tag: str, digest: str) -> None:
        self.role.tags.setdefault(repository, {})[tag] = digest

    def delete_tag(self, repository: str, tag: str) -> None:
        del self.role.tags[repository][tag]

    # Script.

    def script(self, fault: Fault, times: int | None = None, kind: str | None = None,
               method: str | None = None, digest: str | None = None, repository: str | None = None,
               match: Callable[[Request], bool] | None = None) -> Rule:
        """Spoils the replies to matching requests: the next `times`, or all. Later rules change the
        replies that earlier ones have changed."""
        def matches(request: Request) -> bool:
            return ((kind is None or request.kind == kind)
                    and (method is None or request.method == method)
                    and (digest is None or request.reference == digest)
                    and (repository is None or request.repository == repository)
                    and (match is None or match(request)))
        rule = Rule(fault, matches, times)
        with self._lock:
            self._rules.append(rule)
        return rule

    # The received requests.

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def connections_seen(self) -> int:
        return self._server.connections_seen

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.address}"

    def requests(self, kind: str | None = None, method: str | None = None,
                 reference: str | None = None, repository: str | None = None) -> list[Request]:
        with self._lock:
            return [r for r in self.log
                    if (kind is None or r.kind == kind) and (method is None or r.method == method)
                    and (reference is None or r.reference == reference)
                    and (repository is None or r.repository == repository)]

    def count(self, *args, **match) -> int:
        return len(self.requests(*args, **match))

    def body_bytes(self, kind: str = "blob") -> int:
        return sum(r.bytes_sent for r in self.requests(kind))

    def assert_sent(self, count: float, requests: list[Request] | None = None) -> None:
        """Requires that so many bytes of bodies were sent, by default of all blobs. A thread counts bytes after it
        has sent them, so that a client may have them before."""
        of = self.requests("blob") if requests is None else requests
        eventually(lambda: sum(request.bytes_sent for request in of) >= count, what=f"{count} sent bytes")
        assert sum(request.bytes_sent for request in of) == count

    def wait_requests(self, count: int, timeout: float = DEADLINE, **match) -> list[Request]:
        def enough():
            return sum(1 for r in self.log if all(
                value is None or getattr(r, key) == value for key, value in match.items())) >= count
        with self._changed:
            assert self._changed.wait_for(enough, timeout), (
                f"fewer than {count} requests {match}: {[(r.method, r.target) for r in self.log]}")
        return self.requests(**match)

    def forget(self) -> None:
        """Empties the log, so that a test can count from here."""
        with self._lock:
            self.log.clear()

    # Life.

    def go_down(self) -> None:
        """Refuses new connections and cuts the open ones."""
        self._server.go_down()

    def cut_connections(self) -> None:
        self._server.cut_connections()

    def come_back(self) -> None:
        self._server.come_back()

    def stop(self) -> None:
        for rule in self._rules:
            rule.cancel()
        self._server.stop()
        self._files.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    # Serving: a thread per connection.

    def _serve(self, plain: socket.socket, number: int) -> None:
        connection = plain
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls:
                connection = self._handshake(plain)
            reader = connection.makefile("rb")
            while (request := wire.read_request(reader, number)) is not None:
                self._answer(connection, request)
        except (wire.Hangup, ssl.SSLError, OSError):
            pass
        except Exception as error:  # a bug in the script: the test must fail, not hang
            self.errors.append(f"{type(error).__name__}: {error}")
        finally:
            self._server.discard(connection)
            connection.close()

    def _handshake(self, plain: socket.socket) -> ssl.SSLSocket:
        if self.stall_tls:
            self.stall_tls.pass_through()
            raise wire.Hangup
        try:
            connection = self._server.with_tls(plain, self.tls)
            connection.do_handshake()
        except (ssl.SSLError, OSError):
            self.handshakes_failed += 1
            raise
        return connection

    def _answer(self, connection: socket.socket, request: Request) -> None:
        self.role.classify(request)
        with self._changed:
            self.log.append(request)
            rules = [rule for rule in self._rules if self._take(rule, request)]
            self._changed.notify_all()
        reply = self.role.reply(request)
        if self.rate and reply.rate is None:
            reply.rate = self.rate
        reply.delay, reply.line = self.delay, self.line
        for rule in rules:
            rule.fault(request, reply)
        self.sender(connection, request, reply).send()

    @staticmethod
    def _take(rule: Rule, request: Request) -> bool:
        if rule.off or (rule.times is not None and rule.used >= rule.times):
            return False
        if not rule.match(request):
            return False
        rule.used += 1
        return True
