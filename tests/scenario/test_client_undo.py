# SPDX-License-Identifier: Apache-2.0
"""`entrepot client-config … --undo` after `--write`, below a directory of the test's."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from support.client_config import FILES, MIRROR, RECORDS, command, daemon_json, root, tree, write
from support.entrepot import EXIT_CONFIG, EXIT_USAGE, binary, environment, run

__all__ = ["root"]  # a fixture


def undo(engine: str, root: Path, code=0) -> subprocess.CompletedProcess:
    done = run("client-config", engine, "--undo", "--root", str(root))
    assert done.returncode == code, (done.stdout, done.stderr)
    return done


@pytest.mark.parametrize("engine", FILES)
def test_removes_what_was_written(engine, root):
    write(engine, root)
    write(engine, root, "--mirror", MIRROR)
    said = undo(engine, root).stdout
    for name in FILES[engine]:
        assert f"{root / name}: removed\n" in said
    assert list(root.iterdir()) == []
    assert "Nothing to undo" in undo(engine, root).stdout
    assert list(root.iterdir()) == []


@pytest.mark.parametrize("engine", FILES)
def test_leaves_what_another_hand_has_made(engine, root):
    """Without a record, and beside a record of another engine."""
    for name in FILES[engine]:
        (root / name).parent.mkdir(parents=True)
        (root / name).write_text("{}\n" if engine == "docker" else f"# {MIRROR}\n")
    write("k3s" if engine != "k3s" else "buildkit", root)
    before = tree(root)
    assert "Nothing to undo" in undo(engine, root).stdout
    assert tree(root) == before


@pytest.mark.parametrize("engine", [engine for engine in FILES if engine != "docker"])
def test_a_changed_file_is_left(engine, root):
    write(engine, root)
    file = root / FILES[engine][-1]
    file.write_text(file.read_text() + "# mine\n")
    for _ in range(2):
        done = undo(engine, root, code=EXIT_CONFIG)
        assert f"{file}: was changed since client-config wrote it, and it is left as it is" in done.stderr
        assert f"remove {root / RECORDS / engine}.json" in done.stderr
        assert list(tree(root)) == [FILES[engine][-1]]
        assert file.read_text().endswith("# mine\n")


def test_docker_keeps_its_other_settings(root):
    text = '{\n  "registry-mirrors": ["https://other.example"],\n  "debug": true\n}\n'
    file = daemon_json(root, text)
    before = tree(root)
    write("docker", root, "--mirror", MIRROR)
    assert f"{file}: as it was before\n" in undo("docker", root).stdout
    assert tree(root) == before
    write("docker", root, "--mirror", MIRROR)
    changed = json.loads(file.read_text())
    changed["debug"] = False
    file.write_text(json.dumps(changed))
    said = undo("docker", root).stdout
    assert f"{file}: the mirror is removed from it; as it was: {file}.entrepot-backup" in said
    assert "Next: systemctl reload docker" in said
    assert json.loads(file.read_text()) == {"registry-mirrors": ["https://other.example"], "debug": False}


def test_needs_no_configuration_and_no_mirror(root, tmp_path):
    write("docker", root, "--mirror", MIRROR)
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    done = run("client-config", "docker", "--undo", "--root", str(root), "--config", str(broken))
    assert done.returncode == 0, done.stderr
    assert list(root.iterdir()) == []
    for other in (["--write"], ["--mirror", MIRROR]):
        assert run("client-config", "docker", "--undo", *other).returncode == EXIT_USAGE


def test_a_broken_record(root):
    write("docker", root)
    record = root / RECORDS / "docker.json"
    record.write_text("{}")
    before = tree(root)
    for done in (undo("docker", root, code=EXIT_CONFIG), write("docker", root, code=EXIT_CONFIG)):
        assert f"{record} is not as client-config writes it" in done.stderr
        assert "remove the mirror from the engine's files by hand" in done.stderr
    assert tree(root) == before


@pytest.mark.parametrize("text", ['{ "debug": true }', None])
@pytest.mark.parametrize("action", ["--write", "--undo"])
@pytest.mark.parametrize("call", ["link", "rename", "unlink"])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_killed_at_any_point(root, text, action, call, number):
    """After a kill, undo restores the file as it was."""
    file = root / FILES["docker"][0]
    if text:
        daemon_json(root, text)
    if action == "--undo":
        write("docker", root)
    killed = subprocess.run(
        ["strace", "-f", "-o", "/dev/null", "-e", f"inject={call}:signal=KILL:when={number}", binary(),
         "client-config", "docker", action, "--root", str(root)],
        capture_output=True, check=False, env=environment() | {"ASAN_OPTIONS": "detect_leaks=0"})
    always = "unlink" if action == "--undo" else "link"
    assert number > 1 or call != always or killed.returncode != 0
    undo("docker", root)
    if text:
        assert json.loads(file.read_text()) == json.loads(text)
    else:
        assert not file.exists()
    assert "Nothing to undo" in undo("docker", root).stdout


def test_is_in_the_help():
    assert "--undo" in command("docker", "--help").stdout
