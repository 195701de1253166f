#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The main path beside nginx and against its bars.

    tests/bench/main_path.py [--rounds N] [suite…]

Suites: herd, small-miss, hits, bulk-hit, bulk-miss, memory, start; all of them without arguments.
Needs the release build (ENTREPOT_BINARY, or build/release). Both sides of a comparison run in turn
within one call, so that a machine whose speed drifts drifts for both; medians are printed with
their spread. Leaves nothing running. Ends with 1 when a bar was missed.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import statistics
import subprocess
import time
from pathlib import Path

from harness import (MIB, NAME, Nginx, Site, bar, blob_target, curl, into_page_cache, large_file,
                     out_of_page_cache, ratio, run_suites, small_objects, spread, wrk)
from nginx import cpu_seconds
from support import client, content
from support.upstream import ScriptedUpstream


def herd(site: Site, _rounds: int) -> None:
    size, rate = 64 * MIB, 20 * MIB
    upstream = site.keep(ScriptedUpstream(rate=rate))
    blob = upstream.add_blob(NAME, content.blob(size))
    entrepot = site.entrepot(upstream.url)
    url = f"http://127.0.0.1:{entrepot.port}/v2/{NAME}/blobs/{blob.digest}"
    command = ["curl", "-sS", "-f", "-o", "/dev/null", "-w",
               "%{time_starttransfer} %{time_total} %{size_download}", url]
    clients = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(30)]
    upstream.wait_requests(1, kind="blob")
    time.sleep(1)
    late = entrepot.download(f"/v2/{NAME}/blobs/{blob.digest}")
    answers = [[float(word) for word in each.communicate()[0].split()] for each in clients]
    last = late.finish()
    assert last.sha256 == blob.digest and all(received == size for _, _, received in answers)
    ideal = size / rate
    slowest = max(first for first, _, _ in answers)
    done = max(total for _, total, _ in answers)
    print(f"  30 clients, one cold 64 MiB blob at 20 MiB/s: {upstream.count('blob', 'GET')} GET, "
          f"{upstream.body_bytes() / size:.3f} × its bytes; slowest first byte "
          f"{slowest * 1e3:.0f} ms; last done after {done:.2f} s = {done / ideal:.3f} × "
          f"{ideal:.1f} s")
    print(f"  one that joins after 1 s: first byte {last.first_byte_after * 1e3:.1f} ms, done "
          f"{last.done_after:.2f} s after asking")
    bar("upstream GETs", upstream.count("blob", "GET"), 1)
    bar("upstream bytes to size", upstream.body_bytes() / size, 1.01)
    bar("slowest first byte, ms", slowest * 1e3, 100)
    bar("last done to ideal", done / ideal, 1.1)
    bar("late joiner's first byte, ms", last.first_byte_after * 1e3, 20)


def small_miss(site: Site, _rounds: int) -> None:
    blobs = [os.urandom(4096) for _ in range(200)]
    origin = site.static({f"blobs/sha256:{hashlib.sha256(b).hexdigest()}": b for b in blobs})
    entrepot = site.entrepot(f"http://127.0.0.1:{origin.port}")
    client.get(entrepot.port, "/v2/")
    direct, through = [], []
    with client.Connection(origin.port) as near, client.Connection(entrepot.port) as far:
        for data in blobs:
            for connection, times in ((near, direct), (far, through)):
                connection.send_request("GET", blob_target(data))
                answer = connection.read_response()
                assert answer.body == data
                times.append(answer.first_byte_after)
    extra = [b - a for a, b in zip(direct, through)]
    print(f"  first byte of a 4 KiB miss: direct {spread(direct, 1e3)} ms, "
          f"through {spread(through, 1e3)} ms, added (median of 200) "
          f"{statistics.median(extra) * 1e3:.2f} ms")
    bar("added to the first byte, ms", statistics.median(extra) * 1e3, 1)


def hits(site: Site, rounds: int) -> None:
    origin, targets = small_objects(site)
    peer = site.keep(Nginx.cache(site.directory / "peer", f"127.0.0.1:{origin.port}"))
    entrepot = site.entrepot(f"http://127.0.0.1:{origin.port}")
    url = f"http://127.0.0.1:{origin.port}"
    earlier = site.entrepot(url, site.earlier) if site.earlier else None
    for what, target in targets.items():
        rates: dict[str, list[float]] = {"entrepot": [], "nginx": []}
        costs: dict[str, list[float]] = {"entrepot": [], "nginx": []}
        sides = [("entrepot", entrepot.port, [entrepot.pid]), ("nginx", peer.port, peer.pids)]
        if earlier:
            rates["earlier"], costs["earlier"] = [], []
            sides.append(("earlier", earlier.port, [earlier.pid]))
        for _name, port, _pids in sides:
            assert client.get(port, target).status == 200
            wrk(port, target, 1)
        for _ in range(rounds):
            for name, port, pids in sides:
                before = cpu_seconds(pids)
                rate = wrk(port, target)
                rates[name].append(rate)
                costs[name].append((cpu_seconds(pids) - before) / (rate * 4))
        print(f"  {what}: entrepot {spread(rates['entrepot'], 1e-3, 1)} k/s, "
              f"nginx {spread(rates['nginx'], 1e-3, 1)} k/s, ratio "
              f"{ratio(rates['entrepot'], rates['nginx']):.2f}; CPU per request "
              f"{spread(costs['entrepot'], 1e6, 1)} µs to {spread(costs['nginx'], 1e6, 1)} µs, "
              f"ratio {ratio(costs['entrepot'], costs['nginx']):.2f}")
        bar("requests a second to nginx", ratio(rates["entrepot"], rates["nginx"]), 1,
            at_least=True)
        bar("CPU a request to nginx", ratio(costs["entrepot"], costs["nginx"]), 0.85)
        if earlier:
            print(f"    to the earlier build: {ratio(rates['entrepot'], rates['earlier']):.3f} of its "
                  f"requests, {ratio(costs['entrepot'], costs['earlier']):.3f} of its CPU")


def bulk_hit(site: Site, rounds: int) -> None:
    """From the page cache, and from the disk. A kernel may reclaim unused pages between two rounds,
    so each round first moves the file to the memory or the disk."""
    origin, target = large_file(site)
    entrepot = site.entrepot(f"http://127.0.0.1:{origin.port}")
    digest = target.rpartition(":")[2]
    stored = Path(entrepot.config["cache"]["directory"]) / "blobs" / "sha256" / digest[:2] / digest
    sides = (("entrepot", entrepot.port, [entrepot.pid], stored),
             ("nginx", origin.port, origin.pids, site.directory / "root" / target[1:]))
    for _name, port, _pids, _path in sides:
        curl(port, target)
    time.sleep(3)  # the commit's writeback is not part of a hit
    for where, prepare, bars in (("page cache", into_page_cache, True),
                                 ("disk", out_of_page_cache, False)):
        times: dict[str, list[float]] = {"entrepot": [], "nginx": []}
        costs: dict[str, list[float]] = {"entrepot": [], "nginx": []}
        for _ in range((8 if bars else 2) * rounds):  # many, as single ones differ by a third
            for name, port, pids, path in sides:
                prepare(path)
                before = cpu_seconds(pids)
                times[name].append(curl(port, target))
                costs[name].append(cpu_seconds(pids) - before)
        time_ratio, cpu_ratio = (ratio(of["entrepot"], of["nginx"]) for of in (times, costs))
        print(f"  1 GiB hit, from the {where}: entrepot {spread(times['entrepot'])} s, nginx "
              f"sendfile {spread(times['nginx'])} s, ratio {time_ratio:.2f}; CPU "
              f"{spread(costs['entrepot'])} s to {spread(costs['nginx'])} s, ratio {cpu_ratio:.2f}")
        if bars:
            bar("time to nginx", time_ratio, 1.05)
            bar("CPU to nginx", cpu_ratio, 1.05)


def proof_alone(site: Site, target: str) -> float:
    """Seconds of one core for the SHA-256 of the blob, read from the page cache: no mirror that
    verifies its digest can be faster. Three to four times as long without the CPU's SHA
    extensions."""
    path = site.directory / "root" / target[1:]
    sha = hashlib.sha256()
    began = time.thread_time()
    with open(path, "rb", buffering=0) as file:
        while piece := file.read(128 << 10):
            sha.update(piece)
    assert target.endswith(sha.hexdigest())
    return time.thread_time() - began


def bulk_miss(site: Site, rounds: int) -> None:
    origin, target = large_file(site)
    times: dict[str, list[float]] = {"entrepot": [], "nginx": [], "proof": []}
    for number in range(rounds + 1):  # the first round warms up and does not count
        entrepot = site.entrepot(f"http://127.0.0.1:{origin.port}")
        mine = curl(entrepot.port, target)
        site.close(entrepot)
        shutil.rmtree(entrepot.directory)
        peer = site.keep(Nginx.cache(site.directory / f"peer-{number}", f"127.0.0.1:{origin.port}"))
        theirs = curl(peer.port, target)
        site.close(peer)
        shutil.rmtree(peer.directory)
        if number:
            times["entrepot"].append(mine)
            times["nginx"].append(theirs)
            times["proof"].append(proof_alone(site, target))
    print(f"  1 GiB miss, digest proven: {spread(times['entrepot'])} s; nginx, which proves "
          f"nothing: {spread(times['nginx'])} s; ratio "
          f"{ratio(times['entrepot'], times['nginx']):.2f}; SHA-256 alone on one core "
          f"{spread(times['proof'])} s, ratio {ratio(times['entrepot'], times['proof']):.2f}")
    bar("time to nginx", ratio(times["entrepot"], times["nginx"]), 1.25)


def memory(site: Site, _rounds: int) -> None:
    size = 256 * MIB
    upstream = site.keep(ScriptedUpstream())
    blob = upstream.add_blob(NAME, content.blob(size))
    entrepot = site.entrepot(upstream.url)
    target = f"/v2/{NAME}/blobs/{blob.digest}"
    assert entrepot.get(target, keep=False).sha256 == blob.digest
    before = entrepot.memory()["RssAnon"]
    readers = [client.Connection(entrepot.port, receive_buffer=262144) for _ in range(100)]
    for reader in readers:
        reader.send_request("GET", target)
    peak = before
    read = 0
    started = time.monotonic()
    while time.monotonic() - started < 8:  # 2 MiB/s each
        for reader in readers:
            reader.receive(131072)
        read += 131072
        time.sleep(max(0.0, started + read / (2 * MIB) - time.monotonic()))
        peak = max(peak, entrepot.memory()["RssAnon"])
    for reader in readers:
        reader.close()
    print(f"  100 readers at 2 MiB/s: anonymous memory {before / MIB:.1f} MiB before, "
          f"{peak / MIB:.1f} MiB at most, grown by {(peak - before) / MIB:.1f} MiB")
    bar("anonymous memory grown by, MiB", (peak - before) / MIB, 16)


def start(site: Site, rounds: int) -> None:
    times = []
    for _ in range(2 * rounds):
        began = time.monotonic()
        entrepot = site.entrepot("http://192.0.2.1")  # an address without a server
        assert client.get(entrepot.port, "/v2/").status == 200
        times.append(time.monotonic() - began)
        site.close(entrepot)
    print(f"  start to first answer, empty cache, no network: {spread(times, 1e3, 0)} ms")
    bar("start, ms", statistics.median(times) * 1e3, 200)


SUITES = {"start": start, "herd": herd, "small-miss": small_miss, "hits": hits,
          "bulk-hit": bulk_hit, "bulk-miss": bulk_miss, "memory": memory}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--earlier", metavar="BINARY",
                        help="another build of entrepot, compared in the suite hits")
    run_suites(__doc__, SUITES, parser=parser)


if __name__ == "__main__":
    main()
