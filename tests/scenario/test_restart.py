# SPDX-License-Identifier: Apache-2.0
"""Objects that survive a restart, and starts that must fail with a clear message."""

import json
import os
import re
import shutil
import socket
import subprocess

import pytest

from support import content, faults, ports
from support.checks import (REPOSITORY, assert_hit, assert_whole, blob_target, manifest_target)
from support.content import MIB
from support.entrepot import EXIT_CONFIG, EXIT_RESTART, EXIT_USAGE, run
from support.gate import Gate, eventually

LATEST = manifest_target("latest")


@pytest.fixture
def image(upstream):
    return upstream.add_image(REPOSITORY, content.image((10, 100_000, 3 * MIB)), "latest")


def pull(entrepot, image, check=assert_whole) -> None:
    check(entrepot.get(LATEST), image.manifest)
    check(entrepot.get(manifest_target(image.manifest)), image.manifest)
    for blob in image.blobs:
        check(entrepot.get(blob_target(blob)), blob)


def fills(entrepot) -> list[str]:
    return os.listdir(entrepot.directory / "cache" / "fills")


# --- Objects and partial files survive.


@pytest.mark.parametrize("kill", [False, True], ids=["SIGTERM", "SIGKILL"])
def test_committed_survives(start, upstream, image, kill):
    entrepot = start()
    pull(entrepot, image)
    if kill:
        # A blob is committed when its fill has ended, which may be after its last byte went out.
        eventually(lambda: entrepot.metrics().sum("flights") == 0, what="no flights")
    entrepot.restart(kill=kill)
    upstream.go_down()
    pull(entrepot, image, assert_hit)
    assert upstream.count("blob") == len(image.blobs)
    assert fills(entrepot) == []


def test_negative_entries_do_not_survive_a_restart(start, upstream, image):
    """A negative entry may soon be wrong, so it is not stored."""
    entrepot = start()
    assert entrepot.get(manifest_target("later")).status == 404
    upstream.set_tag(REPOSITORY, "later", image.manifest.digest)
    entrepot.restart()
    assert_whole(entrepot.get(manifest_target("later")), image.manifest)


@pytest.mark.parametrize("kill", [False, True], ids=["SIGTERM", "SIGKILL"])
def test_interrupted_fill(start, upstream, kill):
    blob = upstream.add_blob(REPOSITORY, content.blob(6 * MIB))
    gate = Gate()
    upstream.script(faults.hold_at(4 * MIB, gate), kind="blob", method="GET", times=1)
    entrepot = start(timeouts={"drain": "200ms"})
    download = entrepot.download(blob_target(blob))
    download.wait_received(3 * MIB)
    entrepot.kill9() if kill else entrepot.terminate()
    response = download.finish()
    assert not response.complete, "a body cut by the end of the process must not look whole"
    gate.open()
    entrepot.restart()
    assert_whole(entrepot.get(blob_target(blob)), blob)
    assert_hit(entrepot.get(blob_target(blob)), blob)
    eventually(lambda: fills(entrepot) == [], what="an empty fills directory")


def test_blobs_removed_while_the_process_is_down(start, upstream, image):
    entrepot = start()
    pull(entrepot, image)
    entrepot.terminate()
    shutil.rmtree(entrepot.directory / "cache" / "blobs")
    entrepot.restart()
    pull(entrepot, image)


def test_truncated_blob_is_not_served(start, upstream, image):
    """A power cut can leave such a file if it was not synced."""
    big = image.layers[-1]
    entrepot = start()
    pull(entrepot, image)
    entrepot.terminate()
    stored = next((entrepot.directory / "cache" / "blobs").rglob(big.digest[7:]))
    os.truncate(stored, 1000)
    entrepot.restart()
    assert_whole(entrepot.get(blob_target(big)), big)


def test_drain_finishes_what_is_in_progress(start, upstream):
    blob = upstream.add_blob(REPOSITORY, content.blob(4 * MIB))
    gate = Gate()
    upstream.script(faults.hold_at(2 * MIB, gate), kind="blob", method="GET")
    entrepot = start(timeouts={"drain": "20s"}, listen=[{"address": ports.keep_address()}])
    download = entrepot.download(blob_target(blob))
    download.wait_received(2 * MIB)
    os.kill(entrepot.pid, 15)
    eventually(lambda: refused(entrepot.port), what="the listener closed")
    gate.open()
    assert_whole(download.finish(), blob)
    assert entrepot.wait_exit() == 0


def refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


def test_starts_without_network(start):
    entrepot = start({"docker.io": {"endpoint": "https://nowhere.invalid"}})
    assert entrepot.get("/v2/").status == 200
    assert entrepot.get(LATEST).status == 503


# --- Starts that must fail.


def failing_start(entrepot) -> subprocess.CompletedProcess:
    entrepot.config_path.write_text(json.dumps(entrepot.config))
    return run("serve", "--config", str(entrepot.config_path))


def assert_clear(result: subprocess.CompletedProcess, code: int, names: str) -> None:
    """The right exit code, and one line that names the fault."""
    assert result.returncode == code, (result.returncode, result.stderr)
    lines = [line for line in result.stderr.splitlines() if names in line]
    assert len(lines) == 1, result.stderr
    assert not re.search(r"terminate called|Assertion|core dumped", result.stderr)


def test_second_process_on_a_directory(start, prepare):
    first = start()
    second = prepare(cache={"directory": first.config["cache"]["directory"]})
    result = failing_start(second)
    assert_clear(result, EXIT_RESTART, names=first.config["cache"]["directory"])
    assert first.get("/v2/").status == 200


@pytest.mark.parametrize("make", ["file", "not-writable", "file-above"])
def test_unusable_directory(prepare, tmp_path, make):
    path = tmp_path / "place"
    if make == "not-writable":
        path = "/sys/entrepot"  # root may write anywhere else
    else:
        path.write_text("in the way")
        if make == "file-above":
            path = path / "below"
    result = failing_start(prepare(cache={"directory": str(path)}))
    assert_clear(result, EXIT_CONFIG, names=str(path))


@pytest.mark.parametrize("with_family", [False, True])
def test_another_format_version(start, prepare, image, with_family):
    """A cache of a later version, which may have other column families: it is neither changed nor
    served."""
    first = start()
    pull(first, image)
    first.terminate()
    directory = first.directory / "cache"
    ldb = shutil.which("ldb")
    assert ldb, "rocksdb-tools is missing: run deploy/packages.sh test"
    changes = [["--column_family=meta", "put", "format", "999"]]
    if with_family:
        changes.append(["create_column_family", "fills"])
    for change in changes:
        done = subprocess.run([ldb, f"--db={directory / 'index'}", *change],
                              capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    result = failing_start(prepare(cache={"directory": str(directory)}))
    assert_clear(result, EXIT_CONFIG, names="999")


@pytest.mark.parametrize("section", ["listen", "admin"])
def test_port_in_use(prepare, section):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = "127.0.0.1:%d" % taken.getsockname()[1]
        value = [{"address": address}] if section == "listen" else {"address": address}
        result = failing_start(prepare(**{section: value}))
    assert_clear(result, EXIT_RESTART, names=address)


BROKEN_CONFIGS = {
    "half-written": ('{"listen": [{"address": "127.0.0.1:0"}], "cache": {"direc', ""),
    "empty": ("", ""),
    "not-an-object": ("[]", ""),
    "unknown-key": ('{"cache": {"directry": "/tmp"}}', "cache.directry"),
    "wrong-type": ('{"threads": {"serve": "many"}}', "threads.serve"),
    "bad-unit": ('{"cache": {"max_size": "10 bananas"}}', "cache.max_size"),
    "bad-url": ('{"upstreams": {"docker.io": {"endpoints": [{"url": "ftp://x"}]}}}',
                "upstreams.docker.io.endpoints[0].url"),
    "bad-regex": ('{"upstreams": {"docker.io": {"endpoints": [{"url": "https://x"}], '
                  '"tags": {"rules": [{"match": "(", "fresh_for": "1h"}]}}}}',
                  "upstreams.docker.io.tags.rules[0].match"),
    # A path for which a search in a time that grows with 2^n would hang.
    "backtracking-regex": ('{"upstreams": {"docker.io": {"endpoints": [{"url": "https://x"}], '
                           '"tags": {"rules": [{"match": "(a+)\\\\1$", "fresh_for": "1h"}]}}}}',
                           "upstreams.docker.io.tags.rules[0].match"),
    "no-such-default": ('{"default_upstream": "nowhere.test"}', "default_upstream"),
}


@pytest.mark.parametrize("name", BROKEN_CONFIGS)
@pytest.mark.parametrize("command", ["serve", "check"])
def test_broken_configuration(tmp_path, name, command):
    text, path = BROKEN_CONFIGS[name]
    file = tmp_path / "entrepot.json"
    file.write_text(text)
    result = run(command, "--config", str(file))
    assert_clear(result, EXIT_CONFIG, names=path or str(file))


def test_a_missing_configuration_file(tmp_path):
    result = run("serve", "--config", str(tmp_path / "missing.json"))
    assert_clear(result, EXIT_CONFIG, names=str(tmp_path / "missing.json"))


def test_check_accepts(prepare):
    entrepot = prepare()
    entrepot.config_path.write_text(json.dumps(entrepot.config))
    result = run("check", "--config", str(entrepot.config_path))
    assert result.returncode == 0, result.stderr
    assert not (entrepot.directory / "cache").exists(), "a check touches nothing"


@pytest.mark.parametrize("arguments", [["frobnicate"], ["serve", "--bogus"], ["serve", "extra"]])
def test_usage(arguments):
    result = run(*arguments)
    assert result.returncode == EXIT_USAGE, (result.returncode, result.stderr)


def test_version():
    result = run("version")
    assert result.returncode == 0
    assert re.search(r"\b\d+\.\d+\.\d+\b", result.stdout)


def test_override_on_the_command_line(prepare, image, tmp_path):
    other = tmp_path / "elsewhere"
    entrepot = prepare(arguments=("-s", f"cache.directory={other}", "-s", "log.format=json"))
    entrepot.start()
    assert_whole(entrepot.get(LATEST), image.manifest)
    assert (other / "index").is_dir() and not (entrepot.directory / "cache").exists()
    result = run("serve", "--config", str(entrepot.config_path), "-s", "cache.max_size=lots")
    assert_clear(result, EXIT_CONFIG, names="cache.max_size")
