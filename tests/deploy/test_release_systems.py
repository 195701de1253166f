# SPDX-License-Identifier: Apache-2.0
"""The systems that deploy/release.sh builds in: it checks all that it needs before it makes the first one, keeps what is
built when a later one fails, and gives them no hooks of this machine's apt. debootstrap and unshare are replaced, so
nothing is downloaded or built, and the commit is one of a clone that has the scripts alone."""

from __future__ import annotations

import functools
import http.server
import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from support.daemon import run_command
from support.release import PROJECT

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="deploy/release.sh makes its systems as root")
COMMANDS = ("apt-config", "apt-ftparchive", "bash", "cat", "chroot", "dirname", "dpkg", "dpkg-deb", "env", "git", "grep",
            "gzip", "ls", "python3", "sed", "tail", "unshare", "wget")

DEBOOTSTRAP = """#!/bin/sh
for suite; do case $suite in bookworm|trixie|noble) break ;; esac; done
echo "system $suite" >>"$CALLS"
for system; do case $system in */*-amd64|*/*-arm64) break ;; esac; done
mkdir -p "$system/etc/apt/apt.conf.d" "$system/etc/apt/sources.list.d" "$system/etc/dpkg/dpkg.cfg.d" "$system/opt"
"""
# Instead of a command in the system: its build fails for $FAILS.
UNSHARE = """#!/bin/sh
while [ "$1" != -- ]; do shift; done
system=$5 command=$6
case $command in */build.sh)
  echo "build $(basename "$system")" >>"$CALLS"
  [ "$(basename "$system")" != "$FAILS" ] || exit 1
  mkdir "$system/out"
esac
"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(name="mirror")
def _mirror(tmp_path):
    """Has what the check asks for."""
    folder = tmp_path / "mirror"
    for name in ("debian/dists/bookworm", "debian/dists/bookworm-updates", "debian-security/dists/bookworm-security",
                 "debian/dists/trixie", "debian/dists/trixie-updates", "debian-security/dists/trixie-security"):
        (folder / name).mkdir(parents=True)
        (folder / name / "InRelease").write_text("Suite\n")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever).start()
    yield f"http://127.0.0.1:{server.server_port}/debian", folder
    server.shutdown()
    server.server_close()


class Run:
    """deploy/release.sh with the two replaced tools."""

    def __init__(self, directory: Path, mirror: str):
        self.directory = directory
        self.arch = run_command("dpkg", "--print-architecture").stdout.strip()
        self.tools = directory / "tools"
        self.tools.mkdir()
        for name, text in (("debootstrap", DEBOOTSTRAP), ("unshare", UNSHARE)):
            (self.tools / name).write_text(text)
            (self.tools / name).chmod(0o755)
        self.clone = directory / "clone"
        shutil.copytree(PROJECT / "deploy/release", self.clone / "deploy/release")
        for name in ("deploy/release.sh", "deploy/packages.sh", "CMakeLists.txt"):
            shutil.copy(PROJECT / name, self.clone / name)
        for words in (["init", "-q"], ["add", "."], ["-c", "user.name=Test", "-c", "user.email=test@test.invalid",
                                                     "-c", "commit.gpgsign=false", "commit", "-q", "-m", "Test"]):
            run_command("git", "-C", self.clone, *words)
        (directory / "apt.conf").write_text('Acquire::http::Proxy::127.0.0.1 "DIRECT";\n'
                                            'DPkg::Pre-Install-Pkgs { "/usr/bin/apt-listchanges --apt"; };\n')
        self.env = {"PATH": f"{self.tools}:{os.environ['PATH']}", "CALLS": str(directory / "calls"),
                    "APT_CONFIG": str(directory / "apt.conf"), "no_proxy": "127.0.0.1",
                    "ENTREPOT_DEBIAN_MIRROR": mirror, "ENTREPOT_UBUNTU_KEYRING": "/nowhere/keys.gpg"}

    def __call__(self, suites: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess:
        return run_command(self.clone / "deploy/release.sh", "--suites", suites, "--archs", self.arch, "--cache", self.directory / "cache",
                           "--output", self.directory / "out", "HEAD", check=False,
                           env={**self.env, **(env or {})})

    @property
    def calls(self) -> list[str]:
        file = self.directory / "calls"
        return file.read_text().splitlines() if file.exists() else []

    def stopped_early(self, done: subprocess.CompletedProcess, *words: str) -> None:
        assert done.returncode == 1 and all(word in done.stdout for word in words), done.stdout
        assert self.calls == [] and not (self.directory / "out").exists()


@pytest.fixture(name="run")
def _run(tmp_path, mirror) -> Run:
    return Run(tmp_path, mirror[0])


def test_missing_keys_are_told_before_the_first_system(run):
    run.stopped_early(run("bookworm,noble"), "/nowhere/keys.gpg is missing", "leave noble out of --suites")


def test_ubuntus_archives_have_to_be_named(run, tmp_path):
    keys = {"ENTREPOT_UBUNTU_KEYRING": str(tmp_path / "keys.gpg")}
    (tmp_path / "keys.gpg").touch()
    run.stopped_early(run("bookworm,noble", keys), "ENTREPOT_UBUNTU_MIRROR", "leave noble out of --suites")


def test_a_missing_tool_is_told_before_the_first_system(run, tmp_path):
    commands = tmp_path / "commands"
    commands.mkdir()
    for name in COMMANDS:
        (commands / name).symlink_to(shutil.which(name))
    run.stopped_early(run("bookworm", {"PATH": str(commands)}), "patchelf debootstrap:", "deploy/packages.sh release")


@pytest.mark.parametrize("absent", ["debian/dists/trixie", "debian-security/dists/trixie-security"])
def test_a_mirror_without_an_answer_is_told_before_the_first_system(run, mirror, absent):
    (mirror[1] / absent / "InRelease").unlink()
    run.stopped_early(run("bookworm,trixie"), f"{absent}/InRelease", "ENTREPOT_DEBIAN_MIRROR")


def test_a_failed_suite_leaves_what_is_built(run):
    broken = {"FAILS": f"trixie-{run.arch}"}
    done = run("bookworm,trixie", broken)
    assert done.returncode == 1 and f"kept in {run.directory}/cache: bookworm-{run.arch}." in done.stdout, done.stdout
    assert run("bookworm,trixie", broken).returncode == 1
    assert run.calls == ["system bookworm", f"build bookworm-{run.arch}", "system trixie", f"build trixie-{run.arch}",
                         f"build trixie-{run.arch}"]


def test_systems_get_no_hooks_of_this_machine(run):
    run("bookworm")
    files = list((run.directory / f"cache/bookworm-{run.arch}/etc/apt/apt.conf.d").iterdir())
    lines = [line for file in files for line in file.read_text().splitlines()]
    assert 'Acquire::http::Proxy::127.0.0.1 "DIRECT";' in lines
    assert all(line.startswith("Acquire") for line in lines), lines
