#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A node's mirror before the site's, which is before the registry, against the bars for such
chains.

    tests/bench/chain.py [suite…]

Suites: chain; all of them without arguments. Leaves nothing running. Ends with 1 when a bar was missed.
"""

from __future__ import annotations

import statistics
import time

from harness import MIB, NAME, Site, bar, run_suites, spread
from support import client, content
from support.entrepot import Entrepot
from support.gate import eventually
from support.upstream import ScriptedUpstream
from support.wire import Line

COLD = 100  # small blobs for the first byte


def target_of(blob) -> str:
    return f"/v2/{NAME}/blobs/{blob.digest}"


class Chain:
    """upstream <- on-prem <- node, with empty caches and the limits of every installation."""

    def __init__(self, site: Site):
        self._site = site
        self.upstream = site.keep(ScriptedUpstream())
        self.onprem = site.entrepot(self.upstream.url)
        self.node = site.entrepot({"endpoints": [{"url": f"http://{self.onprem.address}",
                                                  "ns": True}]})
        client.get(self.node.port, "/v2/")

    def close(self) -> None:
        for each in (self.node, self.onprem, self.upstream):
            self._site.close(each)


def asked(entrepot: Entrepot) -> float:
    """A request is counted after its reply, a moment after it was received."""
    def count() -> float:
        return entrepot.metrics().sum("requests_total", kind="blob")
    eventually(count, what="a request counted")
    return count()


def together(site: Site, size: int, most_gets: int, most_bytes: float) -> None:
    """A blob that arrives within three seconds comes over one connection. For a longer one the
    on-prem mirror tries whether two connections are faster, which they are not; the node requests
    the blob once."""
    chain = Chain(site)
    chain.upstream.line = Line(20 * MIB)
    blob = chain.upstream.add_blob(NAME, content.blob(size, seed=1))
    answers = [download.finish() for download in
               client.download_together(chain.node.port, [target_of(blob)] * 30)]
    assert all(answer.complete and answer.sha256 == blob.digest for answer in answers)
    gets, from_node = chain.upstream.count("blob", "GET"), asked(chain.onprem)
    brought = chain.upstream.body_bytes() / blob.size
    print(f"  30 clients, one cold blob of {size // MIB} MiB at 20 MiB/s, all right: {gets} GET at "
          f"the upstream, {from_node:.0f} at the on-prem mirror, {brought:.3f} × its bytes; last "
          f"done after {max(answer.done_after for answer in answers):.2f} s of "
          f"{size / MIB / 20:.1f} s")
    bar("GETs at the upstream", gets, most_gets)
    bar("GETs at the on-prem mirror", from_node, 1)
    bar("upstream bytes to size", brought, most_bytes)
    chain.close()


def first_byte(site: Site) -> None:
    chain = Chain(site)
    blobs = [chain.upstream.add_blob(NAME, content.blob(4096, seed=n)) for n in range(COLD)]
    direct, through = [], []
    with client.Connection(chain.upstream.port) as near, client.Connection(chain.node.port) as far:
        for blob in blobs:
            for connection, times in ((near, direct), (far, through)):
                began = time.monotonic()
                connection.send_request("GET", target_of(blob))
                answer = connection.read_response()
                assert answer.body == blob.data
                times.append(time.monotonic() - began)  # it comes in one piece
    added = statistics.median(through) - statistics.median(direct)
    print(f"  first byte of a cold 4 KiB blob: direct {spread(direct, 1e3)} ms, through the chain "
          f"{spread(through, 1e3)} ms")
    bar("added to the first byte, ms", added * 1e3, 2)
    chain.close()


def piece(site: Site) -> None:
    chain = Chain(site)
    blob = chain.upstream.add_blob(NAME, content.blob(64 * MIB, seed=2))
    answer = client.get(chain.node.port, target_of(blob),
                        headers=[("Range", "bytes=1000000-1000099")])
    assert answer.status == 206 and answer.body == blob.data[1000000:1000100], answer
    # The mirrors fetch the rest of the pieces without a client: both are at rest when it is stored.
    for each in (chain.node, chain.onprem):
        eventually(lambda each=each: each.metrics().sum("flights") == 0, what="no flights")
    brought = chain.upstream.body_bytes() / MIB
    print(f"  bytes=1000000-1000099 of a cold 64 MiB blob: {answer.done_after * 1e3:.1f} ms, "
          f"{brought:.2f} MiB from the upstream")
    bar("MiB from the upstream", brought, 2)
    chain.close()


def chain_suite(site: Site, _rounds: int) -> None:
    together(site, 64 * MIB, 1, 1.01)
    together(site, 256 * MIB, 4, 1.05)
    first_byte(site)
    piece(site)


SUITES = {"chain": chain_suite}

if __name__ == "__main__":
    run_suites(__doc__, SUITES)
