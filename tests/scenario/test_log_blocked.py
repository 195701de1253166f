# SPDX-License-Identifier: Apache-2.0
"""The reader of the log stands still, or the disk for it is full: responses do not wait, and each
dropped line is counted."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess

import pytest

from support import client, content, ports
from support.checks import REPOSITORY, assert_hit, assert_whole, blob_target, manifest_target
from support.daemon import DIES_WITH_THE_TEST
from support.entrepot import binary, environment
from support.gate import DEADLINE, eventually
from support.metrics import Samples

# The queue of the log holds 8192 lines, the pipe some hundreds.
REQUESTS = 12_000
AT_ONCE = 100


@contextlib.contextmanager
def unread(log):
    """The reader of the log stops at its next line, and the pipe fills up."""
    with log._condition:
        yield


def ask(connection: client.Connection, count: int) -> None:
    """Sends pings in batches, each of which writes a line to the log. A response that waited for the reader
    would never come."""
    for _ in range(count // AT_ONCE):
        connection.send(b"GET /v2/ HTTP/1.1\r\nHost: a\r\n\r\n" * AT_ONCE)
        for _ in range(AT_ONCE):
            assert connection.read_response().status == 200


@pytest.fixture
def image(upstream):
    return upstream.add_image(REPOSITORY, content.image(), "latest")


def pull(entrepot, image) -> None:
    assert_whole(entrepot.get(manifest_target("latest")), image.manifest)
    for blob in image.blobs:
        assert_whole(entrepot.get(blob_target(blob)), blob)


def test_without_a_reader_responses_do_not_wait(start, image):
    entrepot = start()
    pull(entrepot, image)
    assert entrepot.metrics().sum("log_dropped_total") == 0
    with unread(entrepot.log), entrepot.connect() as connection:
        ask(connection, REQUESTS)
        pull(entrepot, image)
        assert entrepot.admin("/healthz").status == 200
        dropped = eventually(lambda: entrepot.metrics().sum("log_dropped_total"), what="a count")
    print(f"{dropped:.0f} of {REQUESTS} lines dropped")
    # The queued lines arrive, and so do new ones.
    entrepot.get("/v2/nothing/of/this/kind")
    entrepot.log.wait_for("nothing/of/this/kind")
    written = sum('"GET /v2/"' in line for line in entrepot.log.lines)
    assert written + entrepot.metrics().sum("log_dropped_total") >= REQUESTS
    assert entrepot.metrics().sum("log_dropped_total") < REQUESTS


def test_without_a_reader_the_process_stops_in_time(start, image):
    """The process ends in time and with exit code 0, whatever is left in the queue."""
    entrepot = start()
    with unread(entrepot.log), entrepot.connect() as connection:
        ask(connection, REQUESTS)
        connection.close()
        os.kill(entrepot.pid, 15)
        assert entrepot.wait_exit() == 0


def test_no_room_for_the_log(prepare, image):
    """Each write fails, as on a full disk."""
    port, admin_port = ports.keep(), ports.keep()
    entrepot = prepare(listen=[{"address": f"127.0.0.1:{port}"}],
                       admin={"address": f"127.0.0.1:{admin_port}"})
    entrepot.config_path.write_text(json.dumps(entrepot.config))
    with open("/dev/full", "wb") as full:
        process = subprocess.Popen(
            [*DIES_WITH_THE_TEST, binary(), "serve", "--config", str(entrepot.config_path)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=full, env=environment())
    try:
        entrepot.port, entrepot.admin_port = port, admin_port
        eventually(lambda: process.poll() is not None or _listens(port), what="a listener")
        pull(entrepot, image)
        assert_hit(entrepot.get(blob_target(image.layers[0])), image.layers[0])
        with entrepot.connect() as connection:
            ask(connection, 1000)
        samples = eventually(lambda: _enough(admin_port), what="every line counted")
        print(f"{samples:.0f} lines dropped")
        process.terminate()
        assert process.wait(DEADLINE) == 0
    finally:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    try:
        client.Connection(port).close()
    except ConnectionRefusedError:
        return False
    return True


def _enough(port: int) -> float:
    text = client.get(port, "/metrics").body.decode()
    dropped = Samples(text).sum("log_dropped_total")
    return dropped if dropped >= 1000 else 0
