# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the scenarios and of the faults: the built binary against scripted upstreams.

    def test_x(start, upstream):
        image = upstream.add_image("library/app", content.image(), "latest")
        entrepot = start()
        assert entrepot.get("/v2/library/app/manifests/latest").body == image.manifest.data
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .account import PASSWORD, USER
from .config import settings
from .daemon import Daemon
from .disk import Disk
from .entrepot import Entrepot
from .tls import Authority
from .upstream import ScriptedUpstream


@pytest.fixture
def make_upstream():
    """Scripted upstreams that end with the test; a bug in a script fails it."""
    made: list[ScriptedUpstream] = []

    def make(**options) -> ScriptedUpstream:
        made.append(ScriptedUpstream(**options))
        return made[-1]
    yield make
    for upstream in made:
        upstream.stop()
    errors = [error for upstream in made for error in upstream.errors]
    assert not errors, errors


@pytest.fixture
def upstream(make_upstream) -> ScriptedUpstream:
    return make_upstream()


@pytest.fixture
def account(tmp_path) -> list[dict]:
    """The "credentials" of an upstream."""
    file = tmp_path / "password"
    file.write_text(PASSWORD + "\n")
    file.chmod(0o600)
    return [{"username": USER, "password_file": str(file)}]


@pytest.fixture
def prepare(tmp_path, upstream, request):
    """Entrepots that are configured but not started. Arguments as support.config.settings();
    without upstreams, docker.io is the scripted one."""
    made: list[Entrepot] = []

    def make(upstreams: dict | None = None, arguments: tuple = (),
             environ: dict[str, str] | None = None, **changes) -> Entrepot:
        directory = tmp_path / f"entrepot-{len(made)}"
        directory.mkdir()
        config = settings(directory / "cache", upstreams or {"docker.io": upstream}, **changes)
        made.append(Entrepot(directory, config, *arguments, environ=environ))
        return made[-1]
    yield make
    problems = []
    for entrepot in made:
        try:
            entrepot.close()
        except AssertionError as problem:
            problems.append(str(problem))
        if _failed(request):
            print(f"--- log of {entrepot.directory.name}\n{entrepot.log.text}")
        else:
            shutil.rmtree(entrepot.directory, ignore_errors=True)  # pytest would keep it
    assert not problems, "\n".join(problems)


@pytest.fixture
def start(prepare):
    """Running Entrepots."""
    def make(upstreams: dict | None = None, **changes) -> Entrepot:
        return prepare(upstreams, **changes).start()
    return make


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A certificate authority."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def failing():
    """Makes system calls of a process fail, or wait, until the tracer that is returned stops."""
    tracers = []

    def inject(entrepot, calls: str, what: str, path: Path | None = None) -> Daemon:
        what = what if "=" in what else f"error={what}"
        tracers.append(Daemon("strace", "-f", "-p", str(entrepot.pid), "-e", f"trace={calls}",
                              "-e", f"inject={calls}:{what}", *(["-P", str(path)] if path else [])))
        tracers[-1].log.wait_for("attached")
        return tracers[-1]
    yield inject
    for tracer in tracers:
        tracer.stop()


@pytest.fixture
def make_disk(tmp_path):
    """Small file systems that can be filled and broken. Named before `start`, so that it outlives
    the process."""
    made: list[Disk] = []

    def make(size: int, inodes: int | None = None) -> Disk:
        directory = tmp_path / f"disk-{len(made)}"
        directory.mkdir()
        made.append(Disk(directory, size, inodes))
        return made[-1]
    yield make
    for disk in made:
        disk.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when == "call":
        item.failed = outcome.get_result().failed


def _failed(request) -> bool:
    return getattr(request.node, "failed", False)
