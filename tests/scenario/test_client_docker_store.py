# SPDX-License-Identifier: Apache-2.0
"""`entrepot client-config docker` for both image stores of Docker, and the registries of hosts.toml."""

from __future__ import annotations

import json
import os
import subprocess
import tomllib
from pathlib import Path

import pytest

from support.client_config import FILES, MIRROR, NAMES, command, daemon_json, root, tree, write
from support.entrepot import EXIT_USAGE, binary, environment, run

__all__ = ["root"]  # a fixture

DEFAULT = "etc/docker/certs.d/_default/hosts.toml"


def test_containerds_store_takes_one_file_for_all_registries(root, tmp_path):
    (tmp_path / "password").write_text("secret")
    said = write("docker", root, "--mirror", MIRROR, "--store", "containerd", "--user", "alice",
                 "--password-file", tmp_path / "password").stdout
    assert list(tree(root)) == [DEFAULT]
    assert tomllib.loads((root / DEFAULT).read_text()) == {"host": {MIRROR: {
        "capabilities": ["pull", "resolve"], "header": {"Authorization": ["Basic YWxpY2U6c2VjcmV0"]}}}}
    assert (root / DEFAULT).stat().st_mode & 0o7777 == 0o600
    assert "nothing is to be restarted" in said and "assumed" not in said
    assert run("client-config", "docker", "--undo", "--root", str(root)).returncode == 0
    assert list(root.iterdir()) == []


def test_containerds_store_with_the_registries_of_the_mirror(root):
    write("docker", root, "--store", "containerd", "--registries", "configured")
    assert sorted(tree(root)) == sorted(f"etc/docker/certs.d/{name}/hosts.toml" for name in NAMES)


def test_containerd_with_all_registries(root):
    for _ in range(2):
        write("containerd", root, "--registries", "all")
        assert list(tree(root)) == ["etc/containerd/certs.d/_default/hosts.toml"]
    assert run("client-config", "containerd", "--undo", "--root", str(root)).returncode == 0
    assert list(root.iterdir()) == []


def test_a_default_of_another_tool_stays(root):
    theirs = root / DEFAULT
    theirs.parent.mkdir(parents=True)
    theirs.write_text('server = "https://other.example"\n')
    before = tree(root)
    done = write("docker", root, "--mirror", MIRROR, "--store", "containerd", code=78)
    assert f'[host."{MIRROR}"]' in done.stderr
    assert tree(root) == before


def test_a_mirror_in_daemon_json_too(root):
    daemon_json(root, json.dumps({"registry-mirrors": [MIRROR]}))
    said = write("docker", root, "--mirror", MIRROR, "--store", "containerd").stdout
    assert f"{root / FILES['docker'][0]} names the mirror too" in said
    said = write("docker", root, "--store", "containerd").stdout
    assert "names the mirror too" not in said


def test_the_store_of_another_system_is_assumed(root):
    said = write("docker", root).stdout
    assert "assumed that Docker keeps images by a graph driver" in said and "another system" in said
    assert "assumed" not in write("docker", root, "--store", "graphdriver").stdout
    assert "--store containerd" in command("docker").stderr
    assert list(tree(root)) == FILES["docker"]


@pytest.mark.parametrize("engine,words,why", [
    ("docker", ["--registries", "all"], "--store containerd"),
    ("podman", ["--registries", "all"], "--registries is an option of containerd"),
    ("containerd", ["--store", "containerd"], "--store is an option of docker"),
    ("docker", ["--store", "overlay2"], "--store"),
    ("docker", ["--undo", "--store", "containerd"], "excludes"),
])
def test_wrong_usage(engine, words, why):
    done = run("client-config", engine, *words)
    assert done.returncode == EXIT_USAGE and why in done.stderr


@pytest.fixture
def machine(root, tmp_path):
    """Writes the files of this machine, in a mount of its own, with a program docker of the test's.
    Returns what the command printed and the names of the files."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")

    def write_here(script: str) -> tuple[str, list[str]]:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        (folder / "docker").write_text(f"#!/bin/sh\n{script}\n")
        (folder / "docker").chmod(0o755)
        (root / "etc").mkdir(exist_ok=True)
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-euc", 'mount --bind "$1" /etc; shift; exec "$@"', "sh",
             root / "etc", binary(), "client-config", "docker", "--write", "-s", "cache.directory=/nonexistent"],
            capture_output=True, text=True, check=False,
            env=environment() | {"PATH": f"{folder}:{os.environ['PATH']}"})
        if "unshare" in done.stderr or "mount:" in done.stderr:
            pytest.skip(f"no mounts here: {done.stderr.strip()}")
        assert done.returncode == 0, done.stderr
        return done.stdout, list(tree(root))
    return write_here


@pytest.mark.parametrize("status,file", [
    ('[["driver-type","io.containerd.snapshotter.v1"]] 28.5.2', DEFAULT),
    ('[["driver-type","io.containerd.snapshotter.v1"]] 26.1.5', FILES["docker"][0]),
    ('[["Backing Filesystem","extfs"]] 28.5.2', FILES["docker"][0]),
])
def test_docker_tells_its_store(machine, status, file):
    said, files = machine(f"echo '{status}'")
    assert files == [file]
    assert "assumed" not in said


def test_a_docker_that_does_not_run(machine):
    said, files = machine("echo null; exit 1")
    assert files == FILES["docker"]
    assert "assumed that Docker keeps images by a graph driver (docker info fails" in said
