# SPDX-License-Identifier: Apache-2.0
"""Names that can no longer be resolved, and names with dead addresses."""

from __future__ import annotations

import itertools
import re

import pytest

from support import content
from support.checks import REPOSITORY, assert_error, assert_hit, assert_whole, blob_target
from support.daemon import Daemon
from support.gate import DEADLINE, eventually
from support.names import DeafNameServer, Names
from support.silence import Silence, silences

NAME = "registry.test"


@pytest.fixture
def names(tmp_path, monkeypatch):
    """The name service of the mirrors that the test starts."""
    names = Names(tmp_path)
    monkeypatch.setenv("ENTREPOT_BINARY", str(names.wrapper))
    return names


@pytest.fixture
def hosts(names):
    """The /etc/hosts of the mirrors; no name server answers them."""
    names.hosts.write_text(f"127.0.0.1 {NAME}\n")
    return names.hosts


def test_the_last_address_serves_while_the_name_service_is_down(start, upstream, hosts):
    blobs = (upstream.add_blob(REPOSITORY, content.blob(1 << 10, seed=n))
             for n in itertools.count())
    entrepot = start({"docker.io": {"endpoint": f"http://{NAME}:{upstream.port}"}})
    blob = next(blobs)
    assert_whole(entrepot.get(blob_target(blob)), blob)
    hosts.write_text("")

    def is_missed() -> bool:
        """A blob over a new connection is served, whether the name is still cached or not."""
        upstream.cut_connections()
        blob = next(blobs)
        assert_whole(entrepot.get(blob_target(blob)), blob)
        return bool(entrepot.log.search(f"the name of {NAME}:{upstream.port} cannot be resolved"))
    eventually(is_missed, timeout=2 * DEADLINE, what="a name that had to be resolved again")
    entrepot.restart()
    assert_error(entrepot.get(blob_target(next(blobs))), 503)
    hosts.write_text(f"127.0.0.1 {NAME}\n")

    def is_back() -> bool:
        return entrepot.get(blob_target(blob)).status == 200
    eventually(is_back, what="the name")


def of_other(blob) -> str:
    return blob_target(blob) + "?ns=other"


def test_only_requests_that_need_a_name_wait_for_it(start, upstream, names):
    """A name server that is silent for minutes delays neither hits nor requests to other
    registries, nor the end of the process; a request that needs the name fails after the connect
    timeout."""
    names.hosts.write_text("127.0.0.1 other.test\n")
    server = DeafNameServer()
    names.ask(server.host, timeout=30, attempts=5)
    stored, wanted, *others = (upstream.add_blob(REPOSITORY, content.blob(1 << 10, seed=n))
                               for n in range(4))
    entrepot = start({"docker.io": {"endpoint": f"http://{NAME}:{upstream.port}"},
                      "other": {"endpoint": f"http://other.test:{upstream.port}"}})
    assert_whole(entrepot.get(of_other(stored)), stored)
    waiting = entrepot.download(blob_target(wanted), keep=True)
    assert server.asked.wait(DEADLINE)
    assert_whole(entrepot.get(of_other(others[0])), others[0])
    assert waiting.is_alive(), "the name was resolved"
    for number in range(100):
        assert_hit(entrepot.get(of_other(stored)), stored)
        # A busy machine may need longer for all of them than the connect timeout is.
        assert waiting.is_alive() or number >= 10, "hits wait for the name"
    assert_error(waiting.finish(), 503)
    assert_whole(entrepot.get(of_other(others[1])), others[1])
    entrepot.terminate()
    server.close()


V4 = [f"127.0.0.{n}" for n in range(5)]


@pytest.mark.parametrize("dead", [V4[1:2], V4[1:3], [V4[1], V4[2], V4[4]], ["::1"]])
def test_a_dead_address_is_not_dialled_each_time(start, make_upstream, hosts, dead):
    """One address of the host answers; the others drop all packets. Once they are known, a new connection takes
    much less time than a connect that ends with its timeout."""
    upstream = make_upstream(host=V4[3])
    dropping = [*silences(dead, upstream.port), Silence()]
    blobs = [upstream.add_blob(REPOSITORY, content.blob(1 << 10, seed=n)) for n in range(10)]
    hosts.write_text("".join(f"{address} {NAME}\n" for address in sorted((*dead, V4[3]))))
    entrepot = start({"docker.io": {"endpoint": f"http://{NAME}:{upstream.port}"},
                      "other": {"endpoint": dropping[-1].url}}, timeouts={"connect": "8s"})
    tracer = Daemon("strace", "-f", "-p", str(entrepot.pid), "-e", "trace=connect")
    tracer.log.wait_for("attached")
    for number, blob in enumerate(blobs):
        assert_whole(entrepot.get(blob_target(blob)), blob)
        upstream.cut_connections()
        if number == 0:
            waiting = entrepot.download(of_other(blob))
            waiting.wait_sent()
    assert waiting.is_alive(), "each connection took a part of the timeout"
    waiting.leave()
    tracer.stop()
    tracer.log.wait_for("detached")
    for silence in dropping:
        silence.close()
    # The connects of the resolver, which only finds the local address, are no EINPROGRESS.
    dialled = re.findall(rf'htons\({upstream.port}\).*?"([0-9.:]+)".*EINPROGRESS', tracer.log.text)
    assert dialled[0] == dead[0] and dialled.count(dead[0]) == 1
    assert dialled[1 - len(blobs):] == [V4[3]] * (len(blobs) - 1)
