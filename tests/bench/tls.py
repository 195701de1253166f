#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""HTTPS beside nginx's proxy_cache with the same certificate (ECDSA P-256), and against its bars.

    tests/bench/tls.py [--rounds N] [suite…]

Suites: hits, bulk, handshakes, idle; all of them without arguments. Both sides run in turns within
one call. TLS 1.3 with AES-128-GCM unless a line says otherwise. Leaves nothing running. Ends with 1
when a bar was missed.
"""

from __future__ import annotations

import re
import resource
import socket
import ssl
import subprocess
import time
from pathlib import Path

from harness import (OCI_MANIFEST, Site, bar, large_file, ratio, run_suites, small_objects, spread)
from nginx import Nginx, cpu_seconds
from support import https
from support.tls import Authority

OURS, NGINX = "entrepot", "nginx"
LIMITS = {"connections": 30000, "connections_per_client": 30000}


class Sides:
    """Entrepot and nginx with one certificate, and what they cost in each round."""

    def __init__(self, site: Site, origin: Nginx):
        authority = Authority(site.directory / "ca")
        files = authority.leaf(key_type="ec")
        self.authority = authority.certificate
        self.context = https.trusting(self.authority)
        peer = site.keep(Nginx.cache(site.directory / "peer", f"127.0.0.1:{origin.port}",
                                     connections=16384, tls=files))
        entrepot = site.entrepot(f"http://127.0.0.1:{origin.port}", limits=LIMITS, listen=[
            {"address": "127.0.0.1:0", "tls": {"certificates": [
                {"certificate": str(files[0]), "key": str(files[1])}]}}])
        self.ports = {OURS: entrepot.port, NGINX: peer.port}
        self.pids = {OURS: [entrepot.pid], NGINX: peer.pids}
        self.forget()

    def forget(self) -> None:
        self.rates: dict[str, list[float]] = {OURS: [], NGINX: []}
        self.costs: dict[str, list[float]] = {OURS: [], NGINX: []}

    def rounds(self, rounds: int, work) -> None:
        """`work` takes a port and returns units of work per second and their number."""
        for number in range(rounds):
            for name in ((OURS, NGINX), (NGINX, OURS))[number % 2]:
                before = cpu_seconds(self.pids[name])
                rate, count = work(self.ports[name])
                self.rates[name].append(rate)
                self.costs[name].append((cpu_seconds(self.pids[name]) - before) / count)

    def report(self, what: str, unit: str, scale: float, least_rate: float,
               most_cpu: float | None) -> None:
        rate, cost = (ratio(of[OURS], of[NGINX]) for of in (self.rates, self.costs))
        print(f"  {what}: {spread(self.rates[OURS], scale)} {unit} to nginx's "
              f"{spread(self.rates[NGINX], scale)}; CPU {spread(self.costs[OURS], 1e6, 1)} µs to "
              f"{spread(self.costs[NGINX], 1e6, 1)}, ratio {cost:.2f}")
        bar(f"{what}: rate to nginx's", rate, least_rate, at_least=True)
        if most_cpu is not None:
            bar(f"{what}: CPU to nginx's", cost, most_cpu)


def hits(site: Site, rounds: int) -> None:
    origin, targets = small_objects(site)
    target = targets["4 KiB blob"]
    sides = Sides(site, origin)

    def wrk(port: int) -> tuple[float, float]:
        done = subprocess.run(["wrk", "-t1", "-c64", "-d2s", "-H", f"Accept: {OCI_MANIFEST}",
                               f"https://127.0.0.1:{port}{target}"],
                              capture_output=True, text=True, check=True)
        assert "Non-2xx" not in done.stdout, done.stdout
        rate = float(re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)[1])
        return rate, 2 * rate
    for port in sides.ports.values():
        assert https.get(port, target, sides.context).status == 200
        wrk(port)
    sides.rounds(4 * rounds, wrk)
    sides.report("hits of 4 KiB", "k/s", 1e-3, 1.15, 0.85)


def bulk(site: Site, rounds: int) -> None:
    origin, target = large_file(site)
    sides = Sides(site, origin)

    def curl(port: int) -> tuple[float, float]:
        done = subprocess.run(["curl", "-sS", "-f", "-m", "120", "--cacert", sides.authority,
                               "-o", "/dev/null", "-w", "%{time_total}",
                               f"https://127.0.0.1:{port}{target}"],
                              capture_output=True, text=True, check=True)
        return 1024 / float(done.stdout), 1024
    for port in sides.ports.values():
        curl(port)
    time.sleep(3)  # the writeback of stored bytes is no part of a hit
    sides.rounds(4 * rounds, curl)
    sides.report("1 GiB hit", "MiB/s", 1, 1.0, 1.0)


def handshakes(site: Site, rounds: int) -> None:
    origin, _ = small_objects(site)
    sides = Sides(site, origin)
    for what, words in {"full, TLS 1.3": ["-new", "-tls1_3"], "full, TLS 1.2": ["-new", "-tls1_2"],
                        "resumed, TLS 1.2": ["-reuse", "-tls1_2"]}.items():
        def shake(port: int, words=tuple(words)) -> tuple[float, float]:
            done = subprocess.run(["openssl", "s_time", "-connect", f"127.0.0.1:{port}", *words,
                                   "-time", "3"], capture_output=True, text=True, check=True)
            count = int(re.findall(r"(\d+) connections in \d+ real seconds", done.stdout)[-1])
            return count / 3, count
        sides.forget()
        sides.rounds(2 * rounds, shake)
        sides.report(f"handshakes, {what}", "/s", 1, 1.0, 1.0)


def private(pid: int) -> int:
    """Private memory of a process in bytes."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(kib) for kib in re.findall(r"Private_\w+:\s+(\d+) kB", text)) * 1024


def idle(site: Site, _rounds: int) -> None:
    count = 10000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    origin, targets = small_objects(site)
    sides = Sides(site, origin)
    each = {}
    for name, port in sides.ports.items():
        assert https.get(port, targets["4 KiB blob"], sides.context).status == 200
        before = sum(private(pid) for pid in sides.pids[name])
        connections = [sides.context.wrap_socket(socket.create_connection(("127.0.0.1", port)),
                                                 server_hostname="localhost")
                       for _ in range(count)]
        for connection in connections[::100]:  # they work
            connection.sendall(b"GET /v2/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        time.sleep(2)
        each[name] = (sum(private(pid) for pid in sides.pids[name]) - before) / count
        for connection in connections:
            connection.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    print(f"  10 000 idle connections: {each[OURS] / 1024:.1f} KiB each to nginx's "
          f"{each[NGINX] / 1024:.1f}")
    bar("memory of an idle connection to nginx's", each[OURS] / each[NGINX], 1.0)


SUITES = {"hits": hits, "bulk": bulk, "handshakes": handshakes, "idle": idle}


if __name__ == "__main__":
    assert ssl.HAS_TLSv1_3
    run_suites(__doc__, SUITES)
