# SPDX-License-Identifier: Apache-2.0
"""Several listeners: each accepts on every serve loop, all serve the same cache, and all drain."""

import os
import signal

import pytest

from support import content, faults
from support.checks import REPOSITORY, assert_hit, assert_whole, blob_target
from support.client import Download, get
from support.entrepot import EXIT_CONFIG, run
from support.gate import Gate, eventually
from support.keeping import settled
from support.ports import listening_sockets

MIB = 1024 * 1024
TWO = [{"address": "127.0.0.1:0"}, {"address": "127.0.0.1:0"}]
LOOPS = 3


@pytest.fixture
def blob(upstream):
    return upstream.add_blob(REPOSITORY, content.blob(300_000))


@pytest.fixture
def entrepot(start, blob):
    entrepot = start(listen=TWO, threads={"serve": LOOPS})
    assert len(set(entrepot.ports)) == 2
    return entrepot


def test_each_listener_has_a_socket_on_every_serve_loop(entrepot):
    assert [listening_sockets(entrepot.pid, port) for port in entrepot.ports] == [LOOPS, LOOPS]


def test_all_listeners_serve_one_cache(entrepot, upstream, blob):
    first, second = entrepot.ports
    assert_whole(get(first, blob_target(blob)), blob)
    settled(entrepot)
    # The kernel spreads connections over the loops: so many of them reach every loop.
    for port in [first, second] * 8:
        response = get(port, blob_target(blob))
        assert_whole(response, blob)
        assert_hit(response, blob)
    assert upstream.count("blob") == 1


def test_a_drain_waits_for_the_replies_of_every_listener(start, upstream):
    blob = upstream.add_blob(REPOSITORY, content.blob(4 * MIB))
    gate = Gate()
    upstream.script(faults.hold_at(2 * MIB, gate), kind="blob", method="GET")
    entrepot = start(listen=TWO, timeouts={"drain": "20s"})
    downloads = [Download(port, blob_target(blob)) for port in entrepot.ports]
    for download in downloads:
        download.wait_received(2 * MIB)
    os.kill(entrepot.pid, signal.SIGTERM)
    for port in entrepot.ports:
        eventually(lambda port=port: listening_sockets(entrepot.pid, port) == 0, what=f"port {port} closed")
    gate.open()
    for download in downloads:
        assert_whole(download.finish(), blob)
    assert entrepot.wait_exit() == 0


def test_an_address_is_listened_on_once():
    done = run("check", "-s", 'listen=[{"address":"127.0.0.1:5000"},{"address":"127.0.0.1:5000"}]')
    assert done.returncode == EXIT_CONFIG
    assert "listen[1].address: 127.0.0.1:5000 is listened on already" in done.stderr
