# SPDX-License-Identifier: Apache-2.0
"""SIGHUP adds and removes listeners, and turns TLS on and off, without a client that is refused or a
reply that is cut."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import socket
import ssl
import stat
import threading

import pytest

from support import client, content, faults, https, ports, unix_client
from support.checks import REPOSITORY, assert_whole, blob_target
from support.content import MIB
from support.daemon import Daemon, ShortDirectory
from support.gate import DEADLINE, Gate, eventually
from support.metrics import Samples
from support.reload import reload
from support.service_manager import ServiceManager

FREE = {"address": "127.0.0.1:0"}
LONG_DRAIN = {"drain": "60s"}
SANITIZED = bool(os.environ.get("ENTREPOT_SANITIZE"))


@pytest.fixture
def directory():
    made = ShortDirectory("listen")
    yield made.path
    made.remove()


@pytest.fixture(scope="module")
def leaf(authority):
    return authority.leaf("listener", key_type="ec")


@pytest.fixture
def context(authority):
    return https.trusting(authority.certificate)


def listen(entrepot, *listeners, expect: str = "SIGHUP: the new configuration is in force") -> None:
    entrepot.config["listen"] = list(listeners)
    reload(entrepot, expect)


def added_port(entrepot) -> int:
    """The port of the listener that the last reload has added."""
    lines = [match[1] for line in entrepot.log.lines
             if (match := re.search(r"listeners added: (?:https://)?127\.0\.0\.1:(\d+)", line))]
    return int(lines[-1])


def listening(entrepot, port: int) -> bool:
    return ports.listening_sockets(entrepot.pid, port) > 0


def not_listening(entrepot, port: int) -> None:
    eventually(lambda: not listening(entrepot, port), what=f"port {port} closed")


def taken_port() -> socket.socket:
    """A port of another server."""
    return socket.create_server(("0.0.0.0", ports.keep()))


def held_blob(upstream) -> tuple:
    """A blob whose end waits for the gate."""
    gate = Gate()
    blob = upstream.add_blob(REPOSITORY, content.blob(4 * MIB))
    upstream.script(faults.hold_at(2 * MIB, gate), kind="blob", method="GET")
    return blob, gate


# --- Listeners come and go.


def test_a_listener_is_added(start, upstream):
    entrepot = start()
    blob = upstream.add_blob(REPOSITORY, content.blob(MIB))
    limit = entrepot.metrics().sum("connections_limit")
    listen(entrepot, FREE, FREE, expect=r"in force; listeners added: 127\.0\.0\.1:\d+$")
    other = added_port(entrepot)
    assert other != entrepot.port
    for port in (entrepot.port, other):
        assert_whole(client.get(port, blob_target(blob)), blob)
    assert entrepot.metrics().sum("connections_limit") == 2 * limit
    assert upstream.count("blob") == 1


def test_a_listener_with_tls_and_rules_is_added(start, leaf, context):
    """Each listener keeps to its own rules from its first connection on."""
    entrepot = start()
    guarded = {**https.listening(leaf), "networks": ["192.0.2.0/24"]}
    listen(entrepot, FREE, guarded, expect=r"listeners added: https://127\.0\.0\.1:\d+$")
    assert https.get(added_port(entrepot), "/v2/", context).status == 403
    assert entrepot.get("/v2/").status == 200
    assert entrepot.log.search(r"https://127\.0\.0\.1:\d+: certificate .* for ")
    assert entrepot.metrics().sum("tls_certificate_end_seconds") > 0


def test_a_removed_listener_ends_its_replies(start, upstream):
    blob, gate = held_blob(upstream)
    entrepot = start(listen=[FREE, FREE], timeouts=LONG_DRAIN)
    going = entrepot.ports[1]
    download = client.Download(going, blob_target(blob))
    with client.Connection(going) as idle:
        idle.send_request("GET", "/v2/")
        assert idle.read_response().status == 200
        download.wait_received(MIB)
        listen(entrepot, FREE, expect=rf"listeners removed: 127\.0\.0\.1:{going}$")
        not_listening(entrepot, going)
        assert idle.socket.recv(1) == b"", "an idle connection is closed"
    eventually(lambda: entrepot.metrics().sum("connections") == 1, what="one connection")
    assert entrepot.get("/v2/").status == 200
    gate.open()
    response = download.finish()
    assert_whole(response, blob)
    entrepot.log.wait_for(rf"127\.0\.0\.1:{going}: the last connection of the listener that a reload")
    eventually(lambda: entrepot.metrics().sum("connections") == 0, what="no connection")


def test_a_kept_connection_ends_with_its_next_reply(start, upstream):
    """Its request arrived before the listener went."""
    blob, gate = held_blob(upstream)
    entrepot = start(listen=[FREE, FREE], timeouts=LONG_DRAIN)
    with client.Connection(entrepot.ports[1]) as kept:
        kept.send_request("GET", blob_target(blob))
        gate.wait_arrived()
        listen(entrepot, FREE)
        not_listening(entrepot, entrepot.ports[1])
        gate.open()
        assert_whole(kept.read_response(), blob)
        assert kept.socket.recv(1) == b""


def test_the_time_to_drain_bounds_a_removed_listener(start, upstream):
    blob, gate = held_blob(upstream)
    entrepot = start(listen=[FREE, FREE], timeouts={"drain": "1ms"})
    download = client.Download(entrepot.ports[1], blob_target(blob))
    download.wait_received(MIB)
    listen(entrepot, FREE)
    entrepot.log.wait_for("cutting 1 connections of a listener that a reload has ended")
    assert not download.finish().complete
    entrepot.log.wait_for("the last connection of the listener that a reload")
    gate.open()


def test_the_end_of_the_process_waits_for_a_removed_listener(start, upstream):
    blob, gate = held_blob(upstream)
    entrepot = start(listen=[FREE, FREE], timeouts=LONG_DRAIN)
    download = client.Download(entrepot.ports[1], blob_target(blob))
    download.wait_received(MIB)
    listen(entrepot, FREE)
    os.kill(entrepot.pid, signal.SIGTERM)
    not_listening(entrepot, entrepot.port)
    gate.open()
    assert_whole(download.finish(), blob)
    assert entrepot.wait_exit() == 0


def test_listeners_go_and_come_back_while_their_replies_go_on(start, upstream):
    blob, gate = held_blob(upstream)
    fixed = {"address": ports.keep_address()}
    entrepot = start(listen=[FREE, fixed], timeouts=LONG_DRAIN)
    port = entrepot.ports[1]
    downloads = []
    for _ in range(3):
        downloads.append(client.Download(port, blob_target(blob)))
        downloads[-1].wait_received(MIB)
        listen(entrepot, FREE, expect="listeners removed")
        listen(entrepot, FREE, fixed, expect="listeners added")
        assert client.get(port, "/v2/").status == 200
    gate.open()
    for download in downloads:
        assert_whole(download.finish(), blob)


def test_from_the_loopback_to_all_interfaces_and_back(start):
    """The sockets of both addresses exist for a moment: no client is refused. One whose handshake
    ends between the last accept and the close may be reset, as docs/design/handover.md says."""
    port = ports.keep()
    entrepot = start(listen=[{"address": f"127.0.0.1:{port}"}])
    for address in (f"0.0.0.0:{port}", f"[::]:{port}", f"127.0.0.1:{port}"):
        with Visitor(port, may_be_reset=True) as visitor:
            visitor.wait_served()
            listen(entrepot, {"address": address}, expect=f"listeners added: {re.escape(address)};")
            visitor.wait_served()
        assert visitor.failures == []


# --- TLS comes and goes.


def was_reset(error: Exception) -> bool:
    """Whether the kernel ended the connection: at the request (EPIPE) or at the answer."""
    return isinstance(error, (ConnectionResetError, BrokenPipeError)) or (
        isinstance(error, client.Closed) and error.reset)


class Visitor(threading.Thread):
    """Sends a request on a new connection, over and over. Without `context` it speaks plain HTTP;
    with it, each connection that is no TLS is tried as plain HTTP. A reset is a failure unless
    `may_be_reset`; a refusal, and a close without an answer, are failures in any case."""

    def __init__(self, port: int, context: ssl.SSLContext | None = None, may_be_reset: bool = False):
        super().__init__(daemon=True)
        self._port, self._context, self._may_be_reset = port, context, may_be_reset
        self._ended = threading.Event()
        self.served = {"plain": 0, "tls": 0}
        self.failures: list[str] = []

    def __enter__(self) -> "Visitor":
        self.start()
        return self

    def __exit__(self, *_) -> None:
        self._ended.set()
        self.join(DEADLINE)

    def run(self) -> None:
        while not self._ended.is_set():
            try:
                self._visit()
            except Exception as error:  # pylint: disable=broad-except
                if not (self._may_be_reset and was_reset(error)):
                    self.failures.append(repr(error))

    def _visit(self) -> None:
        """A server of the other kind answers, too: TLS with an alert or plain text, plain HTTP with
        400."""
        kind = "tls" if self._context else "plain"
        try:
            if self._context:
                response = https.get(self._port, "/v2/", self._context)
            else:
                response = client.get(self._port, "/v2/")
        except ssl.SSLError:
            return
        if response.status == 200:
            self.served[kind] += 1
        elif response.status != 400:
            self.failures.append(f"status {response.status}")

    def wait_served(self, kind: str = "plain") -> None:
        """A request that begins from now on is answered."""
        count = self.served[kind]
        eventually(lambda: self.served[kind] >= count + 3, what=f"{kind}: {self.failures[:3]}")


def test_tls_comes_and_goes_while_clients_connect(start, leaf, context):
    entrepot = start(threads={"serve": 3})
    port = entrepot.port
    with Visitor(port) as plain, Visitor(port, context) as tls:
        for _ in range(3):
            plain.wait_served("plain")
            listen(entrepot, https.listening(leaf), expect=rf"TLS added: https://127\.0\.0\.1:{port}$")
            tls.wait_served("tls")
            listen(entrepot, FREE, expect=rf"TLS removed: 127\.0\.0\.1:{port}$")
    assert plain.failures == [] and tls.failures == []


def test_replies_of_the_plain_listener_end_after_tls_has_come(start, upstream, leaf, context):
    blob, gate = held_blob(upstream)
    entrepot = start(timeouts=LONG_DRAIN)
    download = entrepot.download(blob_target(blob))
    download.wait_received(MIB)
    listen(entrepot, https.listening(leaf), expect="TLS added")
    eventually(lambda: speaks_tls(entrepot.port, context), what="TLS")
    assert https.get(entrepot.port, "/v2/", context).status == 200
    gate.open()
    assert_whole(download.finish(), blob)


def speaks_tls(port: int, context: ssl.SSLContext) -> bool:
    try:
        return https.get(port, "/v2/", context).status == 200
    except ssl.SSLError:
        return False


def test_the_files_of_a_listener_that_got_tls_are_watched(start, leaf, context, authority, tmp_path):
    place = (tmp_path / "tls.crt", tmp_path / "tls.key")
    put(leaf, place)
    entrepot = start()
    listen(entrepot, https.listening(place), expect="TLS added")
    put(authority.leaf("renewed", key_type="ec"), place)
    entrepot.log.wait_for(r"files have changed: new certificates on https://127\.0\.0\.1:\d+")


@pytest.mark.skipif("address" in os.environ.get("ENTREPOT_SANITIZE", ""),
                    reason="the search for leaks at the end does not work under strace")
def test_files_that_change_before_they_are_watched(start, leaf, context, authority, tmp_path, failing):
    """The folder of the first listener is watched already. The process has read the files of the second one, and
    stands still before it watches them."""
    places = [(tmp_path / name / "tls.crt", tmp_path / name / "tls.key") for name in ("first", "second")]
    for place in places:
        put(leaf, place)
    entrepot = start(listen=[https.listening(places[0])])
    failing(entrepot, "inotify_add_watch", "delay_enter=300ms")
    listen(entrepot, https.listening(places[0]), https.listening(places[1]), expect="listeners added")
    renewed = authority.leaf("renewed-late", key_type="ec")
    put(renewed, places[1])

    def is_used() -> bool:
        with https.Connection(added_port(entrepot), context=context) as connection:
            return connection.certificate == https.fingerprint(renewed[0])
    eventually(is_used, what="the renewed certificate")


def put(pair, place) -> None:
    for source, target in zip(pair, place):
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(source.read_bytes())
        target.chmod(0o600)


# --- A bad configuration changes nothing.


def test_a_port_that_is_taken(start, upstream, leaf):
    """Neither the other listeners nor another key of that configuration come into force."""
    entrepot = start(listen=[FREE, FREE], log={"level": "info"})
    first, second = entrepot.ports
    with taken_port() as taken:
        address = "127.0.0.1:%d" % taken.getsockname()[1]
        entrepot.config["cache"]["max_size"] = "2GiB"
        listen(entrepot, https.listening(leaf), FREE, {"address": address},
               expect=f"error .*SIGHUP: cannot listen on {re.escape(address)}: the address is already "
                      rf"in use by \S+ \(pid {os.getpid()}\); the previous configuration stays in force")
        for port in (first, second):
            assert client.get(port, "/v2/").status == 200
        assert entrepot.metrics().sum("cache_max_bytes") != 2 << 30
        assert not entrepot.log.search("listeners|TLS added")
    listen(entrepot, https.listening(leaf), FREE, {"address": address}, expect="listeners added")
    assert client.get(int(address.rpartition(":")[2]), "/v2/").status == 200
    eventually(lambda: entrepot.metrics().sum("cache_max_bytes") == 2 << 30, what="the new size of the cache")


def test_a_refused_reload_takes_no_client(start):
    """127.0.0.1 gets the clients of 0.0.0.0 as soon as it listens, and would reset those in its queue
    when the reload is refused."""
    port = ports.keep()
    entrepot = start(listen=[{"address": f"0.0.0.0:{port}"}])
    tracer = Daemon("strace", "-f", "-p", str(entrepot.pid), "-e", "trace=listen")
    tracer.log.wait_for("attached")
    with taken_port() as taken:
        listen(entrepot, {"address": f"127.0.0.1:{port}"},
               {"address": "127.0.0.1:%d" % taken.getsockname()[1]}, expect="already in use")
    assert client.get(port, "/v2/").status == 200
    assert not tracer.log.search(r"listen\(\d")
    listen(entrepot, {"address": f"127.0.0.1:{port}"}, expect="in force; listeners added")
    tracer.log.wait_for(r"listen\(\d")
    tracer.stop()


def test_the_kernel_refuses_to_listen(start, failing):
    """Each address could be bound."""
    port = ports.keep()
    entrepot = start(listen=[{"address": f"0.0.0.0:{port}"}])
    entrepot.config["cache"]["max_size"] = "2GiB"
    tracer = failing(entrepot, "listen", "ENOBUFS")
    listen(entrepot, {"address": f"127.0.0.1:{port}"}, FREE,
           expect=rf"error .*cannot listen on 127\.0\.0\.1:{port}: .*the previous configuration stays")
    tracer.stop()
    assert client.get(port, "/v2/").status == 200
    assert entrepot.metrics().sum("cache_max_bytes") != 2 << 30
    assert not entrepot.log.search("listeners (added|removed)")
    listen(entrepot, {"address": f"127.0.0.1:{port}"}, FREE, expect="listeners added: .*removed")
    assert client.get(port, "/v2/").status == 200


def test_addresses_that_overlap(start):
    """A start with them would fail."""
    port = ports.keep()
    entrepot = start(listen=[{"address": f"0.0.0.0:{port}"}])
    listen(entrepot, {"address": f"[::]:{port}"}, {"address": f"127.0.0.1:{port}"},
           expect=rf"error .*listen\[1\]\.address: 127\.0\.0\.1:{port} overlaps \[::\]:{port}, so")
    entrepot.log.wait_for("the previous one stays in force")
    assert client.get(port, "/v2/").status == 200


def test_another_process_has_the_port_of_a_removed_listener(start, upstream):
    """Replies of that listener still go on. Both processes have the same user, so SO_REUSEPORT would
    let them share the port."""
    blob, gate = held_blob(upstream)
    fixed = {"address": ports.keep_address()}
    entrepot = start(listen=[FREE, fixed], timeouts=LONG_DRAIN)
    download = client.Download(entrepot.ports[1], blob_target(blob))
    download.wait_received(MIB)
    listen(entrepot, FREE, expect="listeners removed")
    not_listening(entrepot, entrepot.ports[1])
    other = start(listen=[fixed])
    listen(entrepot, FREE, fixed, expect="error .*already in use")
    other.terminate()
    listen(entrepot, FREE, fixed, expect="listeners added")
    gate.open()
    assert_whole(download.finish(), blob)


@pytest.mark.skipif(SANITIZED, reason="UBSan needs a descriptor to see whether memory can be read")
def test_few_descriptors_are_left(start):
    """SIGHUP is refused, or it succeeds."""
    entrepot = start()
    limits = resource.prlimit(entrepot.pid, resource.RLIMIT_NOFILE)
    settled = descriptors(entrepot)
    for free in range(8):
        resource.prlimit(entrepot.pid, resource.RLIMIT_NOFILE,
                         (limit_with_free(descriptors(entrepot), free), limits[1]))
        for upstream in entrepot.config["upstreams"].values():
            upstream["endpoints"].append({"url": f"http://127.0.0.1:{free + 1}"})
        listen(entrepot, FREE, *[FREE] * (free % 2), expect=r"SIGHUP: .*in force")
        resource.prlimit(entrepot.pid, resource.RLIMIT_NOFILE, limits)
        assert entrepot.admin("/healthz").status == 200
    assert entrepot.log.search("error .*SIGHUP: .* the previous")
    listen(entrepot, FREE, FREE, expect=r"SIGHUP: (the new configuration is in force|nothing has changed)")
    listen(entrepot, FREE, expect="listeners removed")
    eventually(lambda: len(descriptors(entrepot)) <= len(settled) + 5, what="no more descriptors")


def descriptors(entrepot) -> set[int]:
    return {int(fd) for fd in os.listdir(f"/proc/{entrepot.pid}/fd")}


def limit_with_free(used: set[int], free: int) -> int:
    """The limit with which a process that has `used` can open `free` more."""
    limit = 0
    while limit - sum(fd < limit for fd in used) < free:
        limit += 1
    return limit


@pytest.mark.parametrize("listener, why", [
    ({"address": "192.0.2.1:5000"}, "cannot listen on 192.0.2.1:5000: this machine has no such"),
    ({"address": "unix:/nowhere/a.sock"}, "the directory /nowhere does not exist")])
def test_an_address_that_cannot_be_used(start, listener, why):
    entrepot = start()
    listen(entrepot, FREE, listener, expect=f"error .*{why}")
    entrepot.log.wait_for("the previous configuration stays in force")
    assert entrepot.get("/v2/").status == 200


def test_a_bad_certificate_of_a_new_listener(start, leaf, tmp_path):
    entrepot = start()
    listen(entrepot, FREE, https.listening((leaf[0], tmp_path / "absent.key")),
           expect=r"error .*listen\[1\]\.tls\.certificates\[0\]\.key: cannot read")
    entrepot.log.wait_for("the previous one stays in force")


# --- Unix sockets.


def test_a_unix_socket_comes_and_goes(start, directory):
    entrepot = start()
    path = directory / "mirror.sock"
    on_path = {"address": f"unix:{path}", "mode": "0600"}
    for _ in range(2):
        listen(entrepot, FREE, on_path, expect=f"listeners added: unix:{path}$")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert unix_client.get(path, "/v2/").status == 200
        listen(entrepot, FREE, expect=f"listeners removed: unix:{path}$")
        assert not path.exists()


def test_another_spelling_of_a_path_is_the_same_socket(start, directory):
    path = directory / "mirror.sock"
    entrepot = start(listen=[FREE, {"address": f"unix:{path}"}])
    inode = path.stat().st_ino
    listen(entrepot, {"address": f"unix:{directory}/./mirror.sock"}, FREE,
           expect="SIGHUP: nothing has changed")
    assert path.stat().st_ino == inode and unix_client.get(path, "/v2/").status == 200


# --- Other processes.


def test_another_process_takes_over_the_new_listeners(start, upstream, leaf, context, directory):
    blob = upstream.add_blob(REPOSITORY, content.blob(MIB))
    path = directory / "mirror.sock"
    entrepot = start(listen=[FREE, FREE])
    first, gone = entrepot.ports
    listen(entrepot, https.listening(leaf), {"address": f"unix:{path}"},
           expect="listeners added: unix:.*listeners removed: .*TLS added")
    with Visitor(first, context) as visitor:
        visitor.wait_served("tls")
        before = entrepot.replace()
        before.wait_exit()
        visitor.wait_served("tls")
    assert visitor.failures == []
    assert entrepot.ports == [first, 0]
    assert_whole(unix_client.get(path, blob_target(blob)), blob)
    assert not listening(entrepot, gone)
    listen(entrepot, FREE, expect="listeners removed: unix:.*TLS removed")
    eventually(lambda: entrepot.get("/v2/").status == 200, what="plain HTTP on every loop")
    assert not path.exists()


def test_the_service_manager_stores_the_sockets_of_now(start, directory):
    manager = ServiceManager(directory / "notify")
    entrepot = start(environ=manager.environ)
    manager.hear_of("READY")
    assert ports_of(manager.stored) == {entrepot.port, entrepot.admin_port}
    listen(entrepot, FREE, FREE)
    assert str(added_port(entrepot)) in manager.hear_of("READY")["STATUS"]
    assert ports_of(manager.stored) == {entrepot.port, added_port(entrepot), entrepot.admin_port}
    other = added_port(entrepot)
    listen(entrepot, FREE)
    manager.hear_of("READY")
    assert ports_of(manager.stored) == {entrepot.port, entrepot.admin_port}
    not_listening(entrepot, other)
    manager.close()


def ports_of(descriptors: list[int]) -> set[int]:
    ports = set()
    for descriptor in descriptors:
        with socket.socket(fileno=os.dup(descriptor)) as one:
            ports.add(one.getsockname()[1])
    return ports


# --- Much of it at once.


def test_many_reloads_under_load(start, upstream, leaf, context, directory):
    """Also a signal before the one before has been answered."""
    entrepot = start(threads={"serve": 3})
    blob = upstream.add_blob(REPOSITORY, content.blob(300_000))
    path = directory / "mirror.sock"
    variants = [[FREE], [FREE, FREE], [https.listening(leaf)], [FREE, {"address": f"unix:{path}"}],
                [https.listening(leaf), FREE, FREE]]
    descriptors = lambda: len(os.listdir(f"/proc/{entrepot.pid}/fd"))
    settled = descriptors()
    with Visitor(entrepot.port) as plain, Visitor(entrepot.port, context) as tls:
        for number in range(30):
            entrepot.config["listen"] = variants[number % len(variants)]
            entrepot.config_path.write_text(json.dumps(entrepot.config))
            os.kill(entrepot.pid, signal.SIGHUP)
            if number % 3 == 0:
                os.kill(entrepot.pid, signal.SIGHUP)
            assert entrepot.admin("/healthz").status == 200
        listen(entrepot, FREE, expect="SIGHUP")
        plain.wait_served()
    assert plain.failures == [] and tls.failures == []
    assert_whole(entrepot.get(blob_target(blob)), blob)
    eventually(lambda: descriptors() <= settled + 5, what="no more descriptors than before")
    assert isinstance(entrepot.metrics(), Samples)
