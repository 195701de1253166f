# SPDX-License-Identifier: Apache-2.0
"""The well-behaved client of adversary.py, in a process of its own: it pulls new images, requests
stored objects, compares every byte, and reports how long each answer took."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import hostile
from support.checks import blob_target, manifest_target
from support.client import Closed, Connection, Response

SOURCE = "127.0.0.10"
PATIENCE = 120.0  # s: a miss that takes longer is a failure
HOT = 40          # blobs that are requested all the time
HITS, PULLS = 40.0, 1.5  # each second


@dataclass
class Phase:
    """Seconds, and failures."""

    hits: list[float] = field(default_factory=list)
    misses: list[float] = field(default_factory=list)
    probes: list[float] = field(default_factory=list)
    cold: int = 0  # hot blobs that were no hits
    failures: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


class Visitor:
    def __init__(self, port: int, admin_port: int):
        self._port, self._admin_port = port, admin_port
        self.phase = Phase()
        self._image = 0
        self._missing_since: float | None = None
        self._over = threading.Event()

    def fill(self, size: int) -> None:
        """Until the cache is full and holds the hot blobs."""
        for number in range(size // hostile.SIZES["fill"] + 1):
            self._fetch(f"/v2/fill/{number}/blobs/{hostile.digest_of('fill', number)}", None)
        for _ in range(2):
            for number in range(HOT):
                self._fetch(*self._hot(number))
        assert not self.phase.failures, self.phase.failures

    @staticmethod
    def _hot(number: int) -> tuple[str, bytes]:
        found = hostile.blob("hot", number)
        return blob_target(found, f"hot/{number}"), found.data

    def start(self) -> None:
        for work, rate in ((self._ask_hot, HITS), (self._pull, PULLS), (self._probe, 0.5)):
            threading.Thread(target=self._repeat, args=(work, rate), daemon=True).start()

    def _repeat(self, work, rate: float) -> None:
        number = 0
        while not self._over.is_set():
            begun = time.monotonic()
            try:
                work(number)
            except Exception as problem:  # of any kind: it must show as a failure
                self.phase.failures.append(f"{work.__name__}: {type(problem).__name__}: {problem}")
            number += 1
            self._over.wait(max(0.0, begun + 1 / rate - time.monotonic()))

    def _ask_hot(self, number: int) -> None:
        phase = self.phase
        response = self._fetch(*self._hot(number % HOT))
        if response and "; hit" in response.outcome:
            phase.hits.append(response.done_after)
        elif response:
            phase.cold += 1

    def _pull(self, _number: int) -> None:
        """One image that no client has requested before."""
        phase = self.phase
        self._image += 1
        wanted, repository = hostile.image(self._image), f"image/{self._image}"
        things = [(manifest_target("latest", repository), wanted.manifest.data)]
        things += [(blob_target(one, repository), one.data) for one in wanted.blobs]
        for target, data in things:
            self._missing_since = time.monotonic()
            response = self._fetch(target, data)
            self._missing_since = None
            if response:
                phase.misses.append(response.done_after)

    def _probe(self, _number: int) -> None:
        with Connection(self._admin_port, timeout=PATIENCE, source=SOURCE) as connection:
            connection.send_request("GET", "/healthz", [("Connection", "close")])
            response = connection.read_response()
        if response.status == 200:
            self.phase.probes.append(response.done_after)
        else:
            self.phase.failures.append(f"/healthz: {response.status}")

    def _fetch(self, target: str, data: bytes | None) -> Response | None:
        """Fetches the target and returns the response; None if that is a failure."""
        phase = self.phase
        begun = time.monotonic()
        try:
            with Connection(self._port, timeout=PATIENCE, source=SOURCE) as connection:
                connection.send_request("GET", f"{target}?ns=well", [("Connection", "close")])
                response = connection.read_response(keep=data is not None)
        except (OSError, Closed) as problem:
            phase.failures.append(f"{target}: {problem!r} after {time.monotonic() - begun:.1f} s")
            return None
        if response.status != 200 or not response.complete:
            phase.failures.append(f"{target}: {response.status}, {response.received} bytes, "
                                  f"{response.body[:200]!r}")
            return None
        if data is not None and response.body != data:
            phase.wrong.append(f"{target}: {response.headers}")
        response.done_after = time.monotonic() - begun
        return response

    def next_phase(self) -> Phase:
        """Returns the ended phase and begins another. A miss without an answer counts until now."""
        done, self.phase = self.phase, Phase()
        if since := self._missing_since:
            done.misses.append(time.monotonic() - since)
        return done


def run(pipe, port: int, admin_port: int, size: int) -> None:
    """Fills the cache and reports that; then sends a phase at each request of the pipe."""
    visitor = Visitor(port, admin_port)
    visitor.fill(size)
    pipe.send("full")
    pipe.recv()
    visitor.next_phase()
    visitor.start()
    while pipe.recv() != "end":
        pipe.send(visitor.next_phase())
