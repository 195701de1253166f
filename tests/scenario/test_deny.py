# SPDX-License-Identifier: Apache-2.0
"""`entrepot deny`: a denial without a change of the configuration."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support import content, ports
from support.checks import REPOSITORY, assert_whole, blob_target, manifest_target
from support.entrepot import EXIT_USAGE, run
from support.reload import reload

PATTERN = f"docker.io/{REPOSITORY}"


@pytest.fixture
def image(upstream):
    return upstream.add_image(REPOSITORY, content.image((300 * content.KIB,)), "latest")


@pytest.fixture
def entrepot(start, image):
    """A mirror that has stored the image."""
    entrepot = start(admin={"address": ports.keep_address()})
    assert_whole(entrepot.get(manifest_target("latest")), image.manifest)
    return entrepot


def deny(entrepot, *words, code=0):
    done = run("deny", *words, "--config", str(entrepot.config_path))
    assert done.returncode == code, done.stderr
    return done


def listed(entrepot) -> list[dict]:
    return json.loads(deny(entrepot, "--json").stdout)["denials"]


def assert_denied(entrepot, image) -> None:
    """On every connection, so of every loop, and for stored and missing content."""
    for target in (manifest_target("latest"), manifest_target("other"), blob_target(image.blobs[0])):
        for _ in range(4):
            reply = entrepot.get(target)
            assert reply.status == 403 and b"deny list" in reply.body


def test_a_denial_holds_at_once_and_after_a_restart(entrepot, image, upstream):
    before = upstream.count("manifest", "GET")
    done = deny(entrepot, PATTERN, "--reason", "CVE-2026-1, see chat")
    assert PATTERN in done.stdout and "CVE-2026-1, see chat" in done.stdout
    assert_denied(entrepot, image)
    assert upstream.count("manifest", "GET") == before
    metrics = entrepot.metrics()
    assert metrics.sum("denials") == 1
    assert metrics.sum("access_refused_total", reason="deny-list") == 12
    assert "denied      1 pattern of repositories" in run("status", "--config", str(entrepot.config_path)).stdout
    entrepot.log.wait_for(rf"deny: {PATTERN} is denied from now on, by anonymous, 127.0.0.1: CVE-2026-1")
    reload(entrepot, "SIGHUP: nothing has changed")  # the configuration knows nothing of it
    assert_denied(entrepot, image)
    entrepot.kill9()
    entrepot.start()
    assert_denied(entrepot, image)
    one, = listed(entrepot)
    assert one["pattern"] == PATTERN and one["by"].startswith("anonymous")
    deny(entrepot, "--remove", PATTERN)
    assert_whole(entrepot.get(manifest_target("latest")), image.manifest)
    assert listed(entrepot) == []


def test_a_stopped_process(entrepot, image):
    entrepot.terminate()
    assert "looking at it directly" in deny(entrepot, PATTERN).stderr
    entrepot.start()
    assert_denied(entrepot, image)
    entrepot.terminate()
    deny(entrepot, "--remove", PATTERN)
    entrepot.start()
    assert_whole(entrepot.get(manifest_target("latest")), image.manifest)


def test_bad_input(entrepot):
    assert "no upstream \"alpine\"" in deny(entrepot, "alpine", code=1).stderr
    assert "begins with the name of one upstream" in deny(entrepot, "*/evil", code=1).stderr
    assert "write docker.io/library/app" in deny(entrepot, "docker.io/app", code=1).stderr
    assert f"write {PATTERN}" in deny(entrepot, f"{PATTERN}:latest", code=1).stderr
    assert "which pattern?" in deny(entrepot, "", code=1).stderr
    assert "is not denied" in deny(entrepot, "--remove", PATTERN, code=1).stderr
    deny(entrepot, "--remove", code=EXIT_USAGE)
    deny(entrepot, PATTERN, "--remove", "--reason", "x", code=EXIT_USAGE)
    assert deny(entrepot).stdout == "nothing is denied by command\n"


def test_a_page_in_a_browser_denies_nothing(entrepot):
    reply = entrepot.admin(f"/api/v1/deny?pattern={PATTERN}", "POST", headers={"Origin": "http://evil.example"})
    assert reply.status == 403 and listed(entrepot) == []


def test_a_damaged_file_is_named_and_stops_nothing(entrepot, image):
    entrepot.terminate()
    file = Path(entrepot.config["cache"]["directory"]) / "denials.json"
    file.write_text('{"version": 1, "denials": [')
    entrepot.start()
    entrepot.log.wait_for(rf"deny: {file} cannot be read: .* are not in force")
    assert_whole(entrepot.get(manifest_target("latest")), image.manifest)
    assert entrepot.metrics().sum("denials") != entrepot.metrics().sum("denials")  # NaN
    status = run("status", "--config", str(entrepot.config_path))
    assert status.returncode == 1
    assert "fault: deny: not all denials of `entrepot deny` are in force" in status.stdout
    deny(entrepot, PATTERN)
    assert_denied(entrepot, image)
    assert file.with_name("denials.json.damaged").read_text() == '{"version": 1, "denials": ['
    assert run("status", "--config", str(entrepot.config_path)).returncode == 0
