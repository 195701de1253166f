# SPDX-License-Identifier: Apache-2.0
"""A mirror in use, for tests of its metrics: two endpoints of one registry, a second registry, and
on a small scale the events of months."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from . import content, faults, logins, ports
from .checks import REPOSITORY, blob_target, manifest_target
from .client import Connection, download_together, get
from .config import settings
from .daemon import Daemon
from .entrepot import Entrepot, run
from .gate import eventually
from .https import listening
from .tls import Authority
from .upstream import ScriptedUpstream

KIB, MIB = content.KIB, content.MIB
CACHE = 48 * MIB
CONNECTIONS = 40
LIMIT = 100  # pulls that the registry grants
TOKEN = "entrepot_" + "t" * 43


class BusyMirror:
    """`near` and `far` are endpoints of docker.io, `other` is ghcr.io's. Each method does one step
    and returns at its end."""

    def __init__(self, directory: Path):
        self.near, self.far, self.other = (ScriptedUpstream() for _ in range(3))
        self.near.delay, self.near.rate = 0.003, 60 * MIB
        self.far.delay, self.far.rate = 0.03, 20 * MIB
        self.other.delay = 0.01
        self.granted = LIMIT
        self.near.script(self._count_pull, kind="manifest", method="GET")
        self._numbers = iter(range(1, 1_000_000))
        self._authority = Authority(directory / "authority")
        self._certificate = self._authority.leaf("mirror", key_type="ec", days=60)
        tokens = logins.write_tokens(directory / "tokens.json", {"ci": TOKEN})
        password = directory / "password"
        password.write_text("old")
        password.chmod(0o600)
        config = settings(
            directory / "cache",
            {"docker.io": {"endpoints": [{"url": self.near.url}, {"url": self.far.url}],
                           "tags": {"fresh_for": "1h", "rules": [
                               {"match": "^latest$", "fresh_for": "0s"}]}},
             "ghcr.io": {"endpoint": self.other, "tags": {"fresh_for": "0s"},
                         "credentials": [{"username": "ci", "password_file": str(password)}]}},
            listen=[{"address": "127.0.0.1:0"}, listening(self._certificate),
                    {"address": "127.0.0.1:0", "auth": {"tokens": str(tokens)}}],
            policy={"ghcr.io": {"deny": ["denied/*"]}},
            # The one address that stays the same over restarts: Prometheus scrapes it.
            admin={"address": ports.keep_address()},
            cache={"directory": str(directory / "cache"), "max_size": f"{CACHE // MIB}MiB",
                   "reserve_free": "1MiB"},
            limits={"connections": CONNECTIONS, "transfers_per_blob": 4},
            timeouts={"connect": "500ms", "first_byte": "2s"},
            log={"level": "info", "access": False})
        self.entrepot = Entrepot(directory, config)
        self.image = self._add_image(self.near, self.far, tag="latest")
        self.other_image = self._add_image(self.other, tag="latest")

    def start(self) -> "BusyMirror":
        self.entrepot.start()
        return self

    def close(self) -> None:
        try:
            self.entrepot.close()
        finally:
            for upstream in (self.near, self.far, self.other):
                upstream.stop()

    # Content.

    def _count_pull(self, request, reply) -> None:
        self.granted = max(0, self.granted - 1)
        reply.set("ratelimit-limit", f"{LIMIT};w=21600")
        reply.set("ratelimit-remaining", f"{self.granted};w=21600")

    def _add_image(self, *upstreams: ScriptedUpstream, tag: str) -> content.Image:
        image = content.image((200 * KIB, 2 * MIB), seed=next(self._numbers))
        for upstream in upstreams:
            upstream.add_image(REPOSITORY, image, tag)
        return image

    def new_blob(self, size: int) -> content.Blob:
        blob = content.blob(size, seed=next(self._numbers))
        for upstream in (self.near, self.far):
            upstream.add_blob(REPOSITORY, blob)
        return blob

    # Requests that succeed.

    def pull(self, reference: str = "latest", image: content.Image | None = None,
             upstream: str = "docker.io") -> list[int]:
        """Pulls an image and returns the status of each request."""
        image = image or (self.image if upstream == "docker.io" else self.other_image)
        targets = [manifest_target(reference), manifest_target(image.manifest),
                   *map(blob_target, image.blobs)]
        return [self.entrepot.get(f"{target}?ns={upstream}").status for target in targets]

    def pull_new_image(self) -> list[int]:
        tag = f"v{next(self._numbers)}"
        return self.pull(tag, self._add_image(self.near, self.far, tag=tag))

    def pull_together(self, clients: int = 8, size: int = 3 * MIB) -> None:
        """One download for all of them."""
        target = blob_target(self.new_blob(size))
        for download in download_together(self.entrepot.port, [target] * clients):
            assert download.finish().status == 200

    def pull_many(self, bytes_in_all: int, size: int = 2 * MIB) -> None:
        for _ in range(-(-bytes_in_all // size)):
            assert self.entrepot.get(blob_target(self.new_blob(size))).status == 200

    def read_lazily(self) -> None:
        """A range far into a layer that is not stored."""
        target = blob_target(self.new_blob(6 * MIB))
        first = 5 * MIB
        answer = self.entrepot.get(target, headers={"Range": f"bytes={first}-{first + 99}"})
        assert answer.status == 206

    def ask_wrongly(self) -> None:
        assert self.entrepot.request("DELETE", manifest_target("latest")).status == 405
        assert self.entrepot.get(f"/v2/{REPOSITORY}/blobs/bad").status == 400
        assert self.entrepot.get(manifest_target("missing")).status == 404
        assert self.entrepot.get(f"{manifest_target('x')}?ns=unknown.test").status == 404

    def log_in(self) -> int:
        """Requests a tag with a token and returns the status."""
        return get(self.entrepot.ports[2], manifest_target("latest"),
                   headers=logins.bearer(TOKEN)).status

    # Requests that fail or are not kept.

    def be_refused(self) -> None:
        """A wrong token, no token, and a repository that is denied to everybody."""
        port = self.entrepot.ports[2]
        wrong = logins.bearer("x" + TOKEN)
        assert get(port, manifest_target("latest"), headers=wrong).status == 403
        assert get(port, "/v2/").status == 401
        assert self.entrepot.get("/v2/denied/app/manifests/latest?ns=ghcr.io").status == 403

    def pull_too_large(self) -> None:
        """Pulls a blob larger than a quarter of the cache, which passes through."""
        assert self.entrepot.get(blob_target(self.new_blob(CACHE // 4 + MIB))).status == 200

    def break_a_download(self) -> None:
        """The transfer resumes where it stopped."""
        blob = self.new_blob(3 * MIB)
        for upstream in (self.near, self.far):
            upstream.script(faults.reset_after(MIB), times=1, kind="blob", digest=blob.digest)
        assert self.entrepot.get(blob_target(blob)).status == 200

    def send_wrong_bytes(self) -> None:
        blob = self.new_blob(100 * KIB)
        for upstream in (self.near, self.far):
            upstream.script(faults.flip_byte(10), times=1, kind="blob", digest=blob.digest)
        self.entrepot.get(blob_target(blob))

    def change_stored_bytes(self) -> None:
        """A verification finds a changed blob."""
        blob = self.new_blob(MIB)
        name = blob.digest.split(":")[1]
        file = Path(self.entrepot.config["cache"]["directory"], "blobs", "sha256", name[:2], name)
        assert self.entrepot.get(blob_target(blob)).status == 200
        eventually(file.exists, what="the blob is stored")
        with open(file, "r+b") as opened:
            opened.write(b"!")

        def finds() -> bool:
            """A file has its name a moment before the index has its record."""
            done = run("cache", "verify", "--repair", "--config", str(self.entrepot.config_path))
            return done.returncode == 1
        eventually(finds, what="a changed blob")

    def be_limited(self) -> None:
        """429 of the far endpoint for objects that the near one lacks."""
        self.far.script(faults.too_many_requests("1"), times=1, kind="manifest")
        self.entrepot.get(manifest_target("only-elsewhere"))

    def spend_the_budget(self) -> None:
        self.granted = LIMIT // 10
        self.pull_new_image()

    def lose_an_endpoint(self) -> None:
        """The far endpoint fails; the near one serves instead."""
        self.far.go_down()
        eventually(lambda: self._ask_all() and self._up(self.far) == 0, what="an endpoint down")

    def _ask_all(self) -> bool:
        self.entrepot.get(manifest_target(f"missing-{next(self._numbers)}"))
        return True

    def _up(self, upstream: ScriptedUpstream) -> float:
        return self.entrepot.metrics().sum("endpoint_up", endpoint=upstream.address)

    def lose_the_account(self) -> None:
        """The second registry wants another password; its tag is served stale."""
        self.other.role.require_basic({"ci": "new"})
        assert self.pull(upstream="ghcr.io")[0] == 200
        assert self.entrepot.metrics().sum("accounts_denied") == 1

    def lose_a_registry(self, questions: int = 12) -> None:
        """Its tags are served stale; objects that are not stored are answered 503."""
        self.other.go_down()
        for _ in range(questions):
            assert self.pull(upstream="ghcr.io")[0] == 200
            missing = manifest_target(f"new-{next(self._numbers)}")
            assert self.entrepot.get(f"{missing}?ns=ghcr.io").status == 503

    def fail_the_disk(self) -> None:
        """A write fails: that body, and for half a minute all others, pass through."""
        blob = self.new_blob(3 * MIB)
        file = Path(self.entrepot.config["cache"]["directory"], "fills",
                    blob.digest.replace(":", "-"))
        tracer = Daemon("strace", "-f", "-p", str(self.entrepot.pid), "-e", "trace=pwrite64",
                        "-e", "inject=pwrite64:error=EIO", "-P", str(file))
        try:
            tracer.log.wait_for("attached")
            assert self.entrepot.get(blob_target(blob)).status == 200
        finally:
            tracer.stop()
        self.pull_many(MIB, MIB)

    def slow_a_loop(self) -> None:
        """One thread wakes a third of a second late, as on an overloaded machine."""
        threads = Path(f"/proc/{self.entrepot.pid}/task")
        thread = next(entry.name for entry in threads.iterdir()
                      if (entry / "comm").read_text() == "serve-0\n")
        waits = "epoll_wait,epoll_pwait,epoll_pwait2"
        tracer = Daemon("strace", "-p", thread, "-e", f"trace={waits}",
                        "-e", f"inject={waits}:delay_exit=300000")
        try:
            tracer.log.wait_for("attached")
            eventually(lambda: self._late_looks() > 0, what="a look at a loop that was late")
        finally:
            tracer.stop()

    def _late_looks(self) -> float:
        metrics = self.entrepot.metrics()
        return (metrics.sum("loop_lag_seconds_count", loop="serve")
                - metrics.sum("loop_lag_seconds_bucket", loop="serve", le="0.1"))

    def take_all_connections(self) -> list[Connection]:
        """The caller closes the connections."""
        held = [Connection(port) for port in self.entrepot.ports for _ in range(CONNECTIONS)]
        eventually(lambda: self.entrepot.metrics().sum("connections") >= len(self.entrepot.ports) * CONNECTIONS,
                   what="all connections")
        held.append(Connection(self.entrepot.port))
        held[-1].send_request("GET", "/v2/")
        assert held[-1].read_response().status == 200  # the mirror closes an idle one for it
        return held

    def let_a_certificate_end(self) -> None:
        """Brings a certificate of a few days into use."""
        for source, target in zip(self._authority.leaf("short", key_type="ec"), self._certificate):
            target.write_bytes(source.read_bytes())
        os.kill(self.entrepot.pid, signal.SIGHUP)
        self.entrepot.log.wait_for("new certificates on")

    def restart(self) -> None:
        self.entrepot.restart()
