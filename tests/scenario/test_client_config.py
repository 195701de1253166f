# SPDX-License-Identifier: Apache-2.0
"""`entrepot client-config …` on files of a system below a directory of the test's."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import threading
import tomllib
from pathlib import Path

import pytest
import yaml

from support import ports
from support.client import get
from support.client_config import FILES, MIRROR, NAMES, RECORDS, command, daemon_json, root, tree, write
from support.entrepot import (EXIT_CONFIG, EXIT_RESTART, EXIT_USAGE, binary, environment, run)
from support.gate import DEADLINE

__all__ = ["root"]  # a fixture


@pytest.mark.parametrize("engine", FILES)
def test_prints_and_writes_the_same(engine, root):
    printed = command(engine, "--mirror", MIRROR).stdout
    write(engine, root, "--mirror", MIRROR)
    assert sorted(tree(root)) == sorted(FILES[engine])
    for name in FILES[engine]:
        text = (root / name).read_text()
        assert text and text in printed
        assert engine == "docker" or f"# /{name}\n{text}" in printed
        assert (root / name).stat().st_mode & 0o7777 == 0o644
    assert engine != "docker" or json.loads(printed) == {
        "registry-mirrors": [MIRROR], "insecure-registries": ["10.0.0.5:5000"]}


@pytest.mark.parametrize("engine", FILES)
def test_second_run_changes_nothing(engine, root):
    write(engine, root, "--mirror", MIRROR)
    before = tree(root)
    said = write(engine, root, "--mirror", MIRROR).stdout
    assert said.count(": nothing to do\n") == len(FILES[engine])
    assert tree(root) == before


@pytest.mark.parametrize("engine", FILES)
def test_another_mirror_replaces_the_first(engine, root):
    write(engine, root)
    before = tree(root)
    said = write(engine, root, "--mirror", MIRROR).stdout
    for name in FILES[engine]:
        assert MIRROR.removeprefix("http://") in (root / name).read_text()
        assert (root / name).read_bytes() != before[name][0]
        assert f"{root / name}: changed\n" in said
    # A content that the command itself has written needs no backup.
    assert len(tree(root)) == len(FILES[engine])


@pytest.mark.parametrize("engine", FILES)
def test_engines_can_read_it_whatever_the_umask(engine, root):
    umask = os.umask(0o077)
    try:
        write(engine, root)
    finally:
        os.umask(umask)
    record = root / RECORDS / f"{engine}.json"
    made = [path for path in root.rglob("*") if path != record]
    assert {path.stat().st_mode & 0o7777 for path in made} == {0o755, 0o644}
    assert record.stat().st_mode & 0o7777 == 0o600


def test_prints_the_next_steps(root):
    assert "systemctl reload docker" in write("docker", root).stdout
    said = write("containerd", root).stdout
    assert "/etc/containerd/config.toml has no config_path" in said
    assert 'config_path = "/etc/containerd/certs.d"' in said
    (root / "etc/containerd/config.toml").write_text(
        'version = 2\n[plugins."io.containerd.grpc.v1.cri".registry]\n'
        '  config_path = "/etc/hosts.d"\n')
    said = write("containerd", root).stdout
    assert "config.toml" not in said
    assert (root / "etc/hosts.d/quay.io/hosts.toml").is_file()
    assert "next pull" in write("podman", root).stdout
    assert "systemctl restart k3s" in write("k3s", root).stdout
    assert "--buildkitd-config /etc/buildkit/buildkitd.toml" in write("buildkit", root).stdout


def test_the_files_of_k3s_and_buildkit_can_be_parsed(root):
    write("k3s", root, "--mirror", MIRROR)
    mirrors = yaml.safe_load((root / FILES["k3s"][0]).read_text())["mirrors"]
    assert sorted(mirrors) == sorted(NAMES)
    assert all(each == {"endpoint": [MIRROR]} for each in mirrors.values())
    write("buildkit", root, "--mirror", MIRROR)
    registries = tomllib.loads((root / FILES["buildkit"][0]).read_text())["registry"]
    assert registries.pop("10.0.0.5:5000") == {"http": True}
    assert sorted(registries) == sorted(NAMES)
    assert all(each == {"mirrors": ["10.0.0.5:5000"]} for each in registries.values())


@pytest.mark.parametrize("engine,settings", [("k3s", "configs: {}\n"), ("buildkit", "debug = true\n")])
def test_a_file_with_other_settings_stays(engine, settings, root):
    file = root / FILES[engine][0]
    file.parent.mkdir(parents=True)
    file.write_text(settings)
    done = write(engine, root, "--mirror", MIRROR, code=EXIT_CONFIG)
    assert "Add to it:" in done.stderr and "docker.io" in done.stderr
    assert file.read_text() == settings


def test_other_keys_and_their_order_stay(root):
    text = """{
    "storage-driver": "overlay2",
    "log-opts": { "max-size": "10m", "max-file": "3" },
    "registry-mirrors": [ "https://other.example" ],
    "dns": [ "10.0.0.1" ],
    "live-restore": true
}
"""
    file = daemon_json(root, text)
    file.chmod(0o600)
    write("docker", root, "--mirror", MIRROR)
    expected = {**json.loads(text), "registry-mirrors": [MIRROR, "https://other.example"],
                "insecure-registries": ["10.0.0.5:5000"]}
    merged = json.loads(file.read_text())
    assert merged == expected and list(merged) == list(expected)
    assert file.stat().st_mode & 0o7777 == 0o600
    assert file.read_text().startswith('{\n    "storage-driver": "overlay2",\n')
    assert Path(f"{file}.entrepot-backup").read_text() == text


@pytest.mark.parametrize("text,why", [
    ('{\n  // ours\n  "debug": true\n}\n', "line 2, column 3"),
    ('{ "debug": true, }', "line 1, column 18"),
    ('{ "registry-mirrors": "https://a" }', "registry-mirrors: expected a list"),
    ('{ "debug": true, "debug": false }', "debug: given twice"),
    ("[]", "not a JSON object"),
    ('{ "debug"', "not JSON"),
])
def test_an_invalid_file_is_refused(root, text, why):
    file = daemon_json(root, text)
    before = tree(root)
    done = write("docker", root, code=EXIT_CONFIG)
    assert f"entrepot: {file}: " in done.stderr and why in done.stderr
    assert "left as it is" in done.stderr
    assert tree(root) == before


def test_hosts_toml_of_another_tool_stays(root):
    theirs = root / FILES["containerd"][0]
    theirs.parent.mkdir(parents=True)
    theirs.write_text('[host."https://mirror.example"]\n')
    before = tree(root)
    done = write("containerd", root, "--mirror", MIRROR, code=EXIT_CONFIG)
    assert f"{theirs}: somebody else's" in done.stderr
    assert f'[host."{MIRROR}"]\n' in done.stderr
    assert tree(root).items() >= before.items()
    assert all((root / name).is_file() for name in FILES["containerd"])  # the others are written
    # After the operator has followed the advice, a second run has nothing to do.
    theirs.write_text(f'[host."{MIRROR}"]\n[host."https://mirror.example"]\n')
    before = tree(root)
    said = write("containerd", root, "--mirror", MIRROR).stdout
    assert said.count("nothing to do") == len(NAMES)
    assert tree(root) == before


def test_the_podman_setup_reports_other_files(root):
    others = root / "etc/containers/registries.conf.d"
    others.mkdir(parents=True)
    (others / "zz.conf").write_text('[[registry]]\nlocation = "quay.io"\n')
    (root / "etc/containers/registries.conf").write_text('[[registry]]\nprefix = "gcr.io"\n')
    said = write("podman", root).stdout
    assert "/etc/containers/registries.conf.d/zz.conf speaks of quay.io" in said
    assert "/etc/containers/registries.conf speaks of gcr.io" in said


def test_upstreams_and_address_come_from_the_configuration(root, tmp_path):
    config = tmp_path / "e.json"
    config.write_text(json.dumps({
        "listen": [{"address": "10.1.2.3:80"}], "default_upstream": "corp",
        "upstreams": {"corp": {"endpoints": [{"url": "http://corp"}]}}}))
    write("containerd", root, "--config", config)
    text = (root / "etc/containerd/certs.d/corp/hosts.toml").read_text()
    assert 'server = "http://corp"\n' in text and '[host."http://10.1.2.3:80"]\n' in text
    assert len(tree(root)) == 1


def test_a_configuration_without_an_address():
    done = command("docker", "-s", "listen[0].address=127.0.0.1:0", code=EXIT_USAGE)
    assert "--mirror" in done.stderr and done.stdout == ""
    done = command("docker", "--mirror", "10.0.0.5:5000", code=EXIT_USAGE)
    assert "http://" in done.stderr
    command("docker", "-s", "listen=1", code=EXIT_CONFIG)


def test_a_link_stays_a_link(root):
    real = root / "data" / "daemon.json"
    real.parent.mkdir()
    real.write_text("{}")
    link = root / FILES["docker"][0]
    link.parent.mkdir(parents=True)
    link.symlink_to("../../data/daemon.json")
    write("docker", root)
    assert link.is_symlink() and "registry-mirrors" in real.read_text()
    assert (real.parent / "daemon.json.entrepot-backup").read_text() == "{}"
    link.unlink()
    link.symlink_to("/usr/bin/env")
    before = Path("/usr/bin/env").read_bytes()
    assert "leads out of" in write("docker", root, code=EXIT_CONFIG).stderr
    assert Path("/usr/bin/env").read_bytes() == before


def test_quickstart_shows_the_command(root, tmp_path):
    """The commands that quickstart prints point Docker at the mirror that it starts. The test
    leaves out the packages and the compiler."""
    project = tmp_path / "project"
    (project / "deploy").mkdir(parents=True)
    (project / "build/release").mkdir(parents=True)
    (project / "build/release/entrepot").symlink_to(binary())
    (project / "deploy/packages.sh").symlink_to("/bin/true")
    (project / "bin").mkdir()
    (project / "bin/cmake").symlink_to("/bin/true")
    shutil.copy(Path(__file__).parents[2] / "deploy/quickstart.sh", project / "deploy")
    config = tmp_path / "its config.json"
    config.write_text('{ "admin": null }')
    port = ports.keep()  # the hint names it before the process starts
    quickstart = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", project / "deploy/quickstart.sh", "--config", config,
         "-s", f'listen=[{{"address":"127.0.0.1:{port}"}}]',
         "-s", f"cache.directory={tmp_path / 'cache'}"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment() | {"PATH": f"{project}/bin:{os.environ['PATH']}"})
    overdue = threading.Timer(DEADLINE, quickstart.kill)
    overdue.start()
    try:
        words = shlex.split(quickstart.stdout.readline())
        assert words, "it shows no command"
        done = subprocess.run([*words[words[0] == "sudo":], "--root", root], capture_output=True, text=True,
                              env=environment(), check=False)
        assert done.returncode == 0, done.stderr
        assert json.loads((root / FILES["docker"][0]).read_text()) == {
            "registry-mirrors": [f"http://127.0.0.1:{port}"]}
        said = []
        while not said or f"listening on 127.0.0.1:{port}" not in said[-1]:
            said.append(quickstart.stderr.readline())
            assert said[-1], "".join(said)
        assert get(port, "/v2/").status == 200
    finally:
        overdue.cancel()
        quickstart.terminate()
        _, rest = quickstart.communicate()
    assert quickstart.returncode == 0, rest


@pytest.fixture
def small_disk(root):
    """A file system of its own over the whole system, with a daemon.json."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(root)],
                             capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"no mounts here: {mounted.stderr.strip()}")
    daemon_json(root, '{ "debug": true }')
    yield root
    subprocess.run(["umount", "--lazy", str(root)], check=True)


def test_full_disk(small_disk):
    with open(small_disk / "filler", "wb", buffering=0) as filler:
        with pytest.raises(OSError):
            while filler.write(b"x" * 4096):
                pass
    before = tree(small_disk)
    done = write("docker", small_disk, code=EXIT_RESTART)
    assert "No space left on device" in done.stderr
    assert tree(small_disk) == before
    (small_disk / "filler").unlink()
    write("docker", small_disk)
    assert "registry-mirrors" in (small_disk / FILES["docker"][0]).read_text()


@pytest.mark.parametrize("engine", FILES)
def test_read_only_disk(small_disk, engine):
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    before = tree(small_disk)
    done = write(engine, small_disk, code=EXIT_CONFIG)
    assert "Read-only file system" in done.stderr
    assert tree(small_disk) == before


# Each call that changes the disk; without link() there is no backup, and no file either.
@pytest.mark.parametrize("call", ["write", "fsync", "fchmod", "fchown", "link", "rename"])
# The record is written before the file, and again when the name of the backup is known.
@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_killed_at_any_point(root, call, number):
    """The old file is whole after the kill, under its name or the backup's."""
    text = '{ "debug": true }'
    file = daemon_json(root, text)
    killed = subprocess.run(
        ["strace", "-f", "-o", str(root / "trace"), "-e", f"trace={call}", "-e",
         f"inject={call}:signal=KILL:when={number}", binary(), "client-config", "docker", "-s",
         "cache.directory=/nonexistent", "--write", "--root", str(root)],
        capture_output=True, check=False, env=environment() | {"ASAN_OPTIONS": "detect_leaks=0"})
    traced = (root / "trace").read_text()
    assert ("killed by SIGKILL" in traced) == (killed.returncode != 0), traced
    assert number > 1 or "killed by SIGKILL" in traced, f"{call} is not called"
    backup = Path(f"{file}.entrepot-backup")
    now = file.read_text()
    if now == text:
        assert not backup.exists() or backup.read_text() == text
    else:
        assert backup.read_text() == text
        assert json.loads(now) == {"debug": True, "registry-mirrors": ["http://127.0.0.1:5000"]}
    # And the next run writes the file.
    write("docker", root)
    assert json.loads(file.read_text())["registry-mirrors"] == ["http://127.0.0.1:5000"]
    assert backup.read_text() == text
