# SPDX-License-Identifier: Apache-2.0
"""SIGHUP: the process reads its configuration again while it serves."""

from __future__ import annotations

import json
import os
import signal

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
    entrepot.config["threads"] = {"serve": 3}
    reload(entrepot, r"warn .*SIGHUP: these changes take effect")
    assert not entrepot.log.search(r"info .*SIGHUP"), "lines of level info are left out now"


def test_keys_that_need_a_restart_are_logged(start, upstream):
    entrepot = start()
    blob = upstream.add_blob(REPOSITORY, content.blob(MIB, seed=4))
    entrepot.config["threads"] = {"serve": 3}
    reload(entrepot, r"warn .*at the next start: threads")
    assert_whole(entrepot.get(blob_target(blob)), blob)


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
