# SPDX-License-Identifier: Apache-2.0
"""`entrepot check` by root finds the files that the user of the service cannot read."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from support.account import PASSWORD, USER
from support.config import settings
from support.entrepot import EXIT_CONFIG, run

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can read what the service cannot")
NOBODY = 65534


@pytest.fixture
def folder():
    """As /etc/entrepot: every user may enter it, unlike the folders of pytest."""
    path = Path(tempfile.mkdtemp(prefix="entrepot-check-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def check(folder):
    """Runs it for a service whose cache belongs to nobody. `mode`: of the
    configuration; root alone can read the password."""
    def run_check(password_file: str, owner: int = NOBODY, mode: int = 0o644, upstream: dict | None = None,
                  **changes):
        file = folder / password_file
        file.parent.mkdir(exist_ok=True, mode=0o700)
        file.write_text(PASSWORD)
        file.chmod(0o600)
        cache = folder / "cache"
        cache.mkdir(exist_ok=True)
        os.chown(cache, owner, owner)
        config = folder / "entrepot.json"
        config.write_text(json.dumps(settings(cache, {"docker.io": {
            "endpoint": "https://registry.test", **(upstream or {}),
            "credentials": [{"username": USER, "password_file": password_file}]}}, **changes)))
        config.chmod(mode)
        return run("check", "--config", str(config))
    return run_check


def test_a_password_for_root_alone(check, folder):
    done = check("hub")
    assert done.returncode == EXIT_CONFIG
    assert f"upstreams.docker.io.credentials[0].password_file: cannot read {folder}/hub: Permission denied" in (
        done.stderr)
    assert "the service runs as nobody" in done.stderr and "good" not in done.stdout
    os.chown(folder / "hub", NOBODY, NOBODY)
    done = run("check", "--config", str(folder / "entrepot.json"))
    assert done.returncode == 0, done.stderr


def test_a_password_that_systemd_hands_over(check):
    assert check("credentials/hub").returncode == 0


def test_the_service_of_root_reads_all(check):
    assert check("hub", owner=0).returncode == 0


def test_a_configuration_for_root_alone(check, folder):
    done = check("credentials/hub", mode=0o400)
    assert done.returncode == EXIT_CONFIG and f"{folder}/entrepot.json" in done.stderr
    assert "Permission denied" in done.stderr and "nobody" in done.stderr


@pytest.mark.parametrize("key", ["htpasswd", "tokens"])
def test_files_of_a_listener(check, folder, key):
    (folder / key).write_text('{"tokens": []}' if key == "tokens" else "alice:$2y$05$" + "a" * 53 + "\n")
    (folder / key).chmod(0o600)
    done = check("credentials/hub", listen=[{"address": "127.0.0.1:0", "auth": {key: str(folder / key)}}])
    assert done.returncode == EXIT_CONFIG and str(folder / key) in done.stderr, done.stderr
    assert "Permission denied" in done.stderr and "nobody" in done.stderr


def test_an_authority_for_root_alone(check, folder, authority):
    shutil.copy(authority.certificate, folder / "ca.pem")
    (folder / "ca.pem").chmod(0o600)
    done = check("credentials/hub", upstream={"ca_file": "ca.pem"})
    assert done.returncode == EXIT_CONFIG and f"cannot read {folder}/ca.pem" in done.stderr, done.stderr


@pytest.mark.parametrize("kept", ["-setgid", "-setuid", "-setuid,-setgid"])
def test_root_without_the_right_to_become_another_user(check, folder, kept):
    """As in a container without capabilities: the rest of the configuration is checked."""
    assert check("hub").returncode == EXIT_CONFIG
    done = run("check", "--config", str(folder / "entrepot.json"), under=("setpriv", f"--bounding-set={kept}"))
    assert done.returncode == 0, done.stderr
    assert "not checked: whether the user of the service" in done.stderr and "good" in done.stdout
