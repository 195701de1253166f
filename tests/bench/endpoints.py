#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Several endpoints of one upstream, against their bars.

    tests/bench/endpoints.py [--rounds N] [suite…]

Suites: choice, failover, dead, names, connections; all of them without arguments. Leaves nothing running. Ends with 1
when a bar was missed.
"""

from __future__ import annotations

import itertools
import os
import socket
import statistics
import time
from unittest import mock

from harness import MIB, NAME, Site, bar, run_suites, spread
from support import client, config, content
from support.entrepot import Entrepot
from support.gate import Gate
from support.names import DeafNameServer, Names
from support.silence import Silence
from support.upstream import ScriptedUpstream
from support.wire import Line

NUMBERS = itertools.count(1)


def start(site: Site, *urls: str, **changes) -> Entrepot:
    directory = site.directory / f"several-{next(NUMBERS)}"
    directory.mkdir()
    settings = config.settings(
        directory / "cache", {"docker.io": {"endpoints": [{"url": url} for url in urls]}},
        cache={"max_size": "30GiB"}, log={"level": "info", "access": False},
        **{"limits": None, **changes})
    return site.keep(Entrepot(directory, settings)).start()


def target_of(blob) -> str:
    return f"/v2/{NAME}/blobs/{blob.digest}"


def fetch(entrepot: Entrepot, blob) -> None:
    answer = client.get(entrepot.port, target_of(blob), keep=False)
    assert answer.status == 200 and answer.sha256 == blob.digest, answer


def asked(upstream: ScriptedUpstream) -> int:
    return upstream.count("blob", "GET")


def near(upstream: ScriptedUpstream) -> None:
    upstream.delay, upstream.line = 0.005, Line(50 * MIB)


def far(upstream: ScriptedUpstream) -> None:
    upstream.delay, upstream.line = 0.2, Line(2 * MIB)


def seconds_to_move(entrepot: Entrepot, blobs, to: ScriptedUpstream, limit: float) -> float:
    """Until five requests in a row go to `to`; four objects a second are requested."""
    began, in_a_row, moved_at = time.monotonic(), 0, 0.0
    while in_a_row < 5:
        if time.monotonic() - began > 2 * limit:
            return float("inf")
        before = asked(to)
        fetch(entrepot, next(blobs))
        if asked(to) == before:
            in_a_row = 0
        else:
            moved_at = moved_at if in_a_row else time.monotonic() - began
            in_a_row += 1
        time.sleep(0.25)
    return moved_at


def choice(site: Site, rounds: int) -> None:
    """One near and fast, one far and slow; they change places, and change back."""
    shares, away, back = [], [], []
    for turn in range(rounds):
        fast, slow = site.keep(ScriptedUpstream()), site.keep(ScriptedUpstream())
        near(fast)
        far(slow)
        made = [content.blob(256 * 1024 if i % 2 else 16 * 1024, seed=1000 * turn + i)
                for i in range(900)]
        for blob in made:
            fast.add_blob(NAME, blob)
            slow.add_blob(NAME, blob)
        blobs = iter(made)
        # The slower one is named first, so that the order does not decide.
        entrepot = start(site, slow.url, fast.url)
        for _ in range(20):
            fetch(entrepot, next(blobs))
        before = asked(fast), asked(slow)
        for _ in range(100):
            fetch(entrepot, next(blobs))
        to_fast, to_slow = asked(fast) - before[0], asked(slow) - before[1]
        shares.append(to_fast / (to_fast + to_slow))
        far(fast)
        near(slow)
        away.append(seconds_to_move(entrepot, blobs, slow, 10))
        near(fast)
        far(slow)
        back.append(seconds_to_move(entrepot, blobs, fast, 60))
        for each in (entrepot, fast, slow):
            site.close(each)
    print(f"  5 ms and 50 MiB/s beside 200 ms and 2 MiB/s: {spread(shares)} of the requests to the "
          f"fast one; moved {spread(away)} s after they changed places, {spread(back)} s after "
          "they changed back")
    bar("share to the fast one", min(shares), 0.95, at_least=True)
    bar("moved away, s", max(away), 10)
    bar("came back, s", max(back), 60)


def failover(site: Site, rounds: int) -> None:
    """The endpoint in use dies at half of a blob that ten clients read."""
    for how, limit in (("reset", 0.3), ("stall", 3.0)):
        pauses, shares = [], []
        for number in range(rounds):
            first, second = site.keep(ScriptedUpstream()), site.keep(ScriptedUpstream())
            blob = content.blob(256 * MIB, seed=number)
            for each in (first, second):
                each.line = Line(100 * MIB)
                each.add_blob(NAME, blob)
            entrepot = start(site, first.url, second.url, timeouts={"stall": "2s"})
            gate = Gate()
            half = 128 * MIB
            cut = {"cut": "reset"} if how == "reset" else {"cut": "stall", "stall_gate": gate}

            def spoil(_request, reply, cut=cut):
                reply.cut_after = half
                for name, value in cut.items():
                    setattr(reply, name, value)
            first.script(spoil, kind="blob", method="GET", times=1)
            downloads = client.download_together(entrepot.port, [target_of(blob)] * 10)
            downloads[0].wait_received(half - MIB)
            pauses.append(longest_pause(downloads[0]))
            for download in downloads:
                answer = download.finish()
                assert answer.complete and answer.sha256 == blob.digest
            gate.open()
            shares.append((first.body_bytes() + second.body_bytes()) / blob.size)
            for each in (entrepot, first, second):
                site.close(each)
        print(f"  {how} at half of 256 MiB, ten clients, all right: pause {spread(pauses)} s, "
              f"{max(shares):.3f} × its bytes from both")
        bar(f"pause after a {how}, s", max(pauses), limit)
        bar("upstream bytes to size", max(shares), 1.05)


def longest_pause(download: client.Download) -> float:
    """The longest time in which nothing arrived, until the download ends."""
    longest, at, last = 0.0, download.received, time.monotonic()
    while download.is_alive():
        time.sleep(0.002)
        now = time.monotonic()
        if download.received != at:
            at, last = download.received, now
        longest = max(longest, now - last)
    return longest


def dead(site: Site, _rounds: int) -> None:
    """The first endpoint is dead in one of three ways; a new object is requested every second or
    so."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        refused = f"http://127.0.0.1:{gone.getsockname()[1]}"
    silence = site.keep(Silence())
    for how, url in (("refuses", refused), ("drops packets", silence.url),
                     ("has no address", "https://nowhere.invalid")):
        good = site.keep(ScriptedUpstream())
        blobs = [good.add_blob(NAME, content.blob(4096, seed=i)) for i in range(240)]
        entrepot = start(site, url, good.url, timeouts={"connect": "2s"})
        times = []
        for blob in blobs:
            began = time.monotonic()
            fetch(entrepot, blob)
            times.append(time.monotonic() - began)
            time.sleep(0.25)
        usual = statistics.median(times)
        lost = sum(took - usual for took in times if took > usual + 0.05)
        print(f"  a first endpoint that {how}: {lost:.2f} s lost in all by 240 requests in a "
              f"minute, the slowest {max(times) * 1e3:.0f} ms, usually {usual * 1e3:.1f} ms")
        bar("lost, in connect timeouts", lost / 2, 1)
        site.close(entrepot)
        site.close(good)
    site.close(silence)


def names(site: Site, _rounds: int) -> None:
    """Hits, while the name server that resolves the registry's name does not answer."""
    upstream = site.keep(ScriptedUpstream())
    directory = site.directory / "names"
    directory.mkdir()
    own = Names(directory)
    own.hosts.write_text("127.0.0.1 names.test\n")
    blobs = [upstream.add_blob(NAME, content.blob(4096, seed=n)) for n in range(40)]
    with mock.patch.dict(os.environ, ENTREPOT_BINARY=str(own.wrapper)):
        entrepot = start(site, f"http://names.test:{upstream.port}")
    fetch(entrepot, blobs[0])
    server = site.keep(DeafNameServer())
    own.ask(server.host, timeout=30)
    own.hosts.write_text("")
    upstream.cut_connections()
    # Cached names are used for a while; then each miss waits for the server.
    missing = []
    while not server.asked.is_set():
        missing.append(client.Download(entrepot.port, target_of(blobs[1 + len(missing) % 39])))
        upstream.cut_connections()
        server.asked.wait(1)
    times = []
    with client.Connection(entrepot.port) as connection:
        for _ in range(5000):
            began = time.monotonic()
            connection.send_request("GET", target_of(blobs[0]))
            assert connection.read_response().status == 200
            times.append(time.monotonic() - began)
    times.sort()
    print(f"  hits while a name server is silent: median {statistics.median(times) * 1e3:.2f} ms, "
          f"p99 {times[-50] * 1e3:.2f} ms, slowest {times[-1] * 1e3:.1f} ms")
    bar("p99 of hits, ms", times[-50] * 1e3, 10)
    site.close(entrepot)
    site.close(upstream)
    site.close(server)


def timed_fetch(port: int, blob) -> float:
    began = time.monotonic()
    answer = client.get(port, target_of(blob), keep=False)
    took = time.monotonic() - began
    assert answer.status == 200 and answer.sha256 == blob.digest, answer
    return took


def through(site: Site, blob, *upstreams: ScriptedUpstream) -> tuple[float, float]:
    """Seconds for the cold blob, and the bytes that the upstreams sent as a multiple of it."""
    before = sum(each.body_bytes() for each in upstreams)
    entrepot = start(site, *(each.url for each in upstreams))
    client.get(entrepot.port, "/v2/")
    took = timed_fetch(entrepot.port, blob)
    site.close(entrepot)
    return took, (sum(each.body_bytes() for each in upstreams) - before) / blob.size


def connections(site: Site, rounds: int) -> None:
    """One connection is the bottleneck, or an endpoint, or neither."""
    gains, both, free, extra = [], [], [], []
    for number in range(rounds):
        blob = content.blob(256 * MIB, seed=number)
        slow = site.keep(ScriptedUpstream(rate=10 * MIB))
        slow.add_blob(NAME, blob)
        direct = timed_fetch(slow.port, blob)
        took, share = through(site, blob, slow)
        gains.append(direct / took)
        extra.append(share)

        halves = [site.keep(ScriptedUpstream()), site.keep(ScriptedUpstream())]
        for each in halves:
            each.line = Line(20 * MIB)
            each.add_blob(NAME, blob)
        alone, share = through(site, blob, halves[0])
        extra.append(share)
        together, share = through(site, blob, *halves)
        extra.append(share)
        both.append(alone / together)

        whole = site.keep(ScriptedUpstream())
        whole.line = Line(40 * MIB)
        whole.delay = 0.05
        whole.add_blob(NAME, blob)
        direct = timed_fetch(whole.port, blob)
        took, share = through(site, blob, whole)
        free.append(direct / took)
        extra.append(share)
        for each in (slow, *halves, whole):
            site.close(each)
    print(f"  256 MiB at 10 MiB/s a connection: {spread(gains)} × as fast as curl's one; two "
          f"endpoints of 20 MiB/s: {spread(both)} × one of them; one of 40 MiB/s in all, 50 ms away: "
          f"{spread(free)} × one connection; at most {max(extra):.3f} × its bytes")
    bar("many connections to one", statistics.median(gains), 4, at_least=True)
    bar("two endpoints to one", statistics.median(both), 1.8, at_least=True)
    bar("where one is enough", statistics.median(free), 0.97, at_least=True)


SUITES = {"choice": choice, "failover": failover, "dead": dead, "names": names,
          "connections": connections}


if __name__ == "__main__":
    run_suites(__doc__, SUITES, rounds=3)
