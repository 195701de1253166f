# SPDX-License-Identifier: Apache-2.0
"""One drill: a mirror that works and has an image, a registry that can be made to fail, and what a
person sees of the mirror."""

from __future__ import annotations

import json
import re
from pathlib import Path

from support import content
from support.checks import REPOSITORY, assert_error, assert_hit, assert_whole, blob_target, manifest_target
from support.clock import Clock
from support.entrepot import Entrepot, run
from support.gate import eventually
from support.metrics import Samples
from support.ports import keep_address

KIB, MIB = content.KIB, content.MIB
# Short enough that a drill takes a second or two.
QUICK = {"connect": "1s", "first_byte": "3s", "stall": "400ms"}


class Scene:
    def __init__(self, request):
        self._request = request
        self.directory: Path = request.getfixturevalue("tmp_path")
        self.upstream = None
        self.image: content.Image | None = None
        self.entrepot: Entrepot | None = None
        self.before: Samples | None = None
        self.said = ""                   # by a start that failed, or by `check`
        self.words: dict[str, str] = {}  # for the patterns of the drill
        self._numbers = iter(range(1, 1_000_000))

    def use(self, fixture: str):
        return self._request.getfixturevalue(fixture)

    # The mirror.

    def begin(self, upstream=None, ready: bool = True, clock: Clock | None = None, settings: dict | None = None,
              **changes) -> Entrepot:
        """Starts a mirror of `upstream` and pulls an image through it; `ready` False: it only starts.
        `settings`: keys of the upstream."""
        self.upstream = upstream or self.use("upstream")
        self.image = self.upstream.add_image(REPOSITORY, content.image((10 * KIB, 2 * MIB)), "latest")
        entrepot = self.use("prepare")({"docker.io": {"endpoint": self.upstream, **(settings or {})}},
                                       environ=clock.environ() if clock else None,
                                       **{"timeouts": QUICK, **changes})
        self.entrepot = clock.start(entrepot) if clock else entrepot.start()
        self.words["endpoint"] = re.escape(self.upstream.address)
        if ready:
            self.pull()
            self.settled()
        self.mark()
        return self.entrepot

    def mark(self) -> None:
        """The fault comes next: what the metrics are before."""
        self.before = self.entrepot.metrics()

    def settled(self) -> None:
        eventually(lambda: self.entrepot.metrics().sum("flights") == 0, what="no flights")

    @property
    def cache(self) -> Path:
        return Path(self.entrepot.config["cache"]["directory"])

    def file_of(self, blob) -> Path:
        name = blob.digest.split(":")[1]
        return self.cache / "blobs" / "sha256" / name[:2] / name

    # Clients.

    def pull(self) -> None:
        assert_whole(self.entrepot.get(manifest_target("latest")), self.image.manifest)
        for blob in self.image.blobs:
            assert_whole(self.entrepot.get(blob_target(blob)), blob)

    def pull_from_the_cache(self) -> None:
        """A client of an image that is stored notices nothing."""
        assert_whole(self.entrepot.get(manifest_target("latest")), self.image.manifest)
        for blob in self.image.blobs:
            assert_hit(self.entrepot.get(blob_target(blob)), blob)

    def pull_by_digest(self) -> None:
        assert_hit(self.entrepot.get(manifest_target(self.image.manifest)), self.image.manifest)
        for blob in self.image.blobs:
            assert_hit(self.entrepot.get(blob_target(blob)), blob)

    def new_blob(self, size: int = 100 * KIB) -> content.Blob:
        return self.upstream.add_blob(REPOSITORY, content.blob(size, seed=1000 + next(self._numbers)))

    def get_new(self, size: int = 100 * KIB):
        return self.entrepot.get(blob_target(self.new_blob(size)))

    def fails(self, *statuses: int, says: str, times: int = 4) -> None:
        """Requests of objects that are not stored end with an error that says what is wrong; the first
        ones may come before the mirror knows."""
        def told() -> bool:
            answer = self.entrepot.get(manifest_target(f"missing-{next(self._numbers)}"))
            assert_error(answer, *statuses)
            return re.search(says, answer.body.decode()) is not None
        for _ in range(times):
            eventually(told, what=f"an answer that says {says!r}")

    # Places where a person looks.

    def screen(self) -> tuple[int, str]:
        """The exit code and the text of `entrepot status`."""
        done = run("status", "--address", f"127.0.0.1:{self.entrepot.admin_port}")
        return done.returncode, done.stdout + done.stderr

    def screen_of_none(self) -> tuple[int, str]:
        """The same where no process runs; its port is one that nobody has."""
        done = run("status", "--config", str(self.entrepot.config_path), "-s",
                   f"admin.address={keep_address()}")
        return done.returncode, done.stdout + done.stderr

    def status(self) -> dict:
        return json.loads(self.entrepot.admin("/api/v1/status").body)

    def endpoint(self) -> dict:
        """The first endpoint in /api/v1/upstreams."""
        return json.loads(self.entrepot.admin("/api/v1/upstreams").body)["upstreams"][0]["endpoints"][0]
