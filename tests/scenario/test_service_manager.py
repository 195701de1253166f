# SPDX-License-Identifier: Apache-2.0
"""The messages of the process to the service manager that started it, and the credentials that it
gets from it (systemd's Type=notify, WatchdogSec= and LoadCredential=)."""

from __future__ import annotations

import json
import os
import signal
import socket
import time

import pytest

from support import content, faults, ports
from support import reload as reloading
from support.checks import REPOSITORY, assert_whole, blob_target, manifest_target
from support.daemon import ShortDirectory
from support.entrepot import EXIT_CONFIG, EXIT_RESTART, Entrepot
from support.gate import Gate, eventually
from support.service_manager import ServiceManager

MIB = content.MIB
# The process sends two messages in this time; long enough for a sanitizer build on a busy machine.
WATCHDOG = 1.0


@pytest.fixture
def manage():
    """Service managers; named before `start`, so that they outlive the process."""
    directory = ShortDirectory("notify")
    made: list[ServiceManager] = []

    def make(watchdog: float | None = None) -> ServiceManager:
        made.append(ServiceManager(directory.path / str(len(made)), watchdog))
        return made[-1]
    yield make
    for manager in made:
        manager.close()
    directory.remove()


def test_ready_when_it_serves(manage, start):
    manager = manage()
    entrepot = start(environ=manager.environ)
    told = manager.hear_of("READY")
    assert told["READY"] == "1"
    assert entrepot.get("/v2/").status == 200
    assert told["STATUS"] == (f"listening on 127.0.0.1:{entrepot.port}; "
                              f"admin on 127.0.0.1:{entrepot.admin_port}")
    assert manager.hear(0.2) is None, "no watchdog is configured"


def test_not_ready_when_it_cannot_serve(manage, start, prepare):
    manager = manage()
    taken = start()
    for changes, code in (({"listen": [{"address": taken.address}]}, EXIT_RESTART),
                          ({"cache": {"directory": "/dev/null"}}, EXIT_CONFIG)):
        refused = prepare(environ=manager.environ, **changes)
        with pytest.raises(AssertionError, match="no line like"):
            refused.start()
        assert refused.wait_exit() == code
        assert manager.hear(0.1) is None


def test_feeds_the_watchdog_twice_per_interval(manage, start):
    manager = manage(WATCHDOG)
    start(environ=manager.environ)
    manager.wait_silence(0.05)
    manager.hear_of("WATCHDOG")
    begun = manager.sent_at
    for _ in range(8):
        assert manager.hear_of("WATCHDOG")["WATCHDOG"] == "1"
    took = manager.sent_at - begun  # however late the test has heard them
    assert took > 5 * WATCHDOG / 2, f"8 times in {took:.2f} s is too often"


def test_another_process_is_watched(manage, start):
    manager = manage(WATCHDOG)
    start(environ={**manager.environ, "WATCHDOG_PID": "1"})
    manager.hear_of("READY")
    assert manager.hear(WATCHDOG) is None


def test_a_blocked_loop_ends_the_feeding_of_the_watchdog(manage, start, upstream, failing):
    """The fetch loop hangs in a write. Stored objects are still served."""
    manager = manage(WATCHDOG)
    image = upstream.add_image(REPOSITORY, content.image((MIB,)), "latest")
    blob = upstream.add_blob(REPOSITORY, content.blob(4 * MIB, seed=1))
    entrepot = start(environ=manager.environ)
    assert_whole(entrepot.get(manifest_target("latest")), image.manifest)
    eventually(lambda: entrepot.metrics().sum("flights") == 0, what="no flights")
    tracer = failing(entrepot, "pwrite64", "delay_enter=120s")
    download = entrepot.download(blob_target(blob))
    entrepot.log.wait_for(r"held for \d+ ms: fetch-0; the service manager restarts")
    manager.wait_silence(1.5 * WATCHDOG)
    assert_whole(entrepot.get(manifest_target("latest")), image.manifest)
    tracer.stop()
    manager.hear_of("WATCHDOG")
    assert download.finish().sha256 == blob.digest


def test_feeds_the_watchdog_while_it_drains(manage, start, upstream):
    manager = manage(WATCHDOG)
    blob = upstream.add_blob(REPOSITORY, content.blob(4 * MIB, seed=2))
    gate = Gate()
    upstream.script(faults.hold_at(MIB, gate), kind="blob")
    entrepot = start(environ=manager.environ, timeouts={"drain": "60s"})
    download = entrepot.download(blob_target(blob))
    download.wait_received(1)
    os.kill(entrepot.pid, signal.SIGTERM)
    assert manager.hear_of("STOPPING") == {"STOPPING": "1", "STATUS": "draining"}
    for _ in range(2):
        manager.hear_of("WATCHDOG")
    gate.open()
    assert download.finish().sha256 == blob.digest
    assert entrepot.wait_exit() == 0
    manager.wait_silence(0.2)


def reload(entrepot: Entrepot, manager: ServiceManager, text: str) -> str:
    """The status after SIGHUP."""
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    entrepot.config_path.write_text(text)
    os.kill(entrepot.pid, signal.SIGHUP)
    began = manager.hear_of("RELOADING")
    assert began["RELOADING"] == "1" and int(began["MONOTONIC_USEC"]) >= before
    return manager.hear_of("READY")["STATUS"]


def test_reports_a_reload(manage, start):
    manager = manage()
    entrepot = start(environ=manager.environ)
    status = manager.hear_of("READY")["STATUS"]
    assert reload(entrepot, manager, "{ nonsense") == (
        f"{status}; the last SIGHUP was refused, see the log")
    assert reload(entrepot, manager, json.dumps(entrepot.config)) == status


def test_reads_a_password_from_a_credential(start, upstream, tmp_path):
    """LoadCredential=credentials:/etc/entrepot/credentials, whose folder has a file `hub`."""
    image = upstream.add_image(REPOSITORY, content.image((1000,)), "latest")
    upstream.role.require_basic({"robot": "s3cret"})
    (tmp_path / "credentials_hub").write_text("s3cret\n")
    (tmp_path / "credentials_hub").chmod(0o400)
    account = {"username": "robot", "password_file": "credentials/hub"}
    entrepot = start({"docker.io": {"endpoint": upstream, "credentials": [account]}},
                     environ={"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert_whole(entrepot.get(manifest_target("latest")), image.manifest)


def stored_by(manager: ServiceManager) -> list[int]:
    manager.hear_of("FDSTORE")
    return manager.stored


def test_the_manager_keeps_the_ports_during_a_restart(manage, start):
    """No client is refused: it waits until the next process accepts it."""
    manager = manage()
    entrepot = start(environ=manager.environ)
    stored = stored_by(manager)
    port, admin_port = entrepot.port, entrepot.admin_port
    assert {socket.socket(fileno=os.dup(fd)).getsockname()[1] for fd in stored} == {port, admin_port}
    entrepot.config |= {"listen": [{"address": f"127.0.0.1:{port}"}],
                        "admin": {"address": f"127.0.0.1:{admin_port}"}}
    entrepot.terminate()
    waiting = entrepot.download("/v2/")
    waiting.wait_sent()
    manager.hear_of("STOPPING")
    entrepot.start(passed=stored)
    assert waiting.finish().status == 200
    assert entrepot.port == port and entrepot.admin("/readyz").status == 200
    stored_by(manager)


def test_a_socket_of_no_listener_is_closed(manage, start):
    manager = manage()
    listen = [{"address": ports.keep_address()}]
    entrepot = start(environ=manager.environ, listen=listen)
    port = entrepot.port
    stored = stored_by(manager)
    entrepot.terminate()
    entrepot.config["listen"] = [{"address": "127.0.0.1:0"}]
    entrepot.start(passed=stored)
    entrepot.log.wait_for("the service manager has passed a socket .* it is closed")
    manager.hear_of("READY")
    stored_by(manager)
    assert entrepot.port != port and entrepot.get("/v2/").status == 200
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 5)


def test_a_socket_of_a_socket_unit(prepare):
    """Bound without SO_REUSEPORT, so that no other socket can join it: all loops accept from it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        entrepot = prepare(listen=[{"address": address}],
                           threads={"serve": 3, "fetch": 1, "store": 2})
        entrepot.start(passed=[listening.fileno()])
        for _ in range(20):
            assert entrepot.get("/v2/").status == 200
        _remove_and_add_again(entrepot, {"address": address})


def _remove_and_add_again(entrepot, listener) -> None:
    """The manager still has the socket; the process has closed its copy."""
    entrepot.config["listen"] = [{"address": "127.0.0.1:0"}]
    reloading.reload(entrepot, "listeners removed")
    entrepot.config["listen"] = [listener]
    reloading.reload(entrepot, "already in use by .* .if a socket unit of systemd has it, restart this service")
