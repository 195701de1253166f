# SPDX-License-Identifier: Apache-2.0
"""The system of the engines, changed by one phase only, and the mirror with its registry before them."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from support import https, logins
from support.config import settings
from support.daemon import Daemon, run_command
from support.docker_registry import DockerRegistry
from support.entrepot import Entrepot, run

HTTP, HTTPS, LOGIN, CERTIFICATE = MODES = ("http", "https", "login", "certificate")
# An address of this machine outside of 127.0.0.0/8, where Docker reads no certificates.
HOST = "10.89.0.1"
USER, PASSWORD = "alice", "wonder-land"
FILES = "/etc/matrix"  # the files of Access in the system of the engines
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8",
                "TMPDIR": "/srv/tmp", "XDG_RUNTIME_DIR": ""}
_numbers = itertools.count()


class Failed(Exception):
    """An engine has failed: the line that says why, and all of its output."""

    def __init__(self, line: str, output: str = ""):
        super().__init__(line)
        self.output = output


class System:
    """The installed system under a layer in memory, which stop() discards with all processes that it
    started."""

    def __init__(self, root: Path, work: Path):
        self._work = work / f"system-{next(_numbers)}"
        self.path = self._work / "root"
        for name in ("root", "upper", "work"):
            (self._work / name).mkdir(parents=True)
        self._daemons: list[Daemon] = []
        self._mount("-t", "overlay", "matrix", self.path, "-o",
                    f"lowerdir={root},upperdir={self._work}/upper,workdir={self._work}/work")
        self._mount("-t", "proc", "proc", self.path / "proc")
        for place in ("dev", "sys"):
            self._mount("--rbind", f"/{place}", self.path / place)
        for place in ("run", "srv"):
            self._mount("-t", "tmpfs", "matrix", self.path / place)
        (self.path / "srv/tmp").mkdir()
        (self.path / "var/tmp").mkdir(exist_ok=True)

    @staticmethod
    def _mount(*arguments: str | Path) -> None:
        run_command("mount", *arguments)

    def file(self, name: str) -> Path:
        return self.path / name.lstrip("/")

    def write(self, name: str, text: str) -> None:
        self.file(name).parent.mkdir(parents=True, exist_ok=True)
        self.file(name).write_text(text)

    def command(self, *command: str, **environment: str) -> list[str]:
        return ["chroot", str(self.path), "env", "-i",
                *(f"{key}={value}" for key, value in {**_ENVIRONMENT, **environment}.items()), *command]

    def run(self, *command: str, stdin: str = "", **environment: str) -> str:
        """Returns what it printed; raises Failed."""
        # A file, because helpers that outlive the command would keep a pipe open.
        with tempfile.TemporaryFile("w+", errors="replace") as output:
            try:
                code = subprocess.run(self.command(*command, **environment), input=stdin, timeout=180,
                                      stdout=output, stderr=subprocess.STDOUT, text=True,
                                      check=False).returncode
            except subprocess.TimeoutExpired:
                code = f"none in 180 s"
            output.seek(0)
            said = output.read()
        if code != 0:
            last = [line for line in said.splitlines() if line.strip()] or ["no output"]
            raise Failed(f"{' '.join(command[:3])}: exit {code}: {last[-1][-300:]}", said)
        return said

    def start(self, *command: str, until: str, **environment: str) -> Daemon:
        """A process that has logged a line like `until`."""
        daemon = Daemon(*self.command(*command, **environment))
        self._daemons.append(daemon)
        try:
            daemon.log.wait_for(until, timeout=60)
        except AssertionError:
            raise Failed(f"{command[0]} does not start: {' / '.join(daemon.log.lines[-3:])[-600:]}") \
                from None
        return daemon

    def stop(self) -> None:
        for daemon in reversed(self._daemons):
            daemon.stop(20)
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                # Only helpers that daemons and commands left behind: the namespace has no others.
                if os.readlink(process / "root").startswith(str(self.path)):
                    os.kill(int(process.name), signal.SIGKILL)
        run_command("umount", "--recursive", "--lazy", self.path, check=False)
        shutil.rmtree(self._work, ignore_errors=True)


def installed(root: Path, package: str) -> str | None:
    """The version of a package in the system of the engines."""
    done = subprocess.run(["chroot", root, "dpkg-query", "--show", "--showformat=${Version}", package],
                          capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 and done.stdout else None


@dataclass
class Access:
    """How an engine reaches the mirror, with the files that it needs, on this system."""

    mode: str
    port: int
    config: Path
    files: dict[str, Path] = field(default_factory=dict)

    @property
    def host(self) -> str:
        return f"{HOST}:{self.port}"

    @property
    def plain(self) -> bool:
        return self.mode == HTTP

    @property
    def url(self) -> str:
        return f"{'http' if self.plain else 'https'}://{self.host}"

    def place(self, system: System) -> None:
        """Copies the files to FILES of the system, for engines that client-config does not know."""
        system.file(FILES).mkdir()
        for name, file in self.files.items():
            shutil.copy(file, system.file(FILES) / name)

    def client_config(self, system: System, engine: str, *more: str, private: bool = True) -> None:
        """Configures an engine. Without `private`, its users give it authority and login."""
        options = ["--root", str(system.path), "--config", str(self.config), "--mirror", self.url, *more]
        if private and not self.plain:
            options += ["--ca", str(self.files["ca.pem"])]
        if private and self.mode == LOGIN:
            options += ["--user", USER, "--password-file", str(self.files["password"])]
        if self.mode == CERTIFICATE:
            options += ["--client-cert", str(self.files["client.pem"]),
                        "--client-key", str(self.files["client.key"])]
        done = run("client-config", engine, "--write", *options)
        if done.returncode != 0:
            raise Failed(f"client-config {engine} --write: {done.stderr.strip()[-300:]}")

    def check(self, system: System, engine: str, *more: str) -> None:
        done = run("client-config", engine, "--check", "--root", str(system.path), "--config",
                   str(self.config), "--mirror", self.url, *more)
        if done.returncode != 0:
            raise Failed(f"client-config {engine} --check: {(done.stdout + done.stderr).strip()[-300:]}")


class Mirror:
    """Entrepot with one listener of the given mode, before a registry of its own."""

    def __init__(self, store: Path, work: Path, mode: str):
        directory = work / f"mirror-{next(_numbers)}"
        directory.mkdir()
        self.registry = DockerRegistry(store)
        authority, fleet = https.Authority(directory / "ca"), https.Authority(directory / "fleet")
        listener = {"address": f"{HOST}:0"}
        if mode != HTTP:
            listener = https.listening(authority.leaf("mirror", hosts=[f"IP:{HOST}"]),
                                       address=f"{HOST}:0")
        if mode == LOGIN:
            listener["auth"] = {"htpasswd": str(logins.write_users(directory / "users",
                                                                   {USER: PASSWORD}))}
        if mode == CERTIFICATE:
            listener["tls"]["client_ca"] = str(fleet.certificate)
        upstream = {"endpoint": self.registry.url, "tags": {"fresh_for": "1s", "stale_for": "1d"}}
        self._entrepot = Entrepot(directory, settings(
            directory / "cache", {"docker.io": upstream}, listen=[listener],
            limits={"transfers_per_blob": 4})).start()
        certificate, key = fleet.leaf("node", usage="clientAuth")
        (directory / "password").write_text(PASSWORD + "\n")
        self.access = Access(mode, self._entrepot.ports[0], self._entrepot.config_path, {
            "ca.pem": authority.certificate, "client.pem": certificate, "client.key": key,
            "password": directory / "password"})

    def blobs_sent(self) -> int:
        """Blobs that engines have got by now."""
        return sum(1 for line in self._entrepot.log.lines
                   if "access " in line and "/blobs/" in line and '" 20' in line)

    def blobs_fetched(self) -> int:
        return sum(self.registry.gets("blobs").values())

    def log(self) -> str:
        return self._entrepot.log.text

    def stop(self) -> None:
        with contextlib.suppress(AssertionError):
            self._entrepot.close()
        self.registry.stop()


def own_network() -> None:
    run_command("ip", "link", "set", "lo", "up")
    run_command("ip", "address", "add", f"{HOST}/32", "dev", "lo")


def docker_config(host: str) -> str:
    """The login in the form of docker's config.json, which most engines read."""
    basic = logins.basic(USER, PASSWORD)["Authorization"].split()[1]
    return json.dumps({"auths": {host: {"auth": basic}}})


def environment_of(access: Access) -> dict[str, str]:
    """For programs in Go, which trust the authorities of this file only."""
    return {} if access.plain else {"SSL_CERT_FILE": f"{FILES}/ca.pem"}

