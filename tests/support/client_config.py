# SPDX-License-Identifier: Apache-2.0
"""`entrepot client-config` on the files of a system below a directory of the test's."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from support.entrepot import run

MIRROR = "http://10.0.0.5:5000"
NAMES = ["docker.io", "ghcr.io", "quay.io", "registry.k8s.io", "gcr.io", "mcr.microsoft.com"]
FILES = {
    "docker": ["etc/docker/daemon.json"],
    "containerd": [f"etc/containerd/certs.d/{name}/hosts.toml" for name in NAMES],
    "podman": ["etc/containers/registries.conf.d/entrepot.conf"],
    "crio": ["etc/containers/registries.conf.d/entrepot.conf"],
    "apptainer": ["etc/containers/registries.conf.d/entrepot.conf"],
    "k3s": ["etc/rancher/k3s/registries.yaml"],
    "rke2": ["etc/rancher/rke2/registries.yaml"],
    "buildkit": ["etc/buildkit/buildkitd.toml"],
}
# The folder of the records that --undo reads.
RECORDS = "etc/entrepot/client-config"


@pytest.fixture
def root(tmp_path):
    directory = tmp_path / "system"
    directory.mkdir()
    return directory


def command(engine: str, *words, code=0) -> subprocess.CompletedProcess:
    done = run("client-config", engine, "-s", "cache.directory=/nonexistent", *map(str, words))
    assert done.returncode == code, (done.stdout, done.stderr)
    return done


def write(engine: str, root: Path, *words, code=0) -> subprocess.CompletedProcess:
    return command(engine, "--write", "--root", root, *words, code=code)


def tree(root: Path) -> dict[str, tuple]:
    """Every file but the records, with its content, inode, time and mode."""
    return {str(path.relative_to(root)): (path.read_bytes(), path.stat().st_ino,
                                          path.stat().st_mtime_ns, path.stat().st_mode)
            for path in root.rglob("*") if path.is_file() and path.parent != root / RECORDS}


def daemon_json(root: Path, text: str) -> Path:
    file = root / FILES["docker"][0]
    file.parent.mkdir(parents=True)
    file.write_text(text)
    return file
