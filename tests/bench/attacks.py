# SPDX-License-Identifier: Apache-2.0
"""The attacks of adversary.py, each bounded and from an address of its own. All run in one process,
so that together they take one core at most."""

from __future__ import annotations

import itertools
import os
import threading
from collections import Counter
from typing import Callable

import hostile
from support.client import Closed, Connection

PATIENCE = 20.0  # s that an attacker waits for an answer
_ALL: dict[str, tuple[float, Callable]] = {}


def names() -> list[str]:
    return list(_ALL)


def attack(every: float):
    """Calls a function at an interval of so many seconds."""
    def register(function: Callable) -> Callable:
        _ALL[function.__name__] = (every, function)
        return function
    return register


class Attacker(threading.Thread):
    """One attack, from one address."""

    def __init__(self, name: str, port: int, admin_port: int, over: threading.Event):
        super().__init__(daemon=True)
        self.every, self._attack = _ALL[name]
        self.attack_name, self._port, self.admin_port = name, port, admin_port
        self._source = f"127.0.1.{1 + names().index(name)}"
        self.over, self.numbers = over, itertools.count(1)
        self.did: Counter = Counter()
        self._held: list[Connection] = []
        self.start()

    def run(self) -> None:
        while not self.over.is_set():
            try:
                self._attack(self)
            except (OSError, Closed) as problem:  # refused, or cut: the next connection
                self.did[type(problem).__name__] += 1
            self.over.wait(self.every)
        self.let_go()

    def connect(self, port: int | None = None, receive_buffer: int | None = None) -> Connection:
        return Connection(port or self._port, timeout=PATIENCE, source=self._source,
                          receive_buffer=receive_buffer)

    def ask(self, target: str, ns: str = "hostile", headers=()) -> None:
        """One request and its whole answer."""
        with self.connect() as connection:
            connection.send_request("GET", f"{target}?ns={ns}" if "?" not in target
                                    else f"{target}&ns={ns}", [*headers, ("Connection", "close")])
            response = connection.read_response(keep=False)
            self.did[str(response.status)] += 1

    def drop(self, target: str, ns: str = "well") -> None:
        """Sends a request, and leaves."""
        with self.connect() as connection:
            connection.send_request("GET", f"{target}?ns={ns}")
            self.did["left"] += 1

    def hold(self, at_most: int, target: str | None = None, ns: str = "well", headers=(),
             data: bytes = b"", port: int | None = None) -> None:
        """Keeps one more connection that is hardly read. Closes the oldest one if there are too
        many."""
        connection = self.connect(port, receive_buffer=4096)
        if target:
            connection.send_request("GET", f"{target}?ns={ns}" if "?" not in target
                                    else f"{target}&ns={ns}", headers)
        connection.send(data)
        self._held.append(connection)
        self.did["held"] += 1
        if len(self._held) > at_most:
            self._held.pop(0).close()

    def sip(self) -> None:
        """Reads one byte from each kept connection that has data. Removes those that have been
        closed."""
        for connection in list(self._held):
            connection.socket.setblocking(False)
            try:
                if connection.socket.recv(512) == b"":
                    raise ConnectionError
            except BlockingIOError:
                pass
            except OSError:
                self.did["was cut"] += 1
                connection.close()
                self._held.remove(connection)

    @property
    def holds(self) -> int:
        return len(self._held)

    def let_go(self) -> None:
        while self._held:
            self._held.pop().close()


def _absent() -> str:
    return f"sha256:{os.urandom(32).hex()}"


@attack(every=10)
def abandoned_questions(one: Attacker) -> None:
    for number in range(2000):
        one.drop(f"/v2/flood/{number}/blobs/{_absent()}")


@attack(every=15)
def left_transfers(one: Attacker) -> None:
    for _ in range(15):
        number = next(one.numbers)
        one.drop(f"/v2/left/{number}/blobs/{hostile.digest_of('left', number)}")


@attack(every=1)
def slow_readers(one: Attacker) -> None:
    while one.holds < 60 and not one.over.is_set():
        number = next(one.numbers) % 60
        one.hold(60, f"/v2/passed/{number}/blobs/{hostile.digest_of('passed', number)}")
    one.sip()


@attack(every=2)
def held_connections(one: Attacker) -> None:
    while one.holds < 500 and not one.over.is_set():
        one.hold(500)
    one.sip()


@attack(every=2)
def unfinished_heads(one: Attacker) -> None:
    while one.holds < 300 and not one.over.is_set():
        one.hold(300, data=b"GET /v2/ HTTP/1.1\r\nHost: x\r\nX-Long: " + b"v" * 50_000)
    one.sip()


@attack(every=5)
def announced_sizes(one: Attacker) -> None:
    while one.holds < 8 and not one.over.is_set():
        number = next(one.numbers)
        one.hold(8, f"/v2/announced/{number}/blobs/{hostile.announced(number)}", "hostile")
    one.sip()


@attack(every=0.03)
def small_objects(one: Attacker) -> None:
    kind = "tiny" if one.did["200"] % 3 == 0 else "small"
    number = next(one.numbers)
    one.ask(f"/v2/{kind}/{number}/blobs/{hostile.digest_of(kind, number)}", "well")


@attack(every=4)
def large_manifests(one: Attacker) -> None:
    number = next(one.numbers)
    one.ask(f"/v2/large/{number}/manifests/{hostile.large_manifest(number).digest}")


@attack(every=30)
def repeated_children(one: Attacker) -> None:
    number = next(one.numbers)
    one.ask(f"/v2/repeated/{number}/manifests/{hostile.many_layers(hostile.CHILD_REFERENCES).digest}")
    one.ask(f"/v2/repeated/{number}/manifests/{hostile.repeated_child(number).digest}")


@attack(every=2)
def many_links(one: Attacker) -> None:
    one.ask(f"/v2/links/{next(one.numbers)}/manifests/{hostile.many_layers(hostile.LINKS).digest}")


@attack(every=0.05)
def unknown_tags(one: Attacker) -> None:
    one.ask(f"/v2/flood/x/manifests/tag-{next(one.numbers)}", "well")


@attack(every=1)
def referrer_filters(one: Attacker) -> None:
    number = next(one.numbers) // 20
    one.ask(f"/v2/referrers/{number}/referrers/{hostile.announced(0)}?artifactType=type/1")


@attack(every=1)
def long_lists(one: Attacker) -> None:
    """New connections, and slow readers of one blob."""
    one.ask(f"/v2/lists/{next(one.numbers)}/tags/list")
    while one.holds < 100 and not one.over.is_set():
        one.hold(100, "/v2/lists/0/tags/list", "hostile")
    one.sip()


@attack(every=2)
def multi_ranges(one: Attacker) -> None:
    """1 024 ranges of a large blob, by a hundred clients that hardly read."""
    path = f"/v2/ranges/1/blobs/{hostile.digest_of('ranges', 1)}"
    if one.did["200"] == 0:
        one.ask(path, "well")
    step = hostile.SIZES["ranges"] // 1024
    ranges = ",".join(f"{at}-{at + step // 2}" for at in range(0, hostile.SIZES["ranges"], step))
    while one.holds < 100 and not one.over.is_set():
        one.hold(100, path, headers=[("Range", f"bytes={ranges}")])
    one.sip()


@attack(every=10)
def far_ranges(one: Attacker) -> None:
    """Many single bytes far apart of a blob that is not stored."""
    number = next(one.numbers)
    step = hostile.SIZES["far"] // 1000
    ranges = ",".join(f"{at}-{at}" for at in range(0, hostile.SIZES["far"] - 1, step))
    one.ask(f"/v2/far/{number}/blobs/{hostile.digest_of('far', number)}", "well",
            [("Range", f"bytes={ranges}")])


@attack(every=0.5)
def long_challenges(one: Attacker) -> None:
    one.ask(f"/v2/challenges/{next(one.numbers)}/manifests/latest")


@attack(every=0.1)
def many_tokens(one: Attacker) -> None:
    one.ask(f"/v2/tokens/{next(one.numbers)}/manifests/latest")


@attack(every=0.5)
def switched_protocols(one: Attacker) -> None:
    one.ask(f"/v2/switching/{next(one.numbers)}/blobs/{_absent()}")


@attack(every=5)
def circular_lists(one: Attacker) -> None:
    one.ask(f"/v2/circles/{next(one.numbers)}/tags/list")


@attack(every=2)
def held_admin(one: Attacker) -> None:
    while one.holds < 100 and not one.over.is_set():
        one.hold(100, port=one.admin_port)
    one.sip()


def run(pipe, chosen: list[str], port: int, admin_port: int) -> None:
    """Runs the chosen attacks between two messages of the pipe; then sends the counts of each."""
    os.nice(10)  # a lower priority: the mirror and its client have this machine first
    over = threading.Event()
    pipe.recv()
    attackers = [Attacker(name, port, admin_port, over) for name in chosen]
    pipe.recv()
    over.set()
    for one in attackers:
        one.join(2 * PATIENCE)
    pipe.send({one.attack_name: dict(one.did) for one in attackers})


