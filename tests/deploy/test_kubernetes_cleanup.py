# SPDX-License-Identifier: Apache-2.0
"""deploy/kubernetes/cleanup: its own script, on the folders of a node and beside a running process."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from support.config import settings
from support.daemon import DIES_WITH_THE_TEST, run_command
from support.entrepot import Entrepot
from support.gate import DEADLINE, eventually
from support.kubernetes import Objects, container, environment_of, pod_of, short_of_restricted
from support.upstream import ScriptedUpstream

MARK = "# Written by Entrepot for this node, and removed when it leaves."


@pytest.fixture(scope="module")
def objects() -> Objects:
    return Objects.of("cleanup")


@pytest.fixture
def script(objects, tmp_path) -> Path:
    file = tmp_path / "cleanup.sh"
    file.write_text(objects.config(objects.one("DaemonSet"))["cleanup.sh"])
    return file


def clean(script: Path, objects: Objects, name: str, folder: Path, code: int = 0) -> str:
    """Runs a container of the manifest with another folder."""
    one = container(objects.one("DaemonSet"), name)
    (variable, place), = environment_of(one).items()
    assert place in [mount["mountPath"] for mount in one["volumeMounts"]]
    shell, file, word = one["command"]
    assert (shell, file) == ("/bin/sh", "/etc/entrepot/cleanup.sh")
    done = run_command("env", "-i", f"PATH={os.environ['PATH']}", f"{variable}={folder}", shell, script, word,
                       check=False)
    assert done.returncode == code, done.stdout
    return done.stdout


def test_it_empties_the_folder_of_the_cache(script, objects, tmp_path):
    cache = tmp_path / "cache"
    upstream = ScriptedUpstream()
    entrepot = Entrepot(tmp_path, settings(cache, {"docker.io": upstream}))
    try:
        entrepot.start()
        said = clean(script, objects, "clean-cache", cache, code=75)
        assert "is in use" in said and list(cache.iterdir())
        entrepot.terminate()
    finally:
        entrepot.close()
        upstream.stop()
    (cache / ".hidden").touch()
    (cache / "..odd").mkdir()
    assert list(cache.iterdir())
    for _ in range(2):  # a node that restarts does it again
        clean(script, objects, "clean-cache", cache)
        assert list(cache.iterdir()) == []


def test_it_removes_the_files_of_the_caches_only(script, objects, tmp_path):
    folder = tmp_path / "certs.d"
    for name, text in (("docker.io", f"{MARK}\nserver = 'x'\n"), ("ghcr.io", "server = 'y'\n"),
                       ("quay.io", f"\n{MARK}\n"), ("gcr.io", MARK)):
        (folder / name).mkdir(parents=True)
        (folder / name / "hosts.toml").write_text(text)
    (folder / "linked").mkdir()
    (folder / "linked" / "hosts.toml").symlink_to(folder / "docker.io" / "hosts.toml")
    clean(script, objects, "clean-hosts", folder)
    assert {path.name for path in folder.iterdir()} == {"ghcr.io", "quay.io", "gcr.io", "linked"}
    assert clean(script, objects, "clean-hosts", folder) == ""


def test_both_scripts_know_the_same_mark(script):
    hosts = Objects.of("nodes")
    for text in (script.read_text(), hosts.config(hosts.one("DaemonSet"))["hosts.sh"]):
        assert f"\nmark='{MARK}'\n" in text


def test_it_cleans_the_folders_of_the_caches(objects):
    def folders(one: Objects) -> dict[str, str]:
        """The folders of the node that a container may write to."""
        pod = pod_of(one.one("DaemonSet"))
        written = {mount["name"] for container in [*pod.get("initContainers", []), *pod["containers"]]
                   for mount in container.get("volumeMounts", []) if not mount.get("readOnly")}
        return {volume["name"]: volume["hostPath"]["path"] for volume in pod["volumes"]
                if "hostPath" in volume and volume["name"] in written}
    assert folders(objects) == folders(Objects.of("nodes"))
    owner = pod_of(Objects.of("nodes").one("DaemonSet"))["securityContext"]["runAsUser"]
    assert pod_of(objects.one("DaemonSet"))["securityContext"]["runAsUser"] == owner
    # Root is for the folder of containerd alone, without a capability.
    assert short_of_restricted(pod_of(objects.one("DaemonSet"))) == {
        "volume cache: hostPath", "volume certs-d: hostPath", "clean-hosts: root"}


def test_it_ends_at_once(script, objects):
    """The pod is ready until it is told to end."""
    assert container(objects.one("DaemonSet"), "done")["command"][2] == "hold"
    process = subprocess.Popen([*DIES_WITH_THE_TEST, "/bin/sh", str(script), "hold"])
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    eventually(lambda: children.read_text().split(), what="its sleep")
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE) == 0
