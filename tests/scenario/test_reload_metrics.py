# SPDX-License-Identifier: Apache-2.0
"""The series of endpoints follow the configuration at SIGHUP."""

from __future__ import annotations

import json
import os
import signal
import threading

import pytest

from support import content, faults
from support.checks import REPOSITORY, assert_whole, blob_target, manifest_target
from support.gate import Gate, eventually
from support.reload import reload

KIB, MIB = content.KIB, content.MIB
NAME = "docker.io"
# 1000: minutes. The memory of a process settles within the short form as well.
RELOADS = int(os.environ.get("ENTREPOT_RELOADS", "60"))
GUESTS = 7  # upstreams that come and go


@pytest.fixture
def other(make_upstream):
    return make_upstream()


def point_to(entrepot, *upstreams) -> None:
    entrepot.config["upstreams"][NAME]["endpoints"] = [{"url": one.url} for one in upstreams]


def endpoints(entrepot) -> set[str]:
    """The values of the label `endpoint` in all series."""
    return {labels["endpoint"] for _, labels, _ in entrepot.metrics().samples
            if "endpoint" in labels}


def up(entrepot) -> dict[str, float]:
    return {labels["endpoint"]: value
            for labels, value in entrepot.metrics().named("endpoint_up", upstream=NAME)}


def toggle_guest(entrepot, number: int, upstream) -> None:
    """An upstream comes, or goes, or the access of another one changes."""
    upstreams = entrepot.config["upstreams"]
    name = f"guest{number % GUESTS}.example"
    if upstreams.pop(name, None) is None:
        upstreams[name] = {"endpoints": [{"url": upstream.url}], "tags": {"fresh_for": "0s"}}
    other = upstreams.get(f"guest{number * 3 % GUESTS}.example")
    if other:
        other["access"] = "restricted" if number % 2 else "public"


def ask(entrepot, number: int) -> int:
    """A request that no stored object answers."""
    return entrepot.get(manifest_target(f"missing-{number}")).status


def lose(entrepot, upstream) -> None:
    upstream.go_down()
    eventually(lambda: [ask(entrepot, number) for number in range(3)] and
               up(entrepot)[upstream.address] == 0, what="it is down")


def test_a_new_endpoint_has_series_of_its_own(start, upstream, other):
    entrepot = start()
    assert ask(entrepot, 1) == 404
    assert endpoints(entrepot) == {upstream.address}
    point_to(entrepot, other)
    reload(entrepot)
    eventually(lambda: endpoints(entrepot) == {other.address}, what="the series have changed")
    assert entrepot.metrics().sum("upstream_requests_total", upstream=NAME) == 0, "from zero"
    assert ask(entrepot, 2) == 404
    assert entrepot.metrics().sum("upstream_requests_total", endpoint=other.address) > 0
    assert endpoints(entrepot) == {other.address}


def test_an_endpoint_that_stays_keeps_its_counters(start, upstream, other):
    entrepot = start()
    assert ask(entrepot, 1) == 404
    asked = entrepot.metrics().sum("upstream_requests_total", endpoint=upstream.address)
    point_to(entrepot, upstream, other)
    reload(entrepot)
    eventually(lambda: endpoints(entrepot) == {upstream.address, other.address}, what="both")
    assert entrepot.metrics().sum("upstream_requests_total", endpoint=upstream.address) == asked


def test_the_only_endpoint_down_is_seen_whichever_came_last(start, upstream, other):
    """EntrepotUpstreamDown needs every series of endpoint_up at 0."""
    entrepot = start()
    point_to(entrepot, other)
    reload(entrepot)
    lose(entrepot, other)
    assert up(entrepot) == {other.address: 0}
    failures = entrepot.metrics().sum("endpoint_failures_total", endpoint=other.address,
                                      reason="connect")
    assert failures > 0
    point_to(entrepot, upstream)
    reload(entrepot)
    eventually(lambda: up(entrepot) == {upstream.address: 1}, what="the dead one is gone")


def test_a_refused_reload_changes_no_series(start, upstream, other):
    entrepot = start()
    lose(entrepot, upstream)
    point_to(entrepot, upstream, other)
    entrepot.config["listen"].append({"address": other.address})  # it is in use
    reload(entrepot, r"error .*SIGHUP")
    assert up(entrepot) == {upstream.address: 0}, "it is still down"


def test_a_transfer_of_a_removed_endpoint_is_no_ghost(start, upstream, other):
    entrepot = start()
    gate = Gate()
    blob = upstream.add_blob(REPOSITORY, content.blob(4 * MIB, seed=1))
    upstream.script(faults.hold_at(MIB, gate), kind="blob", method="GET")
    download = entrepot.download(blob_target(blob))
    download.wait_received(MIB - 300 * KIB)
    point_to(entrepot, other)
    reload(entrepot)
    eventually(lambda: endpoints(entrepot) == {other.address}, what="the series have changed")
    gate.open()
    assert_whole(download.finish(), blob)
    assert endpoints(entrepot) == {other.address}
    eventually(lambda: entrepot.metrics().sum("transfers") == 0, what="no transfer is left")


def test_a_storm_of_reloads(start, upstream, make_upstream):
    """Endpoints change, and upstreams come, go and change their access while clients pull: no request
    fails but those to an upstream that is not there, no series is left behind, and memory stays as it
    was."""
    servers = [upstream, make_upstream(), make_upstream()]
    blobs = [content.blob(200 * KIB, seed=100 + number) for number in range(40)]
    for server in servers:
        for blob in blobs:
            server.add_blob(REPOSITORY, blob)
        server.add_image(REPOSITORY, content.image((KIB,)), "latest")
    entrepot = start({NAME: {"endpoint": upstream, "tags": {"fresh_for": "0s"}}})
    ended = threading.Event()
    statuses: list[int] = []
    of_guests: list[tuple[int, str | None]] = []

    def pull(first: int) -> None:
        number = first
        while not ended.is_set():
            statuses.append(entrepot.get(manifest_target("latest")).status)
            statuses.append(entrepot.get(blob_target(blobs[number % len(blobs)])).status)
            guest = entrepot.get(manifest_target("latest") + f"?ns=guest{number % GUESTS}.example")
            of_guests.append((guest.status, guest.code if guest.status != 200 else None))
            number += 1
    clients = [threading.Thread(target=pull, args=(10 * number,)) for number in range(3)]
    for client in clients:
        client.start()
    try:
        memory = 0
        for number in range(RELOADS):
            point_to(entrepot, *[servers[(number + k) % 3] for k in range(1 + number % 3)])
            toggle_guest(entrepot, number, servers[number % 3])
            entrepot.config_path.write_text(json.dumps(entrepot.config))
            done = entrepot.metrics().sum("reloads_total", result="done")
            os.kill(entrepot.pid, signal.SIGHUP)
            eventually(lambda: entrepot.metrics().sum("reloads_total", result="done") > done,
                       what="the reload is done")
            if number == RELOADS // 3:
                memory = entrepot.memory()["RssAnon"]
    finally:
        ended.set()
        for client in clients:
            client.join()
    assert set(statuses) == {200}, {status: statuses.count(status) for status in set(statuses)}
    assert set(of_guests) == {(200, None), (404, "NAME_UNKNOWN")}
    point_to(entrepot, upstream)
    entrepot.config["upstreams"] = {NAME: entrepot.config["upstreams"][NAME]}
    reload(entrepot)
    eventually(lambda: endpoints(entrepot) == {upstream.address}, what="no ghost")
    upstreams = {labels["upstream"] for _, labels, _ in entrepot.metrics().samples
                 if "upstream" in labels}
    assert upstreams == {NAME, "none"}
    assert entrepot.metrics().sum("reloads_total", result="refused") == 0
    if not os.environ.get("ENTREPOT_SANITIZE"):  # those keep freed memory
        assert entrepot.memory()["RssAnon"] < memory + 24 * MIB
