# SPDX-License-Identifier: Apache-2.0
"""SIGHUP: the process reads its configuration again while it serves."""

from __future__ import annotations

import json
import os
import signal
import socket

import pytest

from support import content, faults
from support.checks import REPOSITORY, assert_hit, assert_whole, blob_target, manifest_target
from support.gate import Gate, eventually
from support.reload import reload

KIB, MIB = content.KIB, content.MIB


def point_to(entrepot, upstream) -> None:
    entrepot.config["upstreams"]["docker.io"]["endpoints"] = [{"url": upstream.url}]


@pytest.fixture
def other(make_upstream):
    return make_upstream()


def test_another_endpoint_and_a_download_goes_on(start, upstream, other):
    entrepot = start()
    gate = Gate()
    running = upstream.add_blob(REPOSITORY, content.blob(4 * MIB, seed=1))
    upstream.script(faults.hold_at(MIB, gate), kind="blob", method="GET")
    download = entrepot.download(blob_target(running))
    download.wait_received(MIB - 300 * KIB)
    point_to(entrepot, other)
    reload(entrepot, "upstreams changed: docker.io")
    only_there = other.add_blob(REPOSITORY, content.blob(MIB, seed=2))
    assert_whole(entrepot.get(blob_target(only_there)), only_there)
    gate.open()
    assert_whole(download.finish(), running)
    assert_hit(entrepot.get(blob_target(running)), running)


@pytest.mark.parametrize("text, why", [
    ("{", r"error .*entrepot\.json"), ('{"cache": {"max_size": "much"}}', r"error .*cache\.max_size"),
    ('{"unknown": 1}', r"error .*unknown key")])
def test_a_bad_configuration_is_refused(start, upstream, text, why):
    entrepot = start()
    blob = upstream.add_blob(REPOSITORY, content.blob(MIB, seed=3))
    entrepot.config_path.write_text(text)
    os.kill(entrepot.pid, signal.SIGHUP)
    entrepot.log.wait_for(r"SIGHUP: the configuration is invalid; the previous one stays in force")
    entrepot.log.wait_for(why)
    assert_whole(entrepot.get(blob_target(blob)), blob)
    assert entrepot.admin("/readyz").status == 200


def test_a_smaller_cache_evicts_blobs(start, upstream):
    entrepot = start(cache={"max_size": "1GiB", "reserve_free": 0})
    blobs = [upstream.add_blob(REPOSITORY, content.blob(2 * MIB, seed=10 + n)) for n in range(12)]
    for blob in blobs:
        assert_whole(entrepot.get(blob_target(blob)), blob)
    eventually(lambda: entrepot.metrics().sum("cache_objects", kind="blob") == 12, what="12 kept")
    entrepot.config["cache"]["max_size"] = "16MiB"
    reload(entrepot)
    eventually(lambda: entrepot.metrics().sum("cache_bytes") <= 16 * MIB, what="16 MiB at most")
    assert entrepot.metrics().sum("cache_max_bytes") == 16 * MIB


def test_new_tag_rules_apply_to_later_checks(start, upstream):
    """For tags that are checked from then on."""
    entrepot = start({"docker.io": {"endpoint": upstream, "tags": {"fresh_for": "0s"}}})
    image = upstream.add_image(REPOSITORY, content.image((KIB,)), "v1")
    for _ in range(2):
        assert_whole(entrepot.get(manifest_target("v1")), image.manifest)
    assert upstream.count("manifest") == 2
    entrepot.config["upstreams"]["docker.io"]["tags"] = {"fresh_for": "1h"}
    reload(entrepot)
    assert_whole(entrepot.get(manifest_target("v1")), image.manifest)
    assert upstream.count("manifest") == 3
    assert_hit(entrepot.get(manifest_target("v1")), image.manifest)
    assert upstream.count("manifest") == 3


def test_new_pins_apply_at_once(start):
    entrepot = start()
    entrepot.config["cache"]["pin"] = ["library/*"]
    reload(entrepot)
    assert json.loads(entrepot.admin("/api/v1/cache/pins").body)["configured"] == ["library/*"]


def test_the_level_of_the_log(start):
    entrepot = start(log={"level": "info"})
    entrepot.config["log"]["level"] = "warn"
    entrepot.config["threads"]["serve"] = 3
    entrepot.config_path.write_text(json.dumps(entrepot.config))
    os.kill(entrepot.pid, signal.SIGHUP)
    entrepot.log.wait_for(r"warn .*SIGHUP: takes effect at the next start: threads\.serve: 2 -> 3")
    entrepot.config["log"]["level"] = "info"
    reload(entrepot)
    results = [line for line in entrepot.log.lines if "SIGHUP: the new configuration" in line]
    assert len(results) == 1, "that of the first reload is left out"


def test_keys_that_need_a_restart_are_logged(start, upstream):
    entrepot = start()
    blob = upstream.add_blob(REPOSITORY, content.blob(MIB, seed=4))
    entrepot.config["threads"]["serve"] = 3
    reload(entrepot, r"warn .*SIGHUP: takes effect at the next start: threads\.serve: 2 -> 3")
    # They are told as long as they wait for it.
    reload(entrepot, r"SIGHUP: nothing has changed; keys that need a restart: 1$")
    assert_whole(entrepot.get(blob_target(blob)), blob)


def changes_told(entrepot, since: int) -> list[str]:
    return [line.split("SIGHUP: ", 1)[1] for line in entrepot.log.lines[since:] if "SIGHUP: " in line]


def test_each_change_has_a_line_and_nothing_else_has(start, upstream, other, tmp_path):
    password = tmp_path / "password"
    password.write_text("first-secret")
    password.chmod(0o600)
    entrepot = start({"docker.io": {"endpoint": upstream, "credentials": [
        {"username": "me", "password_file": str(password)}]}})
    docker_hub = entrepot.config["upstreams"]["docker.io"]
    password.write_text("second-secret")
    docker_hub["endpoints"].append({"url": other.url, "credentials": docker_hub.pop("credentials")})
    entrepot.config["limits"]["connections"] = 123
    entrepot.config["cache"]["pin"] = ["library/*"]
    since = len(entrepot.log.lines)
    reload(entrepot)
    assert changes_told(entrepot, since) == [
        "limits.connections: 10000 -> 123",
        f"upstreams.docker.io.endpoints: {other.url} added",
        "cache.pin: library/* added",
        "upstreams.docker.io.credentials: me removed",
        "the new configuration is in force; upstreams changed: docker.io"]
    password.write_text("third-secret")
    since = len(entrepot.log.lines)
    reload(entrepot)
    assert changes_told(entrepot, since)[0] == (
        f"upstreams.docker.io.endpoints[{other.url}].credentials[me].password: changed")
    assert "secret" not in entrepot.log.text


def test_a_file_that_is_another_one_altogether_is_told_in_few_lines(start):
    entrepot = start()
    entrepot.config["cache"]["pin"] = [f"library/a{number}" for number in range(200)]
    since = len(entrepot.log.lines)
    reload(entrepot)
    told = changes_told(entrepot, since)
    assert len(told) == 52 and told[50] == "and 150 more keys"


def test_bounds_of_clients(start, upstream):
    """Another bound counts for the next request, on connections that are open as well."""
    entrepot = start()
    gate = Gate()
    held = upstream.add_blob(REPOSITORY, content.blob(4 * MIB, seed=5))
    small = upstream.add_blob(REPOSITORY, content.blob(KIB, seed=6))
    assert_whole(entrepot.get(blob_target(small)), small)
    eventually(lambda: "; hit" in entrepot.get(blob_target(small)).outcome, what="stored")
    upstream.script(faults.hold_at(MIB, gate), kind="blob", method="GET")
    download = entrepot.download(blob_target(held))
    download.wait_received(MIB - 300 * KIB)
    assert_hit(entrepot.get(blob_target(small)), small)
    entrepot.config["limits"] = {"requests_per_client": 1}
    reload(entrepot)
    assert entrepot.get(blob_target(small)).status == 429
    entrepot.config["limits"] = {"requests_per_client": 2, "misses_per_client": 1}
    reload(entrepot)
    assert_hit(entrepot.get(blob_target(small)), small)
    other = upstream.add_blob(REPOSITORY, content.blob(KIB, seed=7))
    assert entrepot.get(blob_target(other)).status == 429
    gate.open()
    assert_whole(download.finish(), held)


def test_the_size_of_a_blob(start, upstream):
    entrepot = start()
    blob = upstream.add_blob(REPOSITORY, content.blob(MIB, seed=8))
    entrepot.config["limits"] = {"max_blob": "512KiB"}
    reload(entrepot)
    assert entrepot.get(blob_target(blob)).status == 502
    entrepot.config["limits"] = {"max_blob": "1MiB"}
    reload(entrepot)
    assert_whole(entrepot.get(blob_target(blob)), blob)


def test_timeouts_of_clients(start):
    """A head that does not end within timeouts.header, which was an hour at the start."""
    entrepot = start(timeouts={"header": "1h"})
    entrepot.config["timeouts"] = {"header": "50ms"}
    reload(entrepot)
    with socket.create_connection(("127.0.0.1", entrepot.port), timeout=60) as client:
        client.sendall(b"GET /v2/ HTTP/1.1\r\nHost: a\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 408 ")


def test_names_of_upstreams(start, upstream):
    entrepot = start()
    blob = upstream.add_blob(REPOSITORY, content.blob(KIB, seed=9))
    by_alias = f"/v2/hub.example/{REPOSITORY}/blobs/{blob.digest}"
    assert entrepot.get(by_alias).status == 404
    assert entrepot.get("/v2/_catalog").status == 404
    entrepot.config["upstreams"]["docker.io"]["aliases"] = ["hub.example"]
    entrepot.config["registry"] = {"catalog": True}
    reload(entrepot)
    assert_whole(entrepot.get(by_alias), blob)
    assert entrepot.get("/v2/_catalog").status == 200
    unnamed = f"/v2/{REPOSITORY}/blobs/{blob.digest}"
    assert entrepot.get(unnamed).status == 200
    entrepot.config["default_upstream"] = None
    reload(entrepot)
    assert entrepot.get(unnamed).status == 404
    assert_hit(entrepot.get(by_alias), blob)


def test_lines_of_requests(start, upstream):
    entrepot = start()
    first, second = (upstream.add_blob(REPOSITORY, content.blob(KIB, seed=90 + n)) for n in range(2))
    entrepot.config["log"]["access"] = False
    reload(entrepot)
    assert_whole(entrepot.get(blob_target(first)), first)
    entrepot.config["log"]["access"] = True
    reload(entrepot)
    assert_whole(entrepot.get(blob_target(second)), second)
    entrepot.log.wait_for(second.digest)
    assert not entrepot.log.search(first.digest)


def test_many_reloads_leak_nothing(start, upstream, other):
    entrepot = start(log={"level": "info"})
    blobs = [upstream.add_blob(REPOSITORY, content.blob(300 * KIB, seed=50 + n)) for n in range(40)]
    for blob in blobs:
        other.add_blob(REPOSITORY, blob)

    def descriptors() -> int:
        return len(os.listdir(f"/proc/{entrepot.pid}/fd"))

    for number, blob in enumerate(blobs):
        point_to(entrepot, (upstream, other)[number % 2])
        entrepot.config_path.write_text(json.dumps(entrepot.config))
        os.kill(entrepot.pid, signal.SIGHUP)
        assert_whole(entrepot.get(blob_target(blob)), blob)
        if number == 9:
            settled = descriptors()
    eventually(lambda: descriptors() <= settled + 5, what="no more descriptors than before")
    if not os.environ.get("ENTREPOT_SANITIZE"):  # those keep freed memory
        assert entrepot.memory()["RssAnon"] < 100 * MIB
