# SPDX-License-Identifier: Apache-2.0
"""A process that takes the place of a running one: serve --replace, and SIGUSR2."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from support import client, content, faults, ports
from support.checks import REPOSITORY, assert_hit, assert_whole, blob_target, manifest_target
from support.content import MIB
from support.daemon import ShortDirectory
from support.entrepot import EXIT_CONFIG, EXIT_RESTART, binary, environment
from support.gate import DEADLINE, Gate, eventually
from support.handover import Replacement
from support.service_manager import ServiceManager

LATEST = manifest_target("latest")
# Replies that a test holds must not be cut on a busy machine.
LONG_DRAIN = {"drain": "60s"}


@pytest.fixture
def image(upstream):
    return upstream.add_image(REPOSITORY, content.image((10, 100_000, 3 * MIB)), "latest")


def pull(entrepot, image, check=assert_whole) -> None:
    check(entrepot.get(LATEST), image.manifest)
    for blob in image.blobs:
        check(entrepot.get(blob_target(blob)), blob)


def serve_replace(entrepot, *arguments: str) -> subprocess.CompletedProcess:
    """A replacement that ends by itself."""
    return subprocess.run([binary(), "serve", "--replace", "--config", str(entrepot.config_path),
                           *arguments], capture_output=True, text=True, timeout=DEADLINE,
                          env=environment(), check=False)


@pytest.fixture
def replacement():
    made: list[Replacement] = []

    def make(entrepot) -> Replacement:
        made.append(Replacement(entrepot))
        return made[-1]
    yield make
    for one in made:
        one.close()


# --- The service goes on.


def test_listeners_and_cache_go_to_the_next_process(start, upstream, image):
    entrepot = start()
    pull(entrepot, image)
    port, admin_port = entrepot.port, entrepot.admin_port
    before = entrepot.replace()
    before.wait_exit()
    assert (entrepot.port, entrepot.admin_port) == (port, admin_port)
    upstream.go_down()
    pull(entrepot, image, assert_hit)
    assert entrepot.admin("/readyz").status == 200
    assert not entrepot.log.search("did not end in order")
    assert before.log.search(rf"the process {entrepot.pid} has replaced this one")


def test_replies_in_progress_end_in_the_process_before(start, upstream):
    stored = upstream.add_blob(REPOSITORY, content.blob(64 * MIB))
    arriving = upstream.add_blob(REPOSITORY, content.blob(6 * MIB))
    entrepot = start(timeouts=LONG_DRAIN)
    assert_whole(entrepot.get(blob_target(stored)), stored)
    gate = Gate()
    upstream.script(faults.hold_at(4 * MIB, gate), kind="blob", method="GET", times=1)
    miss = entrepot.download(blob_target(arriving))
    miss.wait_received(3 * MIB)
    with entrepot.connect() as slow:
        slow.send_request("GET", blob_target(stored))
        before = entrepot.replace()
        # The client has read nothing yet, and the new process answers others.
        assert_whole(entrepot.get(blob_target(stored)), stored)
        assert before.running
        assert_whole(slow.read_response(keep=True), stored)
    gate.open()
    assert_whole(miss.finish(), arriving)
    before.wait_exit()
    # Only the new process stores.
    assert_whole(entrepot.get(blob_target(arriving)), arriving)
    assert_hit(entrepot.get(blob_target(arriving)), arriving)
    eventually(lambda: os.listdir(Path(entrepot.config["cache"]["directory"]) / "fills") == [],
               what="an empty fills directory")


def test_a_connection_that_is_kept_gets_its_last_reply(start, image):
    entrepot = start(timeouts=LONG_DRAIN)
    pull(entrepot, image)
    with entrepot.connect() as kept:
        kept.send_request("GET", blob_target(image.blobs[0]))
        # The reply has not been read, so the request may be in progress.
        before = entrepot.replace()
        assert_whole(kept.read_response(keep=True), image.blobs[0])
    before.wait_exit()


def test_no_request_fails_while_processes_are_replaced(start, upstream, image):
    """New connections all the time, some of them for objects that are not stored."""
    misses = [upstream.add_blob(REPOSITORY, content.blob(20_000 + n)) for n in range(60)]
    entrepot = start(timeouts=LONG_DRAIN)
    pull(entrepot, image)
    failures: list[str] = []
    stop = threading.Event()

    def load(number: int) -> None:
        count = 0
        while not stop.is_set():
            blob = misses[(count * 3 + number) % len(misses)] if count % 4 == 0 else image.blobs[1]
            count += 1
            try:
                response = client.get(entrepot.port, blob_target(blob))
                if response.status != 200 or response.body != blob.data:
                    failures.append(f"{response.status}: {response.body[:200]!r}")
            except Exception as error:  # pylint: disable=broad-except
                failures.append(repr(error))
    threads = [threading.Thread(target=load, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(4):
            entrepot.replace().wait_exit()
    finally:
        stop.set()
        for thread in threads:
            thread.join(DEADLINE)
    assert not failures, failures[:5]
    pull(entrepot, image, assert_hit)


def test_a_signal_to_all_processes_of_the_service_cuts_no_reply(start, upstream):
    """systemd sends SIGTERM to every process of a unit, and once more to those that are left when the main process has
    ended. The one before may still drain then."""
    blob = upstream.add_blob(REPOSITORY, content.blob(6 * MIB))
    entrepot = start(timeouts=LONG_DRAIN)
    gate = Gate()
    upstream.script(faults.hold_at(4 * MIB, gate), kind="blob", method="GET", times=1)
    download = entrepot.download(blob_target(blob))
    download.wait_received(3 * MIB)
    before = entrepot.replace()
    before.log.wait_for("draining")
    before.signal(signal.SIGTERM)
    entrepot.terminate()
    before.signal(signal.SIGTERM)
    gate.open()
    assert_whole(download.finish(), blob)
    before.wait_exit()


def test_a_unix_socket_keeps_its_file(start):
    directory = ShortDirectory("handover")
    try:
        path = directory.path / "mirror.sock"
        entrepot = start(listen=[{"address": "127.0.0.1:0"}, {"address": f"unix:{path}"}])
        inode = path.stat().st_ino
        entrepot.replace().wait_exit()
        assert path.stat().st_ino == inode
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(DEADLINE)
            connection.connect(str(path))
            connection.sendall(b"GET /v2/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            assert connection.recv(12) == b"HTTP/1.1 200"
        entrepot.terminate()
        assert not path.exists()
    finally:
        directory.remove()


@pytest.mark.parametrize("serve", [(1, 3), (3, 1)], ids=["more loops", "fewer loops"])
def test_another_number_of_loops(start, image, serve):
    before, after = ({"serve": count, "fetch": 1, "store": 2} for count in serve)
    entrepot = start(threads=before)
    pull(entrepot, image)
    entrepot.replace(threads=after).wait_exit()
    for _ in range(20):
        assert_hit(entrepot.get(blob_target(image.blobs[0])), image.blobs[0])


def test_listeners_come_and_go(start, image):
    entrepot = start(listen=[{"address": "127.0.0.1:0"}, {"address": ports.keep_address("127.0.0.2")}])
    pull(entrepot, image)
    gone = entrepot.ports[1]
    entrepot.replace(listen=[{"address": "127.0.0.1:0"}, {"address": "127.0.0.3:0"}]).wait_exit()
    assert_hit(entrepot.get(blob_target(image.blobs[0])), image.blobs[0])
    with socket.create_connection(("127.0.0.3", entrepot.ports[1]), DEADLINE):
        pass
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", gone), DEADLINE)


def test_without_a_process_to_replace_it_starts(prepare, image):
    entrepot = prepare()
    entrepot.start(replace=True)
    assert entrepot.log.search("no process to replace")
    pull(entrepot, image)


# --- A failure changes nothing.


def test_a_bad_configuration_is_found_first(start, image):
    entrepot = start()
    pull(entrepot, image)
    result = serve_replace(entrepot, "--set", "upstreams.docker.io.default=maybe")
    assert result.returncode == EXIT_CONFIG, result.stderr
    result = serve_replace(entrepot, "--set", f"listen=[{{\"address\": \"127.0.0.1:{taken_port(entrepot)}\"}}]")
    assert result.returncode == EXIT_RESTART and "already in use" in result.stderr, result.stderr
    assert not entrepot.log.search("the cache goes to it")
    assert_hit(entrepot.get(blob_target(image.blobs[0])), image.blobs[0])
    assert entrepot.admin("/readyz").status == 200
    eventually(lambda: entrepot.metrics().sum("handovers_total", result="failed") == 1,
               what="a failure in the metrics")


def taken_port(entrepot) -> int:
    """A port on which no other socket can listen: that of the admin listener, as a configured
    number."""
    return entrepot.admin_port


def test_a_second_replacement_is_refused(start, replacement):
    entrepot = start()
    first = replacement(entrepot)
    assert first.take_sockets() == ["listen 127.0.0.1:0", "listen 127.0.0.1:0", "end"]
    result = serve_replace(entrepot)
    assert result.returncode == EXIT_RESTART
    assert "another process is replacing it already" in result.stderr
    first.close()
    entrepot.log.wait_for("the process that was to replace this one is given up: it has ended")
    entrepot.replace().wait_exit()


@pytest.mark.parametrize("words", [["release"], ["serving"], ["hello 2"], ["hello 1", "serving"],
                                   ["hello 1", "hello 1"], ["x" * 5000]])
def test_messages_out_of_order_end_the_handover(start, replacement, image, words):
    entrepot = start()
    other = replacement(entrepot)
    for word in words:
        other.send(word)
    while other.receive():
        pass
    entrepot.log.wait_for("the process that was to replace this one is given up")
    pull(entrepot, image)
    entrepot.replace().wait_exit()


def test_a_replacement_that_dies_with_the_cache(start, upstream, image, replacement):
    """The process serves what is stored, lets the rest through, says so, and can still be
    replaced."""
    new = upstream.add_blob(REPOSITORY, content.blob(2 * MIB))
    small = upstream.add_blob(REPOSITORY, content.blob(5000))
    entrepot = start()
    pull(entrepot, image)
    other = replacement(entrepot)
    other.take_cache()
    assert entrepot.admin("/readyz").status == 200
    pull(entrepot, image, assert_hit)
    other.close()
    entrepot.log.wait_for("serves what is stored and stores nothing")
    ready = entrepot.admin("/readyz")
    assert ready.status == 503 and b"has ended" in ready.body
    pull(entrepot, image, assert_hit)
    for blob in (new, small):
        for _ in range(2):
            assert_whole(entrepot.get(blob_target(blob)), blob)
    # Small objects stay in memory for a while.
    assert upstream.count("blob") == len(image.blobs) + 3
    before = entrepot.replace()
    before.wait_exit()
    pull(entrepot, image, assert_hit)
    assert_whole(entrepot.get(blob_target(new)), new)
    assert_hit(entrepot.get(blob_target(new)), new)


def test_a_stop_while_the_cache_is_elsewhere(start, image, replacement):
    entrepot = start()
    pull(entrepot, image)
    other = replacement(entrepot)
    other.take_cache()
    entrepot.terminate()
    assert other.receive() == ""
    entrepot.start()
    pull(entrepot, image, assert_hit)


# --- SIGUSR2 and service managers.


@pytest.fixture
def manager():
    directory = ShortDirectory("notify")
    one = ServiceManager(directory.path / "1", None)
    yield one
    one.close()
    directory.remove()


def successor_of(entrepot) -> int:
    return int(entrepot.log.wait_for(r"SIGUSR2: the process (\d+) is started")[1])


def has_ended(pid: int) -> bool:
    try:
        # Perhaps nobody waits for it.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return True


def end(pid: int) -> None:
    """Ends a process that is not a child of the test."""
    os.kill(pid, signal.SIGTERM)
    eventually(lambda: has_ended(pid), what=f"the end of {pid}")


def test_signal_starts_the_successor(start, upstream, image, manager):
    entrepot = start(environ={**manager.environ, "WATCHDOG_PID": "1"})
    manager.hear_of("READY")
    pull(entrepot, image)
    os.kill(entrepot.pid, signal.SIGUSR2)
    pid = successor_of(entrepot)
    before = entrepot.give_up()
    try:
        assert manager.hear_of("MAINPID") == {"MAINPID": str(pid)}
        assert manager.hear_of("READY")["READY"] == "1"
        before.log.wait_for(rf"the process {pid} has replaced this one")
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        assert arguments.count(b"--replace") == 1
        assert b"WATCHDOG_PID=1" not in Path(f"/proc/{pid}/environ").read_bytes()
        upstream.go_down()
        pull(entrepot, image, assert_hit)
        # And once more, by a process that has the flag already.
        os.kill(pid, signal.SIGUSR2)
        found = before.log.wait_for(rf"SIGUSR2: the process (?!{pid} )(\d+) is started")
        pid, earlier = int(found[1]), pid
        before.log.wait_for(rf"this process has replaced {earlier}")
        pull(entrepot, image, assert_hit)
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        assert arguments.count(b"--replace") == 1
    finally:
        end(pid)


def test_a_successor_that_cannot_start(start, image):
    entrepot = start()
    entrepot.config_path.write_text("{")
    os.kill(entrepot.pid, signal.SIGUSR2)
    pid = successor_of(entrepot)
    entrepot.log.wait_for(rf"the process {pid}, which was to replace this one, has ended "
                          rf"\(exit code {EXIT_CONFIG}\)")
    pull(entrepot, image)
    eventually(lambda: entrepot.metrics().sum("handovers_total", result="failed") == 1, what="a failure")


def test_only_its_successor_replaces_a_managed_process(start, image, manager):
    """The manager would take the other process for one that is not of the service."""
    entrepot = start(environ=manager.environ)
    result = serve_replace(entrepot)
    assert result.returncode == EXIT_RESTART
    assert re.search("a service manager watches .* SIGUSR2", result.stderr), result.stderr
    pull(entrepot, image)


# --- While another process has the cache.


def test_a_stop_leaves_the_unix_socket_to_the_next_process(start, replacement):
    directory = ShortDirectory("handover")
    try:
        path = directory.path / "mirror.sock"
        entrepot = start(listen=[{"address": "127.0.0.1:0"}, {"address": f"unix:{path}"}])
        other = replacement(entrepot)
        other.take_cache()
        entrepot.terminate()
        assert path.exists(), "the other process listens on it"
    finally:
        directory.remove()


def test_the_mode_of_a_unix_socket_is_a_key_like_others(start):
    directory = ShortDirectory("handover")
    try:
        kept, gone = (directory.path / name for name in ("kept.sock", "gone.sock"))
        tcp = {"address": "127.0.0.1:0"}
        entrepot = start(listen=[tcp, {"address": f"unix:{kept}", "mode": "0666"},
                                 {"address": f"unix:{gone}"}])
        assert kept.stat().st_mode & 0o777 == 0o666
        entrepot.replace(listen=[tcp, {"address": f"unix:{kept}", "mode": "0600"}]).wait_exit()
        assert kept.stat().st_mode & 0o777 == 0o600
        assert not gone.exists()
    finally:
        directory.remove()


def test_changes_are_refused(start, image, replacement):
    entrepot = start()
    pull(entrepot, image)
    other = replacement(entrepot)
    other.take_cache()
    digest = image.blobs[0].digest
    refused = entrepot.admin(f"/api/v1/cache/objects/{digest}", method="DELETE")
    assert refused.status == 503 and b"another process has the cache" in refused.body
    os.kill(entrepot.pid, signal.SIGHUP)
    entrepot.log.wait_for("SIGHUP: nothing is read, because another process has the cache")
    pull(entrepot, image, assert_hit)


@pytest.mark.skipif("address" in os.environ.get("ENTREPOT_SANITIZE", ""),
                    reason="the search for leaks at the end does not work under strace")
def test_an_index_that_fails_during_the_handover(start, image, replacement, failing):
    """It cannot be given up; the process asks for its restart, as without a handover."""
    entrepot = start()
    pull(entrepot, image)
    other = replacement(entrepot)
    assert other.take_sockets()[-1] == "end"
    logs = (Path(entrepot.config["cache"]["directory"]) / "index").glob("*.log")
    failing(entrepot, "write,pwrite64,fdatasync", "EIO", max(logs, key=lambda log: log.stat().st_ino))
    other.send("release")
    assert "its index has failed" in other.receive()
    assert entrepot.wait_exit() == EXIT_RESTART
