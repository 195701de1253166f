# SPDX-License-Identifier: Apache-2.0
"""A listener on a unix socket serves as those on ports do; its clients are the users of this
machine, and its file is there as long as it listens."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import content, faults, unix_client
from support.checks import (REPOSITORY, assert_error, assert_hit, assert_read_before_its_end,
                            assert_whole, blob_target, manifest_target)
from support.content import KIB, MIB
from support.daemon import ShortDirectory
from support.entrepot import (EXIT_CONFIG, EXIT_RESTART, EXIT_USAGE, binary, environment, run)
from support.gate import Gate, eventually
from support.keeping import settled
from support.reload import reload

USER, OTHER = 12345, 12346
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="acts as two users")


@pytest.fixture
def directory():
    made = ShortDirectory("unix")
    made.path.chmod(0o755)
    yield made.path
    made.remove()


@pytest.fixture
def path(directory):
    return directory / "mirror.sock"


@pytest.fixture
def listen(path):
    return [{"address": f"unix:{path}"}]


@pytest.fixture
def entrepot(start, listen):
    return start(listen=listen)


@pytest.fixture
def held():
    """Connections that stay open until the test ends."""
    with contextlib.ExitStack() as stack:
        yield lambda connection: stack.enter_context(connection)


def start_fails(prepare, listen, code: int = EXIT_RESTART) -> str:
    """The line that says why."""
    entrepot = prepare(listen=listen)
    with pytest.raises(AssertionError, match="no line like"):
        entrepot.start()
    assert entrepot.wait_exit() == code
    return entrepot.log.search(r"cannot listen on .*")[0]


# --- Requests.


def test_an_image_as_a_miss_and_as_a_hit(entrepot, upstream, path):
    image = upstream.add_image(REPOSITORY, content.image(), "latest")
    blob = upstream.add_blob(REPOSITORY, content.blob(9 * MIB + 7))
    connection = unix_client.HttpConnection(path)
    for _ in range(2):
        for target, expected in ((manifest_target("latest"), image.manifest.data),
                                 (blob_target(blob), blob.data)):
            connection.request("GET", target)
            response = connection.getresponse()
            assert response.status == 200 and response.read() == expected
        settled(entrepot)
    connection.close()
    assert upstream.count("blob") == 1
    entrepot.log.wait_for(f"listening on unix:{path}; admin on 127.0.0.1:")


def test_curl(entrepot, upstream, path):
    blob = upstream.add_blob(REPOSITORY, content.blob(3 * MIB))
    for _ in range(2):
        done = subprocess.run(["curl", "-sSf", "--unix-socket", str(path),
                               f"http://localhost{blob_target(blob)}"],
                              capture_output=True, check=True)
        assert done.stdout == blob.data


def test_ranges_and_heads(entrepot, upstream, path):
    blob = upstream.add_blob(REPOSITORY, content.blob(3 * MIB))
    assert_whole(unix_client.get(path, blob_target(blob)), blob)
    settled(entrepot)
    response = unix_client.get(path, blob_target(blob), headers={"Range": "bytes=1000000-2000000"})
    assert response.status == 206 and response.body == blob.data[1_000_000:2_000_001]
    response = unix_client.request(path, "HEAD", blob_target(blob))
    assert response.headers["Content-Length"] == str(blob.size) and response.body == b""


def test_a_kept_connection_with_requests_sent_ahead(upstream, entrepot, path):
    blob = upstream.add_blob(REPOSITORY, content.blob(300 * KIB))
    request = (f"GET {blob_target(blob)} HTTP/1.1\r\nHost: localhost\r\n"
               f"X-Filler: {'x' * 900}\r\n\r\n").encode()
    with unix_client.connect(path) as connection:
        connection.send(request * 14)
        for _ in range(14):
            assert_whole(connection.read_response(), blob)


def test_a_client_that_sends_no_more_gets_its_answers(upstream, entrepot, path):
    blob = upstream.add_blob(REPOSITORY, content.blob(3 * MIB))
    assert_whole(unix_client.get(path, blob_target(blob)), blob)
    settled(entrepot)
    with unix_client.connect(path) as connection:
        connection.send_request("GET", blob_target(blob))
        head = connection.read_head()
        assert head.status == 200
        connection.socket.shutdown(socket.SHUT_WR)
        body = b"".join(connection.read_body(head))
        assert body == blob.data
        assert connection.receive() == b""


def test_many_clients_at_once(start, upstream, path, listen):
    entrepot = start(listen=listen, threads={"serve": 2}, limits={"connections_per_client": 1000})
    blobs = [upstream.add_blob(REPOSITORY, content.blob(700 * KIB, seed=n)) for n in range(4)]
    with ThreadPoolExecutor(40) as pool:
        wanted = [blobs[n % len(blobs)] for n in range(200)]
        for blob, response in zip(wanted, pool.map(
                lambda blob: unix_client.get(path, blob_target(blob)), wanted)):
            assert_whole(response, blob)
    assert upstream.count("blob") == len(blobs)
    eventually(lambda: entrepot.metrics().sum("connections") == 0, what="no connection is left")


def test_a_client_reads_while_the_blob_arrives(upstream, entrepot, path):
    blob = upstream.add_blob(REPOSITORY, content.blob(4 * MIB))
    gate = Gate()
    upstream.script(faults.hold_at(2 * MIB, gate), kind="blob", method="GET")
    with unix_client.connect(path) as connection:
        assert_read_before_its_end(connection, blob, gate)


def test_clients_that_leave_within_a_body(entrepot, upstream, path):
    blob = upstream.add_blob(REPOSITORY, content.blob(64 * MIB))
    assert_whole(unix_client.get(path, blob_target(blob)), blob)
    settled(entrepot)
    for how in ("close", "shutdown"):
        with unix_client.connect(path) as leaving:
            leaving.send_request("GET", blob_target(blob))
            leaving.read_head()
            if how == "shutdown":
                leaving.socket.shutdown(socket.SHUT_RDWR)
    eventually(lambda: entrepot.metrics().sum("connections") == 0, what="no connection is left")
    assert_hit(unix_client.get(path, blob_target(blob)), blob)
    assert not entrepot.log.search(r" (warn|error) ")


def test_a_client_that_does_not_read_is_cut(start, upstream, path, listen):
    entrepot = start(listen=listen, timeouts={"send": "2s"})
    blob = upstream.add_blob(REPOSITORY, content.blob(16 * MIB))
    assert_whole(unix_client.get(path, blob_target(blob)), blob)
    with unix_client.connect(path) as connection:
        connection.send_request("GET", blob_target(blob))
        eventually(lambda: entrepot.metrics().sum("clients_limited_total", reason="slow") == 1,
                   what="one counted")
        entrepot.log.wait_for(r" cut( |$)")
        # The rest of the kernel's buffer, and an ordinary end: there is no reset.
        assert len(connection.receive_until_close()) < blob.size


def test_a_client_that_reads_slowly_is_kept(start, upstream, path, listen):
    """64 KiB at a time, with pauses: more than the kernel's buffers in each period."""
    entrepot = start(listen=listen, timeouts={"send": "4s"})
    blob = upstream.add_blob(REPOSITORY, content.blob(2 * MIB))
    assert_whole(unix_client.get(path, blob_target(blob)), blob)
    with unix_client.connect(path) as connection:
        connection.send_request("GET", blob_target(blob))
        head = connection.read_head()
        received = 0
        for data in connection.read_body(head):
            received += len(data)
            time.sleep(len(data) / (256 * KIB))  # its pace
    assert received == blob.size
    assert entrepot.metrics().sum("clients_limited_total", reason="slow") == 0


def test_a_tls_handshake_is_named(entrepot, path):
    hello = bytes.fromhex("1603010200010001fc0303") + bytes(500)
    with unix_client.connect(path) as connection:
        connection.send(hello)
        assert connection.receive_until_close().startswith(b"HTTP/1.1 400")
    entrepot.log.wait_for(rf"client uid {os.geteuid()} tries TLS on a port that speaks plain HTTP")
    assert entrepot.metrics().sum("requests_total", outcome="tls") == 1


# --- Users.


def test_the_access_log_names_user_and_process(entrepot, path):
    assert unix_client.get(path, "/v2/").status == 200
    line = entrepot.log.wait_for(r'access (\S+) "GET /v2/" 200')
    assert line[1] == f"unix:uid={os.geteuid()},pid={os.getpid()}"


@needs_root
def test_bounds_are_those_of_a_user(start, upstream, path, held):
    entrepot = start(listen=[{"address": f"unix:{path}", "mode": "0666"}],
                     limits={"connections": 40, "misses_per_client": 2})
    blobs = [upstream.add_blob(REPOSITORY, content.blob(64 * KIB, seed=n)) for n in range(4)]
    gate = Gate()
    upstream.script(faults.hold(gate), kind="blob", method="GET")
    waiting = []
    with unix_client.as_user(USER):
        for blob in blobs[:2]:
            waiting.append(held(unix_client.connect(path)))
            waiting[-1].send_request("GET", blob_target(blob))
        gate.wait_arrived(2)
        assert_error(unix_client.get(path, blob_target(blobs[2])), 429)
    with unix_client.as_user(OTHER):
        waiting.append(held(unix_client.connect(path)))
        waiting[-1].send_request("GET", blob_target(blobs[3]))
    gate.wait_arrived(3)
    gate.open()
    for connection, blob in zip(waiting, [blobs[0], blobs[1], blobs[3]]):
        assert_whole(connection.read_response(), blob)
    entrepot.log.wait_for(f"client uid {USER} has 2 requests in progress that wait")
    entrepot.log.wait_for(f"access unix:uid={OTHER},pid=")
    assert not entrepot.log.search(f"client uid {OTHER}")
    assert entrepot.metrics().sum("clients_limited_total", reason="misses") == 1


@needs_root
def test_a_user_that_holds_connections_leaves_others_served(start, path, held):
    entrepot = start(listen=[{"address": f"unix:{path}", "mode": "0666"}],
                     limits={"connections": 40, "connections_per_client": 4})
    refused = 0
    with unix_client.as_user(USER):
        for _ in range(40):
            connection = held(unix_client.connect(path))
            connection.send_request("GET", "/v2/")
            refused += connection.read_response().status == 429
    assert refused == 20
    with unix_client.as_user(OTHER):
        assert unix_client.get(path, "/v2/").status == 200
    entrepot.log.wait_for(f"client uid {USER} holds 20 of 40 connections")


@needs_root
@pytest.mark.parametrize("mode, admitted", [("0660", False), ("0606", True)])
def test_the_mode_decides_who_connects(start, path, mode, admitted):
    start(listen=[{"address": f"unix:{path}", "mode": mode}])
    assert stat.S_IMODE(path.stat().st_mode) == int(mode, 8)
    with unix_client.as_user(USER):
        if admitted:
            assert unix_client.get(path, "/v2/").status == 200
        else:
            with pytest.raises(PermissionError):
                unix_client.connect(path)


@pytest.mark.skipif(bool(os.environ.get("ENTREPOT_SANITIZE")),
                    reason="LeakSanitizer does not work under a tracer")
def test_no_moment_has_a_wider_mode(prepare, listen, directory):
    """The file appears with its mode or less, and gets the rest before it accepts clients."""
    trace = directory / "trace"
    entrepot = prepare(listen=listen)
    entrepot.start("strace", "-D", "-f", "-o", str(trace),
                   "-e", "trace=fchmod,bind,chmod,fchmodat,listen")
    calls = re.findall(r"\b(fchmod|bind|chmod|fchmodat|listen)\((.*)\) +=", trace.read_text())
    fd = next(rest.partition(",")[0] for name, rest in calls
              if name == "bind" and "mirror.sock" in rest)
    of_the_socket = [(name, rest.rpartition(", ")[2]) for name, rest in calls
                     if "mirror.sock" in rest or rest.startswith(f"{fd},")]
    assert [name for name, _ in of_the_socket][-4:] == ["fchmod", "bind", "chmod", "listen"], calls
    assert of_the_socket[-4][1] == of_the_socket[-2][1] == "0660"


# --- The file.


def test_the_end_removes_the_file(entrepot, path):
    assert stat.S_ISSOCK(path.stat().st_mode)
    entrepot.terminate()
    assert not path.exists()


def test_a_drain_removes_the_file_and_finishes_replies(start, upstream, path, listen):
    blob = upstream.add_blob(REPOSITORY, content.blob(4 * MIB))
    gate = Gate()
    upstream.script(faults.hold_at(2 * MIB, gate), kind="blob", method="GET")
    entrepot = start(listen=listen, timeouts={"drain": "20s"})
    with unix_client.connect(path) as connection:
        connection.send_request("GET", blob_target(blob))
        head = connection.read_head()
        assert head.status == 200
        os.kill(entrepot.pid, signal.SIGTERM)
        eventually(lambda: not path.exists(), what="the file is removed")
        gate.open()
        assert b"".join(connection.read_body(head)) == blob.data
    assert entrepot.wait_exit() == 0


def test_a_killed_process_is_replaced(entrepot, upstream, path):
    blob = upstream.add_blob(REPOSITORY, content.blob(MIB))
    assert_whole(unix_client.get(path, blob_target(blob)), blob)
    for _ in range(3):
        entrepot.restart(kill=True)
        assert_whole(unix_client.get(path, blob_target(blob)), blob)


def test_a_live_process_is_not_replaced(entrepot, prepare, path, listen):
    assert start_fails(prepare, listen) == (
        f"cannot listen on unix:{path}: another process listens on it")
    assert unix_client.get(path, "/v2/").status == 200
    assert entrepot.running


def test_the_file_of_a_successor_stays(entrepot, path):
    path.unlink()
    with socket.socket(socket.AF_UNIX) as successor:
        successor.bind(str(path))
        entrepot.terminate()
        assert path.exists()


def test_no_other_file_is_removed(prepare, path, listen):
    path.write_text("precious")
    assert "a file that is not a socket is there" in start_fails(prepare, listen)
    assert path.read_text() == "precious"


def test_a_failed_start_leaves_no_file(prepare, directory, path, listen):
    both = [*listen, {"address": f"unix:{directory}/absent/mirror.sock"}]
    assert f"the directory {directory}/absent does not exist" in start_fails(prepare, both)
    assert not path.exists()


def test_a_reload_keeps_the_socket(entrepot, path):
    before = path.stat().st_ino
    with unix_client.connect(path) as connection:
        entrepot.config["cache"]["max_size"] = "2GiB"
        reload(entrepot)
        entrepot.config["listen"][0]["mode"] = "0666"
        reload(entrepot)
        connection.send_request("GET", "/v2/")
        assert connection.read_response().status == 200
    assert path.stat().st_ino == before and stat.S_IMODE(path.stat().st_mode) == 0o666
    entrepot.log.wait_for(f"new permissions on unix:{path}$")


# --- Configuration and commands.


@pytest.mark.parametrize("listener, fault", [
    ('{"address":"unix:mirror.sock"}', "listen[0].address: \"mirror.sock\" is not an absolute path"),
    ('{"address":"unix:/%s"}' % ("x" * 107), "the path of a socket has at most 107"),
    ('{"address":"unix:/run/a","tls":{"certificates":[{"certificate":"a","key":"b"}]}}',
     "listen[0].tls: a unix socket needs no TLS"),
    ('{"address":"unix:/run/a","mode":"rw"}', "listen[0].mode: \"rw\" is not a mode"),
    ('{"address":"127.0.0.1:1","mode":"0660"}', "listen[0].mode: only a unix socket has one"),
    ('{"address":"unix:/run/a"},{"address":"unix:/run//a"}', "is listened on already"),
])
def test_the_check_of_a_configuration(listener, fault):
    done = run("check", "-s", f"listen=[{listener}]")
    assert done.returncode == EXIT_CONFIG and fault in done.stderr, done.stderr


def test_the_longest_path(start, directory):
    path = directory / ("x" * (107 - len(str(directory)) - 1))
    assert len(str(path)) == 107
    start(listen=[{"address": f"unix:{path}"}])
    assert unix_client.get(path, "/v2/").status == 200


def test_ports_and_sockets_beside_each_other(start, upstream, path, listen):
    entrepot = start(listen=[{"address": "127.0.0.1:0"}, *listen])
    blob = upstream.add_blob(REPOSITORY, content.blob(MIB))
    assert_whole(entrepot.get(blob_target(blob)), blob)
    settled(entrepot)
    assert_hit(unix_client.get(path, blob_target(blob)), blob)


def test_client_config_needs_a_port(listen):
    done = run("client-config", "docker", "-s", "cache.directory=/nonexistent",
               "-s", 'listen=[{"address":"unix:/run/a"}]')
    assert done.returncode == EXIT_USAGE
    assert "the mirror listens on a unix socket only" in done.stderr
    done = run("client-config", "docker", "-s", "cache.directory=/nonexistent",
               "-s", 'listen=[{"address":"unix:/run/a"},{"address":"127.0.0.1:5001"}]')
    assert done.returncode == 0 and "http://127.0.0.1:5001" in done.stdout


@pytest.fixture
def admin(directory):
    return directory / "admin.sock"


@pytest.fixture
def with_admin(start, listen, admin):
    return start(listen=listen, admin={"address": f"unix:{admin}", "mode": "0600"})


def test_the_admin_listener(with_admin, admin):
    with_admin.log.wait_for(f"admin on unix:{admin}; cache in")
    assert stat.S_IMODE(admin.stat().st_mode) == 0o600
    for target in ("/healthz", "/readyz", "/metrics", "/api/v1/cache"):
        assert unix_client.get(admin, target).status == 200, target
    with unix_client.connect(admin) as connection:
        connection.host = "evil.example"
        connection.send_request("GET", "/metrics")
        assert connection.read_response().status == 421
    with_admin.terminate()
    assert not admin.exists()


def test_the_commands_reach_the_admin_listener(with_admin, upstream, admin, path):
    blob = upstream.add_blob(REPOSITORY, content.blob(300 * KIB))
    assert_whole(unix_client.get(path, blob_target(blob)), blob)
    done = run("health", "--address", f"unix:{admin}")
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr
    done = run("cache", "stats", "--config", str(with_admin.config_path))
    assert done.returncode == 0, done.stderr
    assert f", on unix:{admin}\n" in done.stderr
    eventually(lambda: str(blob.digest) in run("cache", "ls", "--json", "--config",
                                               str(with_admin.config_path)).stdout)


@pytest.mark.parametrize("name, why", [("absent.sock", "No such file or directory"),
                                       ("dead.sock", "Connection refused")])
def test_health_of_a_process_that_is_not_there(directory, name, why):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(directory / "dead.sock"))
    done = run("health", "--address", f"unix:{directory}/{name}")
    assert done.returncode == 1
    assert done.stderr == (f"entrepot: the admin listener on unix:{directory}/{name} does not "
                           f"answer ({why})\n")


def test_health_refuses_a_path_that_is_none():
    done = run("health", "--address", "unix:admin.sock")
    assert done.returncode == EXIT_USAGE and "is not an absolute path" in done.stderr


@needs_root
def test_health_without_permission(with_admin, admin, directory):
    # The folder of the build may be closed to others.
    copy = shutil.copy(binary(), directory / "entrepot")
    done = subprocess.run(["setpriv", f"--reuid={USER}", "--clear-groups", copy, "health",
                           "--address", f"unix:{admin}"], env=environment(),
                          capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "does not answer (Permission denied)" in done.stderr
