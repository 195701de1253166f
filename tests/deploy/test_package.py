# SPDX-License-Identifier: Apache-2.0
"""The Debian package: its contents, and its life in a bare Debian, with systemd and without."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import threading
import time
from pathlib import Path

import pytest

from support import client, content, rootfs
from support.checks import REPOSITORY, assert_whole, blob_target, manifest_target
from support.daemon import run_command
from support.debian_root import Booted, DebianRoot
from support.gate import eventually
from support.metrics import Samples
from support.network import own_network
from support.release import SigningKey, repository_of
from support.upstream import ScriptedUpstream

PROJECT = Path(__file__).resolve().parent.parent.parent
MIB = content.MIB
UNIT = "/usr/lib/systemd/system/entrepot.service"
CONFIG = "/etc/entrepot/entrepot.json"
CACHE = "/var/lib/entrepot"
DROP_IN = "/etc/systemd/system/entrepot.service.d/test.conf"
PORT, ADMIN = 5000, 5080
MOST_BINARY = 15 * MIB
LONGEST_INSTALLATION = 60.0  # seconds from the package to an answer, on 2 cores

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="changes root: as root only")


# --- The contents of the package.


class Package:
    def __init__(self, file: Path):
        self.file = file
        # "drwxr-xr-x root/root   0 2026-11-22 10:29 ./etc/"
        self.entries = {line.split(maxsplit=5)[5].removeprefix("."): line.split(maxsplit=5)
                        for line in run_command("dpkg-deb", "--contents", file).stdout.splitlines()}

    def field(self, name: str) -> str:
        return run_command("dpkg-deb", "--field", self.file, name).stdout.strip()

    def unpack(self, directory: Path) -> Path:
        run_command("dpkg-deb", "--raw-extract", self.file, directory)
        return directory

    def successor(self, directory: Path) -> "Package":
        """A later version, whose shipped configuration differs."""
        tree = self.unpack(directory / "successor")
        control = tree / "DEBIAN/control"
        control.write_text(re.sub(r"(?m)^Version: .*$", "Version: 99", control.read_text()))
        config = tree / CONFIG.lstrip("/")
        config.write_text("// Of version 99.\n" + config.read_text())
        (tree / "DEBIAN/md5sums").unlink()
        file = directory / "successor.deb"
        run_command("dpkg-deb", "--root-owner-group", "--build", tree, file)
        return Package(file)


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> Package:
    directory = tmp_path_factory.mktemp("package")
    build = os.environ["ENTREPOT_BUILD_DIR"]
    run_command(PROJECT / "deploy/package.sh", "--built", build, directory)
    return Package(next(directory.glob("entrepot_*.deb")))


@pytest.fixture
def tree(package, tmp_path) -> Path:
    return package.unpack(tmp_path / "tree")


def test_modes_and_owners(package):
    assert {(entry[1]) for entry in package.entries.values()} == {"root/root"}
    modes = {name: entry[0] for name, entry in package.entries.items()}
    assert modes.pop("/etc/entrepot/credentials/") == "drwxr-x---"
    assert modes.pop("/usr/bin/entrepot") == "-rwxr-xr-x"
    for name, mode in modes.items():
        assert mode == ("drwxr-xr-x" if name.endswith("/") else "-rw-r--r--"), name


def test_names(package):
    names = set(package.entries)
    assert {UNIT, CONFIG, "/usr/bin/entrepot", "/usr/share/man/man8/entrepot.8.gz",
            "/usr/share/doc/entrepot/copyright", "/usr/share/doc/entrepot/README.md"} <= names
    # A configuration, and nothing else, has that name.
    assert not [name for name in names if "/examples/" in name and name.endswith("/entrepot.json")]
    assert not [name for name in names if not re.match(
        r"/(etc/|usr/|usr/bin/|usr/lib/|usr/lib/systemd/|usr/lib/systemd/system/|usr/share/|"
        r"usr/share/doc/|usr/share/man/|usr/share/man/man8/|usr/share/bash-completion/(completions/)?|"
        r"usr/share/zsh/(vendor-completions/)?|usr/share/fish/(vendor_completions.d/)?|.*entrepot.*)$", name)]


def test_the_examples_that_the_documents_name_are_there(package):
    texts = [PROJECT / "README.md", PROJECT / "README.zh-CN.md", *PROJECT.glob("docs/**/*.md"),
             PROJECT / "deploy/man/entrepot.8", PROJECT / "deploy/systemd/entrepot.service"]
    named = {path for text in texts
             for path in re.findall(r"/usr/share/doc/entrepot/examples/[\w./-]*\w", text.read_text())}
    assert len(named) >= 7
    assert named <= {name.rstrip("/") for name in package.entries}


@pytest.mark.parametrize("shell,file", [
    ("bash", "bash-completion/completions/entrepot"), ("zsh", "zsh/vendor-completions/_entrepot"),
    ("fish", "fish/vendor_completions.d/entrepot.fish")])
def test_completions_are_those_of_the_program(tree, shell, file):
    made = run_command(Path(os.environ["ENTREPOT_BUILD_DIR"]) / "entrepot", "completion", shell)
    assert (tree / "usr/share" / file).read_text() == made.stdout


def test_the_binary_is_small_and_stripped(package, tree):
    binary = tree / "usr/bin/entrepot"
    assert binary.stat().st_size <= MOST_BINARY
    print(f"binary {binary.stat().st_size / MIB:.1f} MiB, "
          f"package {package.file.stat().st_size / MIB:.1f} MiB")
    assert ".symtab" not in run_command("readelf", "--wide", "--sections", binary).stdout


def test_the_package_names_its_dependencies(package):
    """Checks that these are all dependencies: the tests below run it in a system that has nothing
    else."""
    named = set(re.findall(r"(?:^|, )([a-z0-9.+-]+)", package.field("Depends")))
    assert {"adduser", "ca-certificates", "procps"} <= named
    for library in ("libc6", "libcrypt1", "libevent-2.1-7", "libre2", "librocksdb", "libssl3",
                    "libtomlplusplus", "libyaml-cpp"):
        assert [name for name in named if name.startswith(library)], library
    if package.field("Version").endswith("~debian12"):
        assert "libevent-2.1-7 (>= 2.1.12-stable-8+deb12u1)" in package.field("Depends")


def test_the_configuration_is_the_one_of_the_source_but_for_the_cache(package, tree):
    def values(file: Path) -> dict:
        return json.loads(re.sub(r"(?m)^\s*//.*$|//[^\"\n]*$", "", file.read_text()))
    packaged = values(tree / CONFIG.lstrip("/"))
    source = values(PROJECT / "conf/entrepot.json")
    assert packaged["cache"].pop("directory") == CACHE
    assert packaged == source
    assert (tree / "DEBIAN/conffiles").read_text().split() == [CONFIG]


def test_the_unit_is_the_one_of_the_source(tree):
    assert (tree / UNIT.lstrip("/")).read_text() == (
        PROJECT / "deploy/systemd/entrepot.service").read_text()


# --- Installation, upgrade and removal.


@pytest.fixture(scope="module")
def root(package):
    """A bare Debian in which apt has installed the package with its dependencies, from a signed repository, and
    purged the package again."""
    made = DebianRoot(Path(os.environ["ENTREPOT_BUILD_DIR"]))
    key = SigningKey()
    try:
        shutil.copy(package.file, made.file("/opt/first.deb"))
        repository = repository_of(package.file, made.file("/opt/repository"), key)
        source = made.file("/etc/apt/sources.list.d/test.list")
        source.write_text("deb [signed-by=/opt/repository/entrepot.gpg] file:/opt/repository "
                          f"{rootfs.suite_of_this_system()} main\n")
        begun = time.monotonic()
        made.run("apt-get", "update", "-q", "-oDir::Etc::sourcelist=sources.list.d/test.list",
                 "-oDir::Etc::sourceparts=-", "-oAPT::Get::List-Cleanup=0")
        made.install("entrepot")
        print(f"apt-get install, downloads included: {time.monotonic() - begun:.1f} s")
        made.run("dpkg", "--purge", "entrepot")
        shutil.rmtree(repository)
        source.unlink()
        yield made
    finally:
        key.remove()
        made.remove()


@pytest.fixture
def network(root):  # which apt makes with the network of this system
    """Every port is free, and no other process sends requests."""
    with own_network():
        yield


@pytest.fixture
def upstream(network):
    made = ScriptedUpstream()
    yield made
    made.stop()


def set_of_unit(root: DebianRoot, key: str) -> str:
    return re.search(rf"(?m)^{key}=(.*)$", root.file(UNIT).read_text())[1]


def mode_and_owner(root: DebianRoot, name: str) -> str:
    return root.run("stat", "--format=%a %U:%G", name).stdout.strip()


def answers(target: str = "/v2/", port: int = PORT) -> bool:
    try:
        return client.get(port, target).status == 200
    except ConnectionError:
        return False


def configure(root: DebianRoot, upstream: ScriptedUpstream, **upstream_keys) -> None:
    """Writes the configuration as an operator would."""
    docker_hub = {"endpoints": [{"url": upstream.url}], **upstream_keys}
    root.file(CONFIG).write_text(json.dumps({
        "upstreams": {"docker.io": docker_hub}, "cache": {"directory": CACHE, "reserve_free": 0}}))


def assert_pulls(image: content.Image) -> None:
    assert_whole(client.get(PORT, manifest_target("latest")), image.manifest)
    for blob in image.blobs:
        assert_whole(client.get(PORT, blob_target(blob)), blob)


def assert_gone(root: DebianRoot) -> None:
    """Only dpkg's log still has its name, and no file lacks an owner."""
    left = root.run("find", "/", "-xdev", "(", "-name", "*entrepot*", "-o", "-nouser", "-o",
                    "-nogroup", ")").stdout.split()
    assert not left
    assert root.run("getent", "passwd", "entrepot", check=False).returncode == 2
    assert root.run("getent", "group", "entrepot", check=False).returncode == 2


@needs_root
def test_without_systemd(package, root, upstream, tmp_path):
    """As in a container, or during the build of an image."""
    assert_gone(root)
    root.run("dpkg", "--install", "/opt/first.deb")
    assert mode_and_owner(root, CACHE) == "700 entrepot:entrepot"
    assert mode_and_owner(root, CONFIG) == "644 root:root"
    assert mode_and_owner(root, "/etc/entrepot/credentials") == "750 root:entrepot"
    user = root.run("getent", "passwd", "entrepot").stdout.strip().split(":")
    assert user[5:] == [CACHE, "/usr/sbin/nologin"] and int(user[2]) < 1000
    assert "good" in root.run("entrepot", "check", "--config", CONFIG).stdout
    assert root.run("systemctl", "is-enabled", "entrepot").stdout.strip() == "enabled"

    image = upstream.add_image(REPOSITORY, content.image((1000, MIB)), "latest")
    command = set_of_unit(root, "ExecStart").split()
    redirect = f'upstreams.docker.io.endpoints=[{{"url":"{upstream.url}"}}]'
    daemon = root.start(set_of_unit(root, "User"), *command, "-s", redirect,
                        "-s", "cache.reserve_free=0")
    daemon.log.wait_for(f"listening on 127.0.0.1:{PORT}; admin on 127.0.0.1:{ADMIN}")
    assert_pulls(image)
    eventually(lambda: "\nentrepot_flights 0\n" in client.get(ADMIN, "/metrics").body.decode(),
               what="no flights")
    daemon.stop()
    daemon.log.wait_for("stopped")

    # A command that root runs on the cache leaves all files to the service's user.
    listing = root.run("entrepot", "cache", "ls", "--json", "--config", CONFIG).stdout
    assert image.manifest.digest in listing and image.layers[1].digest in listing
    assert not root.run("find", CACHE, "-not", "-user", "entrepot").stdout

    # An unchanged configuration follows the package; a changed one stays.
    successor = package.successor(tmp_path)
    shutil.copy(successor.file, root.file("/opt/second.deb"))
    root.run("dpkg", "--install", "/opt/second.deb")
    assert root.file(CONFIG).read_text().startswith("// Of version 99.")
    root.run("dpkg", "--install", "/opt/first.deb")
    root.file(CONFIG).write_text("{} // mine\n")
    root.run("dpkg", "--force-confold", "--install", "/opt/second.deb")
    assert root.file(CONFIG).read_text() == "{} // mine\n"
    assert root.file(CONFIG + ".dpkg-dist").read_text().startswith("// Of version 99.")
    stored = root.run("find", CACHE, "-name", image.layers[1].digest[7:]).stdout
    assert stored, "an upgrade keeps the cache"

    root.run("dpkg", "--remove", "entrepot")
    assert root.file(CONFIG).read_text() == "{} // mine\n"
    assert root.run("find", CACHE, "-name", image.layers[1].digest[7:]).stdout == stored
    root.run("dpkg", "--purge", "entrepot")
    assert_gone(root)


@pytest.fixture
def booted(root, network):
    try:
        system = Booted(root)
    except Booted.CannotBoot as problem:
        pytest.skip(f"systemd cannot be run here: {problem}")
    yield system
    system.stop()


@needs_root
def test_with_systemd(package, root, network, booted, upstream, tmp_path):
    begun = time.monotonic()
    booted.run("dpkg", "--install", "/opt/first.deb")
    eventually(answers, what="an answer")
    took = time.monotonic() - begun
    print(f"from the package to an answer: {took:.1f} s")
    assert took < LONGEST_INSTALLATION
    assert booted.run("systemctl", "is-enabled", "entrepot").stdout.strip() == "enabled"
    status = f"listening on 127.0.0.1:{PORT}; admin on 127.0.0.1:{ADMIN}"
    assert booted.property("entrepot", "StatusText") == status

    _check_sandbox(booted)
    image = upstream.add_image(REPOSITORY, content.image((1000, MIB)), "latest")
    _check_password_and_pull(root, booted, upstream, image)
    _check_new_passwords(root, booted, upstream)
    _check_reload(root, booted, status)
    _check_watchdog(root, booted)
    assert_pulls(image)
    _check_another_place(root, booted)

    # An upgrade of a running service.
    before = booted.property("entrepot", "MainPID")
    mine = root.file(CONFIG).read_text()
    shutil.copy(package.successor(tmp_path).file, root.file("/opt/second.deb"))
    with Clients(image) as clients:
        booted.run("dpkg", "--force-confold", "--install", "/opt/second.deb")
        assert booted.property("entrepot", "ActiveState") == "active"
        after = booted.property("entrepot", "MainPID")
        assert after != before
        arguments = booted.run("cat", f"/proc/{after}/cmdline").stdout.split("\0")
        assert "--replace" in arguments, "the running process has started it"
        clients.served_again()
        booted.run("systemctl", "restart", "entrepot")
        assert booted.property("entrepot", "MainPID") != after
        clients.served_again()
    assert root.file(CONFIG).read_text() == mine
    gets = len(upstream.requests("blob"))
    assert_pulls(image)
    assert len(upstream.requests("blob")) == gets, "from the cache"

    booted.run("dpkg", "--remove", "entrepot")
    assert not answers()
    booted.run("dpkg", "--purge", "entrepot")
    assert booted.property("entrepot", "LoadState") == "not-found"
    shutil.rmtree(root.file(DROP_IN).parent)  # the test's own
    assert_gone(root)


class Clients:
    """Clients that get blobs all the time; none may fail."""

    def __init__(self, image: content.Image):
        self._blob = image.layers[1]
        self._served = 0
        self._failures: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._get, daemon=True)

    def _get(self) -> None:
        while not self._stop.is_set():
            try:
                response = client.get(PORT, blob_target(self._blob))
                assert response.status == 200 and response.body == self._blob.data, response
                self._served += 1
            except Exception as failure:  # pylint: disable=broad-except
                self._failures.append(repr(failure))

    def served_again(self) -> None:
        before = self._served
        eventually(lambda: self._served > before + 1 or self._failures, what="an answer")
        assert not self._failures, self._failures[:3]

    def __enter__(self) -> "Clients":
        self._thread.start()
        self.served_again()
        return self

    def __exit__(self, *_) -> None:
        self._stop.set()
        self._thread.join(30)


def _status_of_process(booted: Booted) -> dict[str, str]:
    text = booted.run("cat", f"/proc/{booted.property('entrepot', 'MainPID')}/status").stdout
    return dict(re.findall(r"(?m)^(\w+):\s*(.*)$", text))


def _check_sandbox(booted: Booted) -> None:
    status = _status_of_process(booted)
    user = booted.run("id", "--user", "entrepot").stdout.strip()
    assert status["Uid"].split() == [user] * 4
    assert {int(status[name], 16) for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")} == {0}
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
    limits = booted.run("cat", f"/proc/{booted.property('entrepot', 'MainPID')}/limits").stdout
    files = min(65536, resource.getrlimit(resource.RLIMIT_NOFILE)[1])  # no more than here
    assert re.search(rf"Max open files\s+{files}\s+{files}", limits), limits
    assert re.search(r"Max core file size\s+0\s+0", limits)


def _check_password_and_pull(root: DebianRoot, booted: Booted, upstream: ScriptedUpstream,
                             image: content.Image) -> None:
    """A password that only root can read reaches the service, and the registry."""
    upstream.role.require_basic({"robot": "s3cret"})
    secret = root.file("/etc/entrepot/credentials/hub")
    secret.write_text("s3cret\n")
    secret.chmod(0o600)
    configure(root, upstream,
              credentials=[{"username": "robot", "password_file": "credentials/hub"}])
    assert "good" in booted.run("entrepot", "check", "--config", CONFIG).stdout
    booted.run("systemctl", "restart", "entrepot")
    assert_pulls(image)
    strangers = booted.run("find", CACHE, "-not", "-user", "entrepot", "-o", "-perm", "/077").stdout
    assert not strangers


def _check_new_passwords(root: DebianRoot, booted: Booted, upstream: ScriptedUpstream) -> None:
    """A reload reads a changed password if the service may read its file. systemd hands over a copy
    of a file that only root can read, at the next start."""
    secret = root.file("/etc/entrepot/credentials/hub")

    def reloads() -> float:
        return Samples(client.get(ADMIN, "/metrics").body.decode()).sum("reloads_total", result="done")

    def status_with(password: str, command: str, tag: str) -> int:
        upstream.role.require_basic({"robot": password})
        upstream.add_image(REPOSITORY, content.image((1000,)), tag)
        secret.write_text(password + "\n")
        before = reloads()
        booted.run("systemctl", command, "entrepot")  # a restart ends when it serves
        eventually(lambda: command == "restart" or reloads() > before, what="the reload is done")
        return client.get(PORT, manifest_target(tag)).status
    assert status_with("second", "reload", "v2") != 200
    assert status_with("third", "restart", "v3") == 200
    booted.run("chgrp", "entrepot", "/etc/entrepot/credentials/hub")
    booted.run("chmod", "0640", "/etc/entrepot/credentials/hub")
    assert status_with("fourth", "reload", "v4") == 200
    assert status_with("fifth", "restart", "v5") == 200


def _check_reload(root: DebianRoot, booted: Booted, status: str) -> None:
    good = root.file(CONFIG).read_text()
    root.file(CONFIG).write_text("{ nonsense")
    booted.run("systemctl", "reload", "entrepot")
    eventually(lambda: booted.property("entrepot", "StatusText")
               == f"{status}; the last SIGHUP was refused, see the log", what="a refusal")
    root.file(CONFIG).write_text(good)
    booted.run("systemctl", "reload", "entrepot")
    eventually(lambda: booted.property("entrepot", "StatusText") == status, what="a reload")
    assert booted.property("entrepot", "ActiveState") == "active"


def _restart_with(root: DebianRoot, booted: Booted, *lines: str) -> None:
    """`systemctl edit entrepot`, and a restart."""
    drop_in = root.file(DROP_IN)
    drop_in.parent.mkdir(parents=True, exist_ok=True)
    drop_in.write_text("\n".join(("[Service]", *lines, "")))
    booted.run("systemctl", "daemon-reload")
    booted.run("systemctl", "restart", "entrepot")


def _check_another_place(root: DebianRoot, booted: Booted) -> None:
    """A cache on another disk and a privileged port: the head of the unit tells an operator
    enough."""
    before = root.file(CONFIG).read_text()
    lines = set(re.findall(r"(?m)^#.* {3}(\w+=\S+)", root.file(UNIT).read_text()))
    assert "ReadWritePaths=/srv/entrepot" in lines and len(lines) == 4
    booted.run("install", "-d", "-o", "entrepot", "-g", "entrepot", "-m", "0700", "/srv/entrepot")
    root.file(CONFIG).write_text('{ "cache": { "directory": "/srv/entrepot", "reserve_free": 0 },'
                                 '  "listen": [ { "address": "127.0.0.1:80" } ] }')
    _restart_with(root, booted, *lines)
    eventually(lambda: answers(port=80), what="an answer on port 80")
    assert root.file("/srv/entrepot/LOCK").exists()
    assert _status_of_process(booted)["Seccomp"] == "2"
    root.file(CONFIG).write_text(before)
    _restart_with(root, booted)
    booted.run("rm", "-r", "/srv/entrepot")


def _check_watchdog(root: DebianRoot, booted: Booted) -> None:
    """The service manager replaces a process that stands still, and not one that runs."""
    _restart_with(root, booted, "WatchdogSec=3s", "RestartSec=100ms")
    first = booted.property("entrepot", "MainPID")
    fed = booted.property("entrepot", "WatchdogTimestampMonotonic")
    eventually(lambda: booted.property("entrepot", "WatchdogTimestampMonotonic") != fed,
               what="a sign of life")
    assert booted.property("entrepot", "MainPID") == first
    booted.run("kill", "-STOP", first)
    eventually(lambda: booted.property("entrepot", "NRestarts") == "1" and answers(),
               what="another process")
    assert booted.property("entrepot", "MainPID") != first
