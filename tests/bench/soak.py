#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The soak: hours of pulls through a registry that keeps failing, without a drift of memory or
descriptors.

    tests/bench/soak.py --duration 3m|8h [--rate N] [--clients N] [--restart-every T] [--seed N]

Clients pull blobs by a Zipf popularity from a catalogue that is three times the cache, so evictions
always run; some read ranges, some leave in the middle, some request tags that move. The upstream
resets, stalls, ends early, flips bytes, sends wrong lengths, answers 5xx, 429 and HTML. Every body
is compared with the right one.

Ends with 1 when one of these is missed, and prints which:

- no wrong byte in a body that was delivered whole, or in a range of a stored blob;
- no 5xx for an available object: a tag or manifest that had been served before, or a blob whose
  file was stored, the same one, before and after the answer;
- nothing unexpected elsewhere: a miss may end in 502, 503 or 504 or break off, as the upstream did;
- descriptors at rest within 5 of the number at rest after the warm-up. RocksDB's files are counted
  apart: their number follows its compactions, and is bounded by max_open_files;
- RocksDB's memory keeps within the bounds of its block cache, which fills up for hours, and of its
  write buffers;
- anonymous memory, that included, grows by less than 1 MiB an hour after the warm-up. The slope is
  that of least squares over the means of 20 stretches, and is missed where its lower limit of two
  standard errors is above the bar, so that noise alone fails no run. Windows below two hours have an
  allowance of 10 MiB in all besides: in two minutes 1 MiB/h is 35 KiB, less than one step of
  malloc, and the block cache of RocksDB alone (8 MiB) is still filling up. A 3-minute run can
  find a leak of two kilobytes per request; a leak of 1 MiB per hour takes the 8-hour run;
- the process is alive at the end, and ends with 0.

It prints a line of progress sixteen times, so that a reader sees after hours how it went.

Memory and descriptors are compared within the longest life where --restart-every ends lives, in
turn by kill -9 and SIGTERM.
"""

from __future__ import annotations

import argparse
import bisect
import itertools
import math
import multiprocessing
import os
import random
import re
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
os.environ.setdefault("ENTREPOT_BINARY", str(HERE.parent.parent / "build/release/entrepot"))

from support import content, faults  # noqa: E402
from support.checks import REPOSITORY, blob_target, manifest_target  # noqa: E402
from support.client import Closed, Connection  # noqa: E402
from support.config import settings  # noqa: E402
from support.entrepot import Entrepot  # noqa: E402
from support.gate import Gate, eventually  # noqa: E402
from support.upstream import ScriptedUpstream  # noqa: E402

KIB, MIB = content.KIB, content.MIB
HOUR = 3600.0
CACHE = 64 * MIB
ALPHA = 0.9
TAGS, VERSIONS = 8, 4
INDEX_MEMORY = 12  # MiB: 8 of blocks, 4 of write buffers (cache/index/rocks_open.cc)
PROGRESS = 16  # lines
SLOPE, ALLOWANCE = 1.0, 10.0  # MiB an hour, MiB
DESCRIPTORS = 5
BATCHES = 20
# The statuses that a miss may have while the upstream fails.
EXCUSED = {502, 503, 504}


def seconds(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(s|m|h)", text)
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is not like 30s, 3m or 8h")
    return float(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]]


class Catalogue:
    def __init__(self, seed: int):
        rng = random.Random(seed)
        self.blobs: list[content.Blob] = []
        while sum(blob.size for blob in self.blobs) < 3 * CACHE:
            size = int(math.exp(rng.uniform(math.log(KIB), math.log(6 * MIB))))
            self.blobs.append(content.blob(size, seed=len(self.blobs)))
        self._weights = list(itertools.accumulate(1 / (n + 1) ** ALPHA
                                                  for n in range(len(self.blobs))))
        self.images = [[content.image((KIB,), seed=1 + tag * VERSIONS + n)
                        for n in range(VERSIONS)] for tag in range(TAGS)]

    def pick(self, rng: random.Random) -> content.Blob:
        return self.blobs[bisect.bisect(self._weights, rng.random() * self._weights[-1])]


class Faults:
    """Spoils one of so many replies. Many threads of the upstream call it."""

    def __init__(self, seed: int):
        self._rng = random.Random(seed)
        self._never = Gate()
        self.struck: Counter = Counter()

    def __call__(self, request, reply) -> None:
        if request.kind not in ("blob", "manifest") or reply.status not in (200, 206):
            return
        size, where = reply.size, self._rng.random()
        at = int(where * max(1, size - 1))
        kinds = [("5xx", 0.02, faults.status(self._rng.choice((500, 502, 503)))),
                 ("429", 0.003, faults.too_many_requests("1")),
                 ("html", 0.005, faults.html_page())]
        if request.method == "GET" and request.kind == "blob" and size > 1:
            kinds += [("reset", 0.03, faults.reset_after(at)),
                      ("fin", 0.02, faults.fin_after(at)),
                      ("stall", 0.004, faults.stall_after(at, self._never)),
                      ("flip", 0.015, faults.flip_byte(reply.offset + at)),
                      ("longer", 0.005, faults.content_length(size + 100)),
                      ("shorter", 0.005, faults.content_length(size - 1)),
                      ("no range", 0.02, faults.ignore_range)]
        dice = self._rng.random()
        for name, share, fault in kinds:
            if dice < share:
                self.struck[name] += 1
                return fault(request, reply)
            dice -= share


def serve_upstream(pipe, catalogue: Catalogue, seed: int) -> None:
    """A process of its own, so that the latencies of clients include no work of its threads."""
    rng, mixed = random.Random(seed), Faults(seed)
    with ScriptedUpstream() as upstream:
        for blob in catalogue.blobs:
            upstream.add_blob(REPOSITORY, blob)
        for tag, images in enumerate(catalogue.images):
            for image in images:
                upstream.add_image(REPOSITORY, image, f"tag{tag}")
        upstream.script(mixed)
        pipe.send(upstream.port)
        # Each second: empties the log, and moves a tag.
        requests = 0
        while not pipe.poll(1.0):
            requests += upstream.count()
            upstream.forget()
            tag = rng.randrange(TAGS)
            image = rng.choice(catalogue.images[tag])
            upstream.set_tag(REPOSITORY, f"tag{tag}", image.manifest.digest)
        pipe.recv()
        pipe.send((requests, dict(mixed.struck), upstream.errors))


class Rest:
    """Stops the clients while the process is measured at rest or restarted."""

    def __init__(self, clients: int):
        self._clients, self._condition = clients, threading.Condition()
        self._wanted = self._over = False
        self._standing = 0

    def stand(self) -> None:
        with self._condition:
            self._standing += 1
            self._condition.notify_all()
            self._condition.wait_for(lambda: not self._wanted)
            self._standing -= 1

    @property
    def wanted(self) -> bool:
        return self._wanted

    def __enter__(self) -> None:
        with self._condition:
            self._wanted = True
            if not self._condition.wait_for(lambda: self._standing == self._clients, 120):
                raise AssertionError("a client hangs")

    def __exit__(self, *_) -> None:
        with self._condition:
            self._wanted = False
            self._condition.notify_all()


@dataclass
class Tally:
    """The results of all clients."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    outcomes: Counter = field(default_factory=Counter)
    received: int = 0
    wrong: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    hits: list[tuple[float, float]] = field(default_factory=list)  # when, seconds to the head

    def note(self, outcome: str, received: int = 0) -> None:
        with self.lock:
            self.outcomes[outcome] += 1
            self.received += received


class Client(threading.Thread):
    def __init__(self, soak: "Soak", seed: int):
        super().__init__(daemon=True)
        self._soak, self._rng = soak, random.Random(seed)
        self.start()

    def run(self) -> None:
        soak = self._soak
        while not soak.over.is_set():
            try:
                with Connection(soak.entrepot.port, timeout=60) as connection:
                    while self._ask(connection) and not soak.rest.wanted:
                        # The pace of the load, not a wait for anything.
                        if soak.over.wait(self._rng.expovariate(soak.rate / soak.clients)):
                            break
            except (OSError, Closed) as error:
                # The process runs during a request: a restart waits until all clients stand still.
                soak.unexpected(f"{type(error).__name__}: {error}")
            except Exception as error:  # a bug in this file must not end a client in silence
                soak.unexpected(f"{type(error).__name__}: {error}")
            if soak.rest.wanted:
                soak.rest.stand()

    def _ask(self, connection: Connection) -> bool:
        """False: the connection is not to be used again."""
        dice = self._rng.random()
        if dice < 0.10:
            return self._ask_tag(connection)
        blob = self._soak.catalogue.pick(self._rng)
        if dice < 0.20:
            return self._ask_range(connection, blob)
        if dice < 0.23:
            return self._leave(connection, blob)
        before = self._soak.inode(blob)
        response = self._send(connection, blob_target(blob))
        self._judge(response, blob.data, blob.digest,
                    lambda: before is not None and before == self._soak.inode(blob))
        return self._usable(response)

    def _ask_range(self, connection: Connection, blob: content.Blob) -> bool:
        first = self._rng.randrange(blob.size)
        last = min(blob.size - 1, first + self._rng.randrange(blob.size))
        before = self._soak.inode(blob)
        response = self._send(connection, blob_target(blob), [("Range", f"bytes={first}-{last}")])
        data = blob.data if response.status == 200 else blob.data[first:last + 1]
        self._judge(response, data, f"{first}-{last} of {blob.digest}",
                    lambda: before is not None and before == self._soak.inode(blob))
        return self._usable(response)

    def _leave(self, connection: Connection, blob: content.Blob) -> bool:
        connection.send_request("GET", blob_target(blob))
        connection.read_head()
        self._soak.tally.note("left")
        return False

    def _ask_tag(self, connection: Connection) -> bool:
        tag = self._rng.randrange(TAGS)
        images = self._soak.catalogue.images[tag]
        known = {image.manifest.digest: image.manifest for image in images}
        if self._rng.random() < 0.5:
            target = manifest_target(f"tag{tag}")
        else:
            target = manifest_target(self._rng.choice(list(known)))
        served_before = target in self._soak.served
        response = self._send(connection, target)
        claimed = known.get(response.headers.get("Docker-Content-Digest", ""))
        data = claimed.data if claimed else b"\0"
        if response.status == 200 and response.complete and response.body == data:
            self._soak.served.add(target)
        self._judge(response, data, target, lambda: served_before)
        return self._usable(response)

    @staticmethod
    def _send(connection: Connection, target: str, headers=()):
        connection.send_request("GET", target, headers)
        return connection.read_response()

    @staticmethod
    def _usable(response) -> bool:
        return response.complete and response.headers.get("Connection", "").lower() != "close"

    def _judge(self, response, data: bytes, what: str, was_there) -> None:
        soak = self._soak
        unproven = "detail=unproven" in response.outcome
        hit = "; hit" in response.outcome and not unproven
        if response.status in (200, 206):
            # The body of a transfer that was resumed after a cut has to be right as well.
            if response.status == 206 and not hit:
                # A part of a blob that still arrives, or of which only parts are stored, comes
                # before its proof; a client that requests parts verifies them.
                if unproven and response.complete and response.body != data:
                    soak.tally.note("wrong, unproven part")
            elif response.complete and response.body != data:
                soak.wrong(f"{what}: {response.headers}")
            elif not response.complete and hit:
                soak.unexpected(f"a hit cut short: {what}, {response.received} of {len(data)}")
            elif hit:
                with soak.tally.lock:
                    soak.tally.hits.append((time.monotonic(), response.head_after))
            found = re.search(r"; (hit|fwd=[\w-]+)", response.outcome)
            soak.tally.note(("" if response.complete else "cut short, ")
                            + (found[1] if found else "?"), response.received)
            return
        soak.tally.note(str(response.status))
        if response.status not in EXCUSED or not response.complete:
            soak.unexpected(f"{what}: {response.status} {response.body[:200]!r}")
        elif was_there():
            soak.unexpected(f"{response.status} for what was there: {what} {response.body[:200]!r}")


@dataclass
class Life:
    """Samples of one process."""

    memory: list[tuple[float, float]] = field(default_factory=list)  # when, MiB
    rests: list[tuple[float, Counter]] = field(default_factory=list)  # when, descriptors by kind


class Soak:
    def __init__(self, arguments, directory: Path):
        self.duration, self.rate = arguments.duration, arguments.rate
        self.clients = arguments.clients
        self.restart_every, self.seed = arguments.restart_every, arguments.seed
        self.warm_up = min(2 * HOUR, self.duration / 3)
        self.catalogue = Catalogue(self.seed)
        self.rest, self.over, self.tally = Rest(self.clients), threading.Event(), Tally()
        self.served: set[str] = set()
        self.lives = [Life()]
        self.index_memory: list[float] = []  # MiB, in all lives
        self._pipe, theirs = multiprocessing.Pipe()
        self._upstream = multiprocessing.Process(
            target=serve_upstream, args=(theirs, self.catalogue, self.seed), daemon=True)
        self._upstream.start()
        port = self._pipe.recv()
        upstream = {"endpoint": f"http://127.0.0.1:{port}",
                    "tags": {"fresh_for": "3s", "stale_for": "7d"}}
        self.cache = directory / "cache"
        self.entrepot = Entrepot(directory, settings(
            self.cache, {"docker.io": upstream},
            cache={"max_size": str(CACHE), "reserve_free": 0},
            timeouts={"connect": "2s", "first_byte": "3s", "stall": "2s"}, limits=None,
            log={"level": "info", "format": "text", "access": False}))

    def wrong(self, text: str) -> None:
        with self.tally.lock:
            self.tally.wrong.append(text)
        print(f"WRONG BYTES: {text}", flush=True)

    def unexpected(self, text: str) -> None:
        with self.tally.lock:
            self.tally.unexpected.append(text)
        print(f"unexpected: {text}", flush=True)

    def inode(self, blob: content.Blob) -> int | None:
        name = blob.digest[7:]
        try:
            return os.stat(self.cache / "blobs" / "sha256" / name[:2] / name).st_ino
        except OSError:
            return None

    def descriptors(self) -> Counter:
        kinds: Counter = Counter()
        for link in Path(f"/proc/{self.entrepot.pid}/fd").iterdir():
            try:
                target = os.readlink(link)
            except OSError:
                continue
            if target.startswith(str(self.cache / "index")):
                kinds["index"] += 1
            elif target.startswith(str(self.cache)):
                kinds["cache"] += 1
            else:
                kinds[re.split(r"[:\[]", target)[0]] += 1
        return kinds

    def at_rest(self) -> None:
        """Waits until all clients are gone and no transfer is left. Idle connections to the
        upstream may stay: it waits until their number no longer changes."""
        with self.rest:
            eventually(lambda: self.entrepot.metrics().sum("flights") == 0, 60, "no flights")
            seen: list[Counter] = []

            def still() -> bool:
                seen.append(self.descriptors())
                return len(seen) > 200 and all(one == seen[-1] for one in seen[-200:])
            eventually(still, 60, "descriptors stand still")
            self.lives[-1].rests.append((time.monotonic(), seen[-1]))

    def restart(self, number: int) -> None:
        self.at_rest()
        with self.rest:
            self.entrepot.restart(kill=number % 2 == 0)
            self.lives.append(Life())

    def say_progress(self, after: float) -> None:
        with self.tally.lock:
            requests, wrong, unexpected = (sum(self.tally.outcomes.values()),
                                           len(self.tally.wrong), len(self.tally.unexpected))
        memory = self.entrepot.memory()["RssAnon"] / MIB
        index = self.entrepot.metrics().sum("index_memory_bytes") / MIB
        print(f"    {after:.0f} s: {requests} requests, {wrong} wrong bodies, {unexpected} unexpected "
              f"answers, {memory:.1f} MiB of memory, {index:.1f} of them RocksDB's", flush=True)

    def run(self) -> int:
        self.entrepot.start()
        clients = [Client(self, self.seed * 100 + n) for n in range(self.clients)]
        begun = time.monotonic()
        end, warm = begun + self.duration, begun + self.warm_up
        # At rest after the warm-up, and each hour.
        rests = [warm + n * HOUR for n in range(int((self.duration - self.warm_up) / HOUR) + 1)]
        restarts = ([begun + n * self.restart_every for n in
                     range(1, int(self.duration / self.restart_every) + 1)]
                    if self.restart_every else [])
        done = said = 0
        pause = min(5.0, self.duration / 300)
        try:
            while (now := time.monotonic()) < end and self.entrepot.running:
                if now >= warm or self.restart_every:
                    index = self.entrepot.metrics().sum("index_memory_bytes")
                    self.index_memory.append(index / MIB)
                    self.lives[-1].memory.append((now, self.entrepot.memory()["RssAnon"] / MIB))
                if rests and now >= rests[0]:
                    rests.pop(0)
                    self.at_rest()
                if restarts and now >= restarts[0] and now + pause < end:
                    restarts.pop(0)
                    self.restart(done)
                    done += 1
                    self.at_rest()
                if now - begun >= said * self.duration / PROGRESS:
                    said = int((now - begun) / self.duration * PROGRESS) + 1
                    self.say_progress(now - begun)
                self.over.wait(pause)
            alive = self.entrepot.running
            if alive:
                self.at_rest()
        finally:
            self.over.set()
        for client in clients:
            client.join(90)
        self._pipe.send(None)
        requests, struck, errors = self._pipe.recv()
        clean = "no"
        if alive:
            metrics = self.entrepot.metrics()
            evicted = metrics.sum("cache_evictions_total")
            try:
                self.entrepot.terminate()
                clean = "yes"
            except AssertionError as error:
                clean = str(error)[:2000]
        else:
            evicted = 0
            clean = f"it died:\n{self.entrepot.log.text[-2000:]}"
        return self.report(warm, end, requests, struck, errors, evicted, clean)

    def report(self, warm, end, requests, struck, errors, evicted, clean) -> int:
        missed = []

        def bar(what: str, held: bool, text: str) -> None:
            print(f"    {'held  ' if held else 'MISSED'} {what}: {text}")
            if not held:
                missed.append(what)
        tally = self.tally
        print(f"{self.duration:.0f} s, seed {self.seed}, {len(self.lives)} lives: "
              f"{sum(tally.outcomes.values())} requests, {tally.received / MIB:.0f} MiB; "
              f"{evicted:.0f} evictions in the last life")
        print(f"    outcomes: {dict(tally.outcomes.most_common())}")
        print(f"    upstream: {requests} requests, faults {struck}")
        self.report_latency(warm, end)
        bar("wrong bytes", not tally.wrong, str(len(tally.wrong)))
        bar("unexpected answers", not tally.unexpected, str(len(tally.unexpected)))
        bar("the upstream's script", not errors, str(errors))
        bar("evictions", evicted > 0, f"{evicted:.0f}")
        bar("alive, and ended with 0", clean == "yes", clean)
        life = max(self.lives, key=lambda one: len(one.memory))
        if len(life.rests) < 2:
            bar("descriptors at rest", False, "not measured twice in one life")
        else:
            def count(kinds: Counter) -> int:
                return sum(value for kind, value in kinds.items() if kind != "index")
            first = life.rests[0][1]
            far = max((one for _, one in life.rests[1:]),
                      key=lambda one: abs(count(one) - count(first)))
            bar("descriptors at rest", abs(count(far) - count(first)) <= DESCRIPTORS,
                f"{count(first)}, then {count(far)} ({dict(first)}, then {dict(far)})")
            bar("RocksDB's descriptors", max(one["index"] for _, one in life.rests) <= 256,
                f"{max(one['index'] for _, one in life.rests)}")
        self.report_memory(life.memory, bar)
        if self.index_memory:
            bar("RocksDB's memory", max(self.index_memory) <= INDEX_MEMORY,
                f"{self.index_memory[0]:.1f} MiB, then {self.index_memory[-1]:.1f} MiB, bar "
                f"{INDEX_MEMORY} MiB")
        print(f"missed: {', '.join(missed)}" if missed else "all held")
        return 1 if missed else 0

    def report_latency(self, warm: float, end: float) -> None:
        quarter = (end - warm) / 4
        for name, first, last in (("early", warm, warm + quarter), ("late", end - quarter, end)):
            took = sorted(latency for when, latency in self.tally.hits if first <= when < last)
            if len(took) > 1:
                print(f"    hits, {name}: {len(took)}, head after p50 "
                      f"{took[len(took) // 2] * 1e3:.2f} ms, p99 "
                      f"{took[int(len(took) * 0.99)] * 1e3:.2f} ms")

    @staticmethod
    def report_memory(samples: list[tuple[float, float]], bar) -> None:
        if len(samples) < 2 * BATCHES:
            return bar("memory", False, f"{len(samples)} samples are too few")
        batches = [samples[n * len(samples) // BATCHES:(n + 1) * len(samples) // BATCHES]
                   for n in range(BATCHES)]
        when = [statistics.fmean(at for at, _ in batch) / HOUR for batch in batches]
        size = [statistics.fmean(value for _, value in batch) for batch in batches]
        slope, base = statistics.linear_regression(when, size)
        middle = statistics.fmean(when)
        spread = sum((at - middle) ** 2 for at in when)
        left = sum((value - base - slope * at) ** 2 for at, value in zip(when, size))
        error = math.sqrt(left / (BATCHES - 2) / spread)
        window = (samples[-1][0] - samples[0][0]) / HOUR
        limit = SLOPE + (ALLOWANCE / window if window < 2 else 0)
        bar("memory", slope - 2 * error < limit,
            f"{size[0]:.1f} MiB, then {size[-1]:.1f} MiB; {slope:+.2f} ± {2 * error:.2f} MiB/h over "
            f"{window:.2f} h, bar {limit:.2f}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--duration", type=seconds, default=seconds("3m"))
    parser.add_argument("--rate", type=float, default=80, help="requests a second, all clients")
    parser.add_argument("--clients", type=int, default=6,
                        help="one waits while its request stalls, so that few do not reach a high rate")
    parser.add_argument("--restart-every", type=seconds, help="ends a life that often")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    arguments = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="entrepot-soak-"))
    print(f"soak: {arguments.duration:.0f} s, seed {arguments.seed}", flush=True)
    try:
        return Soak(arguments, directory).run()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
