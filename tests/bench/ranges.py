#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Ranges: of cold blobs against their bars, of stored ones beside nginx.

    tests/bench/ranges.py [--rounds N] [suite…]

Suites: first, parallel, lazy, random; all of them without arguments. Both sides of a comparison run
in turn within one call. Leaves nothing running. Ends with 1 when a bar was missed.
"""

from __future__ import annotations

import concurrent.futures
import hashlib
import os
import random
import re
import statistics
import subprocess
import time

from harness import MIB, NAME, Site, bar, ratio, run_suites, spread
from nginx import cpu_seconds
from support import client, content
from support.upstream import ScriptedUpstream

KIB = 1 << 10


def target_of(blob) -> str:
    return f"/v2/{NAME}/blobs/{blob.digest}"


def timed_range(port: int, blob, first: int, last: int) -> float:
    """Milliseconds to the whole answer, which must be right."""
    began = time.monotonic()
    answer = client.get(port, target_of(blob), headers=[("Range", f"bytes={first}-{last}")])
    took = time.monotonic() - began
    assert answer.status == 206, f"status {answer.status}, {len(answer.body)} bytes"
    assert answer.body == blob.data[first:last + 1], "wrong bytes"
    return took * 1e3


def first(site: Site, rounds: int) -> None:
    """The first requests of a lazy puller: two bytes, and a range far behind them."""
    near, far, fetched = [], [], []
    for number in range(rounds):
        upstream = site.keep(ScriptedUpstream(rate=20 * MIB))
        blob = upstream.add_blob(NAME, content.blob(256 * MIB, seed=number))
        entrepot = site.entrepot(upstream.url)
        client.get(entrepot.port, "/v2/")
        near.append(timed_range(entrepot.port, blob, 0, 1))
        far.append(timed_range(entrepot.port, blob, 200 * MIB, 200 * MIB + 64 * KIB - 1))
        fetched.append(upstream.body_bytes() / MIB)
        site.close(entrepot)
        site.close(upstream)
    print(f"  cold 256 MiB at 20 MiB/s: bytes=0-1 in {spread(near)} ms, 64 KiB at 200 MiB in "
          f"{spread(far)} ms; {max(fetched):.2f} MiB from the upstream")
    bar("bytes=0-1, ms", statistics.median(near), 30)
    bar("64 KiB at 200 MiB, ms", statistics.median(far), 150)
    bar("MiB from the upstream", max(fetched), 4)


def open_range(port: int, blob, begin: int, length: int) -> str:
    """Requests as containerd's workers do: from `begin` to the end, and closes the connection after
    `length` bytes."""
    with client.Connection(port) as connection:
        connection.send_request("GET", target_of(blob), [("Range", f"bytes={begin}-")])
        head = connection.read_head()
        assert head.status == 206, f"status {head.status}"
        assert head.headers["Content-Range"] == f"bytes {begin}-{blob.size - 1}/{blob.size}"
        sha, left = hashlib.sha256(), length
        while left:
            piece = connection.receive()[:left]
            assert piece, "cut short"
            sha.update(piece)
            left -= len(piece)
        return sha.hexdigest()


def parallel(site: Site, rounds: int) -> None:
    size, chunk, rate = 64 * MIB, 8 * MIB, 40 * MIB
    times, fetched = [], []
    for number in range(rounds):
        upstream = site.keep(ScriptedUpstream(rate=rate))
        blob = upstream.add_blob(NAME, content.blob(size, seed=100 + number))
        entrepot = site.entrepot(upstream.url)
        began = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(8) as workers:
            chunks = list(workers.map(
                lambda begin: open_range(entrepot.port, blob, begin, chunk),
                range(0, size, chunk)))
        times.append(time.monotonic() - began)
        fetched.append(upstream.body_bytes() / size)
        assert chunks == [hashlib.sha256(blob.data[at:at + chunk]).hexdigest()
                          for at in range(0, size, chunk)]
        site.close(entrepot)
        site.close(upstream)
    ideal = size / rate
    print(f"  8 × 8 MiB of a cold 64 MiB at 40 MiB/s: {spread(times)} s of {ideal:.1f} s, "
          f"{max(fetched):.3f} × its bytes")
    bar("time to ideal", statistics.median(times) / ideal, 1.1)
    bar("upstream bytes to size", max(fetched), 1.02)


def lazy(site: Site, _rounds: int) -> None:
    """A container that reads at random places, and later a pull of the whole blob."""
    upstream = site.keep(ScriptedUpstream())
    blob = upstream.add_blob(NAME, content.blob(1024 * MIB, seed=7))
    entrepot = site.entrepot(upstream.url)
    chosen = random.Random(7)
    read, piece = 0, 64 * KIB
    while read < 0.064 * blob.size:
        begin = chosen.randrange(blob.size - piece)
        timed_range(entrepot.port, blob, begin, begin + piece - 1)
        read += piece
    part = upstream.body_bytes() / blob.size
    download = entrepot.download(target_of(blob))
    assert download.finish().sha256 == blob.digest
    everything = upstream.body_bytes() / blob.size
    print(f"  {read / blob.size:.1%} of 1 GiB read in pieces of 64 KiB: {part:.1%} from the upstream; "
          f"with all of it afterwards {everything:.1%}")
    bar("part from the upstream", part, 0.15)
    bar("all of it after that", everything, 1.02)


RANDOM_RANGES = """
local targets = {}
for line in io.lines("%(targets)s") do targets[#targets + 1] = line end
math.randomseed(7)
request = function()
  local first = math.random(0, %(last)d)
  wrk.headers["Range"] = "bytes=" .. first .. "-" .. (first + 65535)
  return wrk.format("GET", targets[math.random(#targets)])
end
done = function(summary, latency)
  io.write(string.format("p99 %%f\\n", latency:percentile(99)))
end
"""


def random_ranges(port: int, script, seconds: int = 8) -> float:
    done = subprocess.run(["wrk", "-t1", "-c64", f"-d{seconds}s", "-s", str(script),
                           f"http://127.0.0.1:{port}"], capture_output=True, text=True, check=True)
    assert "Non-2xx" not in done.stdout and "Socket errors" not in done.stdout, done.stdout
    return float(re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)[1])


def random_suite(site: Site, rounds: int) -> None:
    """More than 10 000 ranges of 64 KiB a round, over 50 stored blobs of 64 MiB."""
    files = {}
    for _ in range(50):
        data = os.urandom(64 * MIB)
        files[f"blobs/sha256:{hashlib.sha256(data).hexdigest()}"] = data
    origin = site.static(files)
    targets = [f"/v2/{NAME}/{name}" for name in files]
    files.clear()
    entrepot = site.entrepot(f"http://127.0.0.1:{origin.port}")
    for target in targets:
        with client.Connection(entrepot.port) as connection:
            connection.send_request("GET", target)
            assert connection.read_response(keep=False).complete
    listed, script = site.directory / "targets", site.directory / "random.lua"
    listed.write_text("\n".join(targets) + "\n")
    script.write_text(RANDOM_RANGES % {"targets": listed, "last": 64 * MIB - 65536})
    rates: dict[str, list[float]] = {"entrepot": [], "nginx": []}
    costs: dict[str, list[float]] = {"entrepot": [], "nginx": []}
    sides = (("entrepot", entrepot.port, [entrepot.pid]), ("nginx", origin.port, origin.pids))
    for _name, port, _pids in sides:
        random_ranges(port, script, 2)
    for _ in range(rounds):
        for name, port, pids in sides:
            before = cpu_seconds(pids)
            rates[name].append(random_ranges(port, script))
            costs[name].append((cpu_seconds(pids) - before) / (rates[name][-1] * 8))
    print(f"  64 KiB at random of 50 × 64 MiB, 64 connections: entrepot "
          f"{spread(rates['entrepot'], 1e-3)} k/s, nginx {spread(rates['nginx'], 1e-3)} k/s, ratio "
          f"{ratio(rates['entrepot'], rates['nginx']):.2f}; CPU per request ratio "
          f"{ratio(costs['entrepot'], costs['nginx']):.2f}")
    bar("requests a second to nginx", ratio(rates["entrepot"], rates["nginx"]), 1, at_least=True)


SUITES = {"first": first, "parallel": parallel, "lazy": lazy, "random": random_suite}


if __name__ == "__main__":
    run_suites(__doc__, SUITES)
