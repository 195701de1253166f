# SPDX-License-Identifier: Apache-2.0
"""Names that cannot be resolved any more, and those with dead addresses (U18, U19)."""

from __future__ import annotations

import itertools
import re

import pytest

from support import content
from support.checks import REPOSITORY, assert_error, assert_whole, blob_target
from support.daemon import Daemon
from support.entrepot import binary
from support.gate import DEADLINE, eventually
from support.silence import Silence

NAME = "registry.test"
# In a mount namespace of its own, where the files that names come from are the test's.
WRAPPER = """#!/bin/sh
exec unshare --mount --propagation private sh -c '
  mount --bind {hosts} /etc/hosts && mount --bind {resolver} /etc/resolv.conf && exec {binary} "$@"
' sh "$@"
"""


@pytest.fixture
def hosts(tmp_path, monkeypatch):
    """The /etc/hosts of the mirrors that are started; no name server answers them."""
    hosts, resolver, wrapper = (tmp_path / name for name in ("hosts", "resolv.conf", "entrepot"))
    hosts.write_text(f"127.0.0.1 {NAME}\n")
    resolver.write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    wrapper.write_text(WRAPPER.format(hosts=hosts, resolver=resolver, binary=binary()))
    wrapper.chmod(0o755)
    monkeypatch.setenv("ENTREPOT_BINARY", str(wrapper))
    return hosts


def test_the_last_address_serves_where_the_name_service_is_down(start, upstream, hosts):
    blobs = (upstream.add_blob(REPOSITORY, content.blob(1 << 10, seed=n))
             for n in itertools.count())
    entrepot = start({"docker.io": {"endpoint": f"http://{NAME}:{upstream.port}"}})
    blob = next(blobs)
    assert_whole(entrepot.get(blob_target(blob)), blob)
    hosts.write_text("")

    def is_missed() -> bool:
        """A blob over a new connection is there, whether the name is still remembered or not."""
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


@pytest.mark.parametrize("dead", [(1,), (1, 2), (1, 2, 4)])
def test_u19_a_dead_address_is_not_dialled_each_time(start, make_upstream, hosts, dead):
    """Of each name of a host one address answers; the others drop what comes."""
    upstream = make_upstream(host="127.0.0.3")
    blobs = [upstream.add_blob(REPOSITORY, content.blob(1 << 10, seed=n)) for n in range(10)]
    hosts.write_text("".join(f"127.0.0.{n} {NAME}\n" for n in sorted((*dead, 3))))
    silences = [Silence(f"127.0.0.{n}", upstream.port) for n in dead]
    entrepot = start({"docker.io": {"endpoint": f"http://{NAME}:{upstream.port}"}},
                     timeouts={"connect": "4s"})
    tracer = Daemon("strace", "-f", "-p", str(entrepot.pid), "-e", "trace=connect")
    tracer.log.wait_for("attached")
    for blob in blobs:
        assert_whole(entrepot.get(blob_target(blob)), blob)
        upstream.cut_connections()
    tracer.stop()
    tracer.log.wait_for("detached")
    for silence in silences:
        silence.close()
    # Those of the resolver, which only looks for the way there, are no EINPROGRESS.
    dialled = re.findall(rf'htons\({upstream.port}\), sin_addr=inet_addr\("(.+?)"\).*EINPROGRESS',
                         tracer.log.text)
    assert dialled[0] == "127.0.0.1" and dialled.count("127.0.0.1") == 1
    assert dialled[1 - len(blobs):] == ["127.0.0.3"] * (len(blobs) - 1)
