#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Hits with logins and access rules beside an earlier build that has none.

    tests/bench/access.py --earlier BINARY [--rounds N]

Three mirrors in turns within one call: the earlier build; this build with networks, logins and 20
rules, of which the last one lets the client in; and the same with a login in each request. The ratio
is the median of the rounds' ratios. Leaves nothing running. Ends with 1 when a bar is missed.
"""

from __future__ import annotations

import argparse

from harness import Site, bar, ratio, run_suites, small_objects, spread, wrk
from nginx import cpu_seconds
from support import client, logins

EARLIER, RULES, LOGIN = "earlier build", "rules", "rules and a login"
LEAST = {RULES: 0.97, LOGIN: 0.9}
USER, PASSWORD = "node-17", "wonderland"


def guarded(site: Site) -> dict:
    """Keys of a configuration with 20 rules."""
    users = logins.write_users(site.directory / "users", {USER: PASSWORD})
    rules = [{"who": [f"user:team-{n}-*", f"net:10.{n}.0.0/16"],
              "repositories": [f"docker.io/team-{n}/*"]} for n in range(18)]
    rules += [{"who": ["group:build"], "repositories": ["docker.io/*/base"]},
              {"who": ["login", "anonymous"], "repositories": ["docker.io/library/*"]}]
    return {"listen": [{"address": "127.0.0.1:0", "networks": ["127.0.0.0/8"],
                        "auth": {"htpasswd": str(users)}}],
            "access": rules, "groups": {"build": ["ci"]}}


def hits(site: Site, rounds: int) -> None:
    origin, targets = small_objects(site)
    login = [f"{name}: {value}" for name, value in logins.basic(USER, PASSWORD).items()]
    headers = {EARLIER: [], RULES: [], LOGIN: login}
    for what, target in targets.items():
        rates: dict[str, list[float]] = {side: [] for side in headers}
        costs: dict[str, list[float]] = {side: [] for side in headers}
        for _ in range(rounds):
            upstream = f"http://127.0.0.1:{origin.port}"
            running = {EARLIER: site.entrepot(upstream, site.earlier),
                       RULES: site.entrepot(upstream, **guarded(site)),
                       LOGIN: site.entrepot(upstream, **guarded(site))}
            for side, entrepot in running.items():
                assert client.get(entrepot.port, target).status == 200
                wrk(entrepot.port, target, 1, headers=headers[side])
            for turn in range(6):
                for side in list(running)[::-1 if turn % 2 else 1]:
                    before = cpu_seconds([running[side].pid])
                    rate = wrk(running[side].port, target, 1, headers=headers[side])
                    rates[side].append(rate)
                    costs[side].append((cpu_seconds([running[side].pid]) - before) / rate)
            for entrepot in running.values():
                site.close(entrepot)
        for side, least in LEAST.items():
            print(f"  hits, {what}, {side}: {spread(rates[side], 1e-3)} k/s to "
                  f"{spread(rates[EARLIER], 1e-3)}; CPU "
                  f"{ratio(costs[side], costs[EARLIER]):.3f} ×")
            bar(f"{what}, {side}, rate to the earlier build",
                ratio(rates[side], rates[EARLIER]), least, at_least=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--earlier", metavar="BINARY", required=True, help="another build of entrepot")
    run_suites(__doc__, {"hits": hits}, rounds=3, parser=parser)
