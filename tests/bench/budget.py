#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A registry that counts its manifests, as Docker Hub does, against the bars that hold it at bay.

    tests/bench/budget.py [suite…]

Suites: hub; all of them without arguments. Leaves nothing running. Ends with 1 when a bar was missed.
"""

from __future__ import annotations

import random
import threading
import time

from harness import NAME, Site, bar, run_suites
from support import client, content
from support.budget import Budget
from support.gate import eventually
from support.upstream import ScriptedUpstream

CLIENTS, TAGS = 500, 20
MINUTE = 3  # seconds for one of the site's; a tag is fresh for one
RETRY_AFTER = 5
ON_ITS_WAY = 0.1  # seconds in which a request may arrive that was sent before the first 429


class Pullers:
    """Clients that each pull a tag, any of them, about once a minute."""

    def __init__(self, port: int, manifests: dict[str, content.Manifest]):
        self._port, self.manifests = port, manifests
        self._ending = threading.Event()
        self.pulls: list[bool] = []  # right or not; appended to by all of them
        self.errors: list[str] = []
        self._threads = [threading.Thread(target=self._run, args=(random.Random(n),), daemon=True)
                         for n in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def _run(self, rng: random.Random) -> None:
        wait = rng.uniform(0, MINUTE)
        while not self._ending.wait(wait):
            self.pull(rng.choice(list(self.manifests)))
            wait = rng.uniform(0.5, 1.5) * MINUTE

    def pull(self, tag: str) -> None:
        try:
            answer = client.get(self._port, f"/v2/{NAME}/manifests/{tag}")
            right = answer.status == 200 and answer.body == self.manifests[tag].data
            what = f"{answer.status} {answer.body[:200]!r}"
        except Exception as error:  # no exception may end a client in silence
            right, what = False, repr(error)
        self.pulls.append(right)
        if not right:
            self.errors.append(f"{tag}: {what}")

    def end(self) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join()


def used_up_by_others(upstream: ScriptedUpstream, budget: Budget, pullers: Pullers) -> float:
    """Seconds from the first 429 to the next request of any kind."""
    budget.remaining = 0
    refused_at = eventually(lambda: budget.refused_at, what="a 429")
    while time.monotonic() < refused_at + RETRY_AFTER:
        for tag in pullers.manifests:
            pullers.pull(tag)
        time.sleep(0.25)
    later = eventually(lambda: [request.at for request in upstream.requests()
                                if request.at > refused_at + ON_ITS_WAY], what="a question again")
    return min(later) - refused_at


def hub(site: Site, _rounds: int) -> None:
    """Ten minutes of a site; then other sites have used up the budget that they share."""
    upstream = site.keep(ScriptedUpstream())
    manifests = {f"v{n}": upstream.add_manifest(NAME, content.image(seed=n).manifest, f"v{n}")
                 for n in range(TAGS)}
    budget = Budget(100, retry_after=RETRY_AFTER)
    upstream.script(budget.charge, kind="manifest")
    entrepot = site.entrepot({"endpoint": upstream,
                              "tags": {"fresh_for": f"{MINUTE}s", "stale_for": "7d"}})
    pullers = Pullers(entrepot.port, manifests)
    time.sleep(10 * MINUTE)
    pulled, counted, failed = len(pullers.pulls), budget.counted, len(pullers.errors)
    silent = used_up_by_others(upstream, budget, pullers)
    pullers.end()
    print(f"  {CLIENTS} clients, {TAGS} tags, 10 minutes at {60 / MINUTE:.0f} times the pace: "
          f"{pulled} pulls, {counted} requests counted of {budget.limit}, "
          f"{upstream.count('manifest', 'HEAD')} HEADs")
    print(f"  nothing left, Retry-After: {RETRY_AFTER}: {len(pullers.pulls) - pulled} pulls, asked "
          f"again {silent:.2f} s after the first 429")
    for error in pullers.errors[:5]:
        print(f"    {error}")
    bar("requests counted", counted, TAGS)
    bar("client errors", failed, 0)
    bar("client errors with nothing left", len(pullers.errors) - failed, 0)
    bar("silence after a 429, s", silent, RETRY_AFTER, at_least=True)


SUITES = {"hub": hub}

if __name__ == "__main__":
    run_suites(__doc__, SUITES)
