# SPDX-License-Identifier: Apache-2.0
"""A Debian of this system's release in a directory: tests install packages in it, change root into
it, and boot it."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
from pathlib import Path

from . import rootfs
from .daemon import Daemon, ShortDirectory, run_command
from .gate import eventually

APT_SETTINGS = Path(__file__).resolve().parents[2] / "deploy/release/apt_settings.sh"
_VERSION = 2  # of the root that this file makes; another version makes it again
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8",
                "DEBIAN_FRONTEND": "noninteractive"}


class DebianRoot:
    """A Debian with systemd, which does not run. The first one is made by debootstrap, with
    packages from the mirror this system uses; later ones of the same build directory are
    unpacked."""

    def __init__(self, build: Path):
        self._directory = ShortDirectory("root")
        self.path = self._directory.path / "root"
        # The directory above is private; users other than root must pass it.
        self._directory.path.chmod(0o755)
        cache = build / "test-cache"
        cache.mkdir(parents=True, exist_ok=True)
        done = cache / f"root-{rootfs.suite_of_this_system()}-{_VERSION}.tar"
        with open(cache / "lock", "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                self._make(cache)
                rootfs.pack(self.path, done)
                return
        rootfs.unpack(done, self.path)

    def _make(self, cache: Path) -> None:
        rootfs.debootstrap(cache, self.path)
        mirror = _mirror().rstrip("/")
        suite = rootfs.suite_of_this_system()
        (self.path / "etc/apt/sources.list").write_text(
            f"deb {mirror} {suite} main\n"
            f"deb {mirror}-security {suite}-security main\n")
        (self.path / "etc/apt/apt.conf.d/90of-the-host").write_text(run_command(APT_SETTINGS).stdout)
        shutil.copy("/etc/resolv.conf", self.path / "etc/resolv.conf")
        # The root lives for one test.
        (self.path / "etc/dpkg/dpkg.cfg.d/unsafe-io").write_text("force-unsafe-io\n")
        self.run("apt-get", "update", "-q")
        self.install("systemd")

    def file(self, name: str) -> Path:
        return self.path / name.lstrip("/")

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess:
        return run_command("chroot", self.path, "env", "-i",
                           *(f"{key}={value}" for key, value in _ENVIRONMENT.items()), *command,
                           check=check)

    def install(self, *packages: str) -> None:
        """Installs packages by name, or by path in this root, with their dependencies."""
        self.run("apt-get", "install", "-q", "-y", "--no-install-recommends", *packages)

    def start(self, user: str, *command: str) -> Daemon:
        """Starts a process of another user in this root; it ends with the test."""
        return Daemon("chroot", self.path, "setpriv", f"--reuid={user}", f"--regid={user}",
                      "--init-groups", "--pdeathsig", "KILL", "--", *command)

    def remove(self) -> None:
        self._directory.remove()


class Booted:
    """A root whose systemd runs, in the network of the thread that makes it. Raises CannotBoot if
    this system does not allow it."""

    class CannotBoot(Exception):
        pass

    def __init__(self, root: DebianRoot):
        self._nspawn = Daemon("systemd-nspawn", "--quiet", "--register=no", "--keep-unit",
                              "--console=pipe", "--link-journal=no", "--resolv-conf=off",
                              f"--machine=entrepot-{os.getpid()}", f"--directory={root.path}",
                              "/lib/systemd/systemd",
                              env={"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"})
        self._leader = 0  # its process 1, by the number on this system
        try:
            eventually(self._booted, what="the end of the boot")
        except AssertionError as problem:
            self.stop()
            raise Booted.CannotBoot(f"{problem}; {self._nspawn.log.text}") from None

    def _booted(self) -> bool:
        if not self._nspawn.running:
            raise AssertionError("systemd-nspawn has ended")
        try:
            children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children")
            leader = int(children.read_text())
            # At the start it has a child that still belongs to this system.
            if os.readlink(f"/proc/{leader}/ns/pid") == os.readlink("/proc/self/ns/pid"):
                return False
        except (ValueError, OSError):
            return False
        self._leader = leader
        state = self.run("systemctl", "is-system-running", check=False).stdout.strip()
        return state in ("running", "degraded")

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess:
        return run_command("nsenter", "--target", str(self._leader), "--mount", "--uts", "--ipc", "--pid",
                           "--cgroup", "--root", "--wd=/", "env", "-i",
                           *(f"{key}={value}" for key, value in _ENVIRONMENT.items()), *command,
                           check=check)

    def property(self, unit: str, name: str) -> str:
        return self.run("systemctl", "show", "--value", f"--property={name}", unit).stdout.strip()

    def stop(self) -> None:
        """Killed, not shut down: only this test uses the root."""
        if self._leader and self._nspawn.running:
            os.kill(self._leader, signal.SIGKILL)
        self._nspawn.stop()


def _mirror() -> str:
    """The Debian mirror of this system."""
    return subprocess.run([APT_SETTINGS.with_name("debian_mirror.sh")], check=True, stdout=subprocess.PIPE,
                          text=True).stdout.strip()
