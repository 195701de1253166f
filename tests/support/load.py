# SPDX-License-Identifier: Apache-2.0
"""A load that knows the right answers: clients that pull blobs, ranges and moving tags until the
process under test is gone, and the state that must hold after its next start.

All expectations are kept here, outside the process and outside its disk.
"""

from __future__ import annotations

import errno
import os
import random
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from . import content
from .checks import REPOSITORY, blob_target, manifest_target
from .client import Closed, Connection
from .gate import DEADLINE, eventually

KIB, MIB = content.KIB, content.MIB
CLIENTS = 8
NO_CACHE = [("Cache-Control", "no-cache")]


@dataclass
class Version:
    """The manifest that a tag named from `at` on, until the next version."""

    manifest: content.Manifest
    at: float


class Catalogue:
    """More than the cache holds: blobs of all the ways to be stored, some requested far more often
    than others, and tags that move."""

    def __init__(self, upstream, rng: random.Random, count: int = 36, tags: int = 3):
        self.upstream, self._rng = upstream, rng
        sizes = [KIB, 100 * KIB, 300 * KIB, MIB, 2 * MIB + 1, 3 * MIB]
        self.blobs = [upstream.add_blob(REPOSITORY, content.blob(sizes[n % len(sizes)], seed=n))
                      for n in range(count)]
        self.by_name = {blob.digest[7:]: blob for blob in self.blobs}
        self.tags: dict[str, list[Version]] = {f"tag{n}": [] for n in range(tags)}
        self._images = 0
        for tag in self.tags:
            self.move(tag)

    def move(self, tag: str) -> None:
        self._images += 1
        image = content.image((KIB,), seed=1000 + self._images)
        # Recorded before the move: from the next line on the mirror may serve it.
        self.tags[tag].append(Version(image.manifest, time.time()))
        self.add(image)
        self.upstream.add_image(REPOSITORY, image, tag)

    def add(self, image: content.Image) -> None:
        """Adds the objects of an image, which may be found on the disk."""
        for thing in (image.manifest, *image.blobs):
            self.by_name[thing.digest[7:]] = thing

    def version_of(self, tag: str, body: bytes) -> int | None:
        return next((number for number, version in enumerate(self.tags[tag])
                     if version.manifest.data == body), None)

    def pick(self, rng: random.Random) -> content.Blob:
        """Chooses the n-th blob about n times as seldom as the first."""
        return self.blobs[min(int(len(self.blobs) ** rng.random()) - 1 + rng.randrange(2),
                              len(self.blobs) - 1)]


class Load:
    """CLIENTS threads against one life of the process. A caller that ends this life calls ending()
    first: a reply that is cut off after it is no violation, a wrong byte always is."""

    def __init__(self, entrepot, catalogue: Catalogue, rng: random.Random):
        self._port, self._catalogue = entrepot.port, catalogue
        self._condition = threading.Condition()
        self._received = 0
        self._ending = False
        self.answers = 0
        self.interrupted = 0  # replies that the end cut off
        self.violations: list[str] = []
        self._threads = [threading.Thread(target=self._run, args=(random.Random(rng.random()),),
                                          daemon=True) for _ in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def wait_received(self, count: int) -> None:
        """Waits for so many bytes in all. A kill after them comes in the middle of the work."""
        with self._condition:
            assert self._condition.wait_for(lambda: self._received >= count or self.violations,
                                            4 * DEADLINE), f"{self._received} of {count} bytes"

    def ending(self) -> None:
        self._ending = True

    def finish(self) -> None:
        for thread in self._threads:
            thread.join(2 * DEADLINE)
            assert not thread.is_alive(), "a client hangs"
        assert not self.violations, "\n".join(self.violations)

    def _wrong(self, text: str) -> None:
        with self._condition:
            self.violations.append(text)
            self._condition.notify_all()

    def _run(self, rng: random.Random) -> None:
        while not self._ending and not self.violations:
            try:
                self._ask(rng)
            except (OSError, Closed) as error:
                if not self._ending:
                    self._wrong(f"the connection broke: {error!r}")
            except Exception as error:  # a bug in this file must not end a client in silence
                self._wrong(f"{type(error).__name__}: {error}")

    def _ask(self, rng: random.Random) -> None:
        """Sends requests over one connection for as long as it lasts."""
        usable = True
        with Connection(self._port, timeout=2 * DEADLINE) as connection:
            while usable and not self._ending and not self.violations:
                kind = rng.random()
                if kind < 0.1:
                    usable = self._ask_tag(connection, rng)
                elif kind < 0.25:
                    usable = self._ask_range(connection, rng)
                else:
                    blob = self._catalogue.pick(rng)
                    usable = self._judge(self._send(connection, blob_target(blob)), 200, blob.data,
                                         blob.digest)

    def _ask_range(self, connection: Connection, rng: random.Random) -> bool:
        blob = self._catalogue.pick(rng)
        first = rng.randrange(blob.size)
        last = min(blob.size - 1, first + rng.randrange(blob.size))
        response = self._send(connection, blob_target(blob), [("Range", f"bytes={first}-{last}")])
        what = f"{first}-{last} of {blob.digest}"
        if response.status == 200:  # a server may answer with the whole blob
            return self._judge(response, 200, blob.data, what)
        return self._judge(response, 206, blob.data[first:last + 1], what)

    def _ask_tag(self, connection: Connection, rng: random.Random) -> bool:
        tag = rng.choice(list(self._catalogue.tags))
        moved = rng.random() < 0.5
        if moved:
            with self._condition:
                self._catalogue.move(tag)
        response = self._send(connection, manifest_target(tag), NO_CACHE if moved else [])
        known = self._catalogue.version_of(tag, response.body) is not None
        return self._judge(response, 200, response.body if known else b"", tag)

    def _send(self, connection: Connection, target: str, headers=()):
        connection.send_request("GET", target, headers)
        before = 0

        def on_bytes(received: int) -> None:
            nonlocal before
            with self._condition:
                self._received += received - before
                self._condition.notify_all()
            before = received
        return connection.read_response(on_bytes=on_bytes)

    def _judge(self, response, status: int, data: bytes, what: str) -> bool:
        """Requires that no complete reply has a wrong byte; before ending(), that there is a reply
        as well. Returns False if the connection is not to be used again."""
        with self._condition:
            self.answers += 1
        if response.status == status and response.complete and response.body != data:
            self._wrong(f"wrong bytes delivered whole: {what}, {response.headers}")
        elif not self._ending and (response.status != status or not response.complete):
            self._wrong(f"{what}: {response.status}, {response.received} of {len(data)} bytes, "
                        f"{response.body[:200]!r}")
        if not response.complete:
            with self._condition:
                self.interrupted += 1
        return response.complete and response.headers.get("Connection", "").lower() != "close"


@dataclass
class Found:
    """The files on the disk before the process was started on it again."""

    whole: int = 0
    damaged: list[str] = field(default_factory=list)  # files under blobs/, by name
    zeros: int = 0  # of them: those with the right length and wrong bytes
    parts: int = 0  # files under fills/
    bad_parts: set[str] = field(default_factory=set)  # parts with other bytes than their blob


def is_part_of(path: Path, data: bytes) -> bool:
    """Compares the written ranges of the sparse file, not its holes, with the blob."""
    with open(path, "rb") as file:
        end = 0
        while True:
            try:
                begin = os.lseek(file.fileno(), end, os.SEEK_DATA)
            except OSError as error:
                if error.errno == errno.ENXIO:  # no more of it
                    return True
                raise
            end = os.lseek(file.fileno(), begin, os.SEEK_HOLE)
            if os.pread(file.fileno(), end - begin, begin) != data[begin:end]:
                return False


def look_at(cache: Path, catalogue: Catalogue) -> Found:
    found = Found()
    for path in (cache / "blobs").rglob("*"):
        if not path.is_file():
            continue
        data, expected = path.read_bytes(), catalogue.by_name[path.name].data
        if data == expected:
            found.whole += 1
        else:
            found.damaged.append(path.name)
            found.zeros += len(data) == len(expected)
    for path in (cache / "fills").glob("sha*"):
        name = path.name.split("-")[1]
        found.parts += 1
        if not is_part_of(path, catalogue.by_name[name].data):
            found.bad_parts.add(name)
    return found


def start_in_time(entrepot) -> float:
    """Starts the process within the allowed time. Returns how long the start took."""
    begun = time.monotonic()
    entrepot.start()
    took = time.monotonic() - begun
    assert took <= 5 or os.environ.get("ENTREPOT_SANITIZE"), f"started after {took:.1f} s"
    return took


class Judge:
    """The conditions after each start, however the process ended before."""

    def __init__(self, catalogue: Catalogue, limit: int):
        self._catalogue, self._limit = catalogue, limit
        self.short = 0  # pulls that ended short because of a damaged part
        # Tag → the versions that it was confirmed to name in the last two lives: an older one is
        # wrong now.
        self._confirmed = {tag: [0, 0] for tag in catalogue.tags}

    def check(self, entrepot, found: Found) -> None:
        self._check_tags(entrepot)
        for blob in self._catalogue.blobs:
            self._check_blob(entrepot, blob, found)
        eventually(lambda: entrepot.metrics().sum("flights") == 0, what="no flights")
        self._check_accounts(entrepot)
        left = look_at(cache_of(entrepot), self._catalogue)
        assert not left.damaged, f"still damaged: {left.damaged}"
        assert not (line := entrepot.log.search(r" error .*(index|bug)")), line

    def _check_tags(self, entrepot) -> None:
        """Each tag is served with the manifest that it named before or names now, with a right
        Age."""
        for tag, versions in self._catalogue.tags.items():
            response = entrepot.get(manifest_target(tag))
            assert response.status == 200 and response.complete, (tag, response)
            number = self._catalogue.version_of(tag, response.body)
            assert number is not None, f"{tag} is something it never was: {response.body[:300]!r}"
            least = self._confirmed[tag][0]
            assert number >= least, f"{tag} went back to {number}, behind {least}"
            if number + 1 < len(versions):
                age = int(response.headers.get("Age", "0"))
                gone = int(time.time() - versions[number + 1].at)
                assert age >= gone - 1, f"{tag} claims age {age}, but moved on {gone} s ago"
            latest = entrepot.get(manifest_target(tag), headers=NO_CACHE)
            assert latest.status == 200 and latest.body == versions[-1].manifest.data, (tag, latest)
            self._confirmed[tag] = [self._confirmed[tag][1], len(versions) - 1]

    def _check_blob(self, entrepot, blob: content.Blob, found: Found) -> None:
        """Each blob is served without a wrong byte. A damaged part may cost one pull that ends
        short (docs/design/disk.md)."""
        for attempt in range(2):
            response = entrepot.get(blob_target(blob))
            assert response.status == 200, (blob.digest, response.status, response.body[:300])
            if response.complete:
                assert response.body == blob.data, (
                    f"wrong bytes delivered whole: {blob.digest}, {response.headers}")
                return
            assert blob.digest[7:] in found.bad_parts and attempt == 0, (
                f"{blob.digest} ends after {response.received} of {blob.size}")
            self.short += 1

    def _check_accounts(self, entrepot) -> None:
        """The reported size is the size of the files on the disk."""
        def right() -> bool:
            told, used = entrepot.metrics().sum("cache_bytes"), disk_usage(cache_of(entrepot))
            return abs(told - sum(used.values())) <= 0.01 * sum(used.values()) + 64 * KIB
        try:
            eventually(right, what="accounted bytes within 1 % of du")
        except AssertionError as error:
            used = disk_usage(cache_of(entrepot))
            larger = {path.name: (path.stat().st_size, path.stat().st_blocks * 512)
                      for path in cache_of(entrepot).rglob("*") if path.is_file()
                      and path.stat().st_blocks * 512 > path.stat().st_size + 4 * KIB}
            raise AssertionError(f"{error}; told {entrepot.metrics().sum('cache_bytes')}, "
                                 f"used {used}; more than their size: {larger}") from None
        assert sum(disk_usage(cache_of(entrepot)).values()) <= self._limit


def disk_usage(cache: Path) -> dict[str, int]:
    """Bytes on the disk by folder, as du counts them. A file may go during the count."""
    used: dict[str, int] = {}
    for path in cache.rglob("*"):
        try:
            if path.is_file():
                part = path.relative_to(cache).parts[0]
                used[part] = used.get(part, 0) + path.lstat().st_blocks * 512
        except FileNotFoundError:
            pass
    return used


def cache_of(entrepot) -> Path:
    return Path(entrepot.config["cache"]["directory"])


def seed_of_run() -> int:
    """ENTREPOT_SEED, or a new one; printed, so that pytest shows it beside a failure."""
    seed = int(os.environ.get("ENTREPOT_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"ENTREPOT_SEED={seed}")
    return seed
