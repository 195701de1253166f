# SPDX-License-Identifier: Apache-2.0
"""The how-tos do what they promise: their own configurations, with the addresses of the test."""

from __future__ import annotations

import shutil

import pytest

from support import content, ports
from support.checks import (REPOSITORY, assert_error, assert_hit, assert_whole, blob_target,
                            manifest_target)
from support.howtos import PROJECT, configurations

HOWTOS = PROJECT / "docs" / "howto"


@pytest.fixture
def image(upstream):
    return upstream.add_image(REPOSITORY, content.image((10, 100_000)), "latest")


def docker_hub(document: str, number: int) -> dict:
    """The upstream docker.io of a configuration in a how-to."""
    return configurations(HOWTOS / document)[number]["upstreams"]["docker.io"]


def test_air_gap(start, prepare, upstream, image):
    """A cache that was filled outside serves inside, where nothing can be asked: tags, manifests and
    blobs; 503 for everything else."""
    outside = start()
    assert_whole(outside.get(manifest_target("latest")), image.manifest)
    for blob in image.blobs:
        assert_whole(outside.get(blob_target(blob)), blob)
    outside.terminate()
    upstream.go_down()

    inside = docker_hub("air-gap.md", 1)
    assert inside["endpoints"] == [{"url": "http://127.0.0.1:9"}]
    inside["endpoints"] = [{"url": f"http://{ports.keep_address()}"}]  # nothing listens there either
    inside["tags"]["fresh_for"] = "0s"  # an hour is over
    carried = prepare({"docker.io": inside})
    shutil.copytree(outside.directory / "cache", carried.config["cache"]["directory"],
                    ignore=shutil.ignore_patterns("*.sock"), dirs_exist_ok=True)
    carried.start()
    for _ in range(2):
        assert_whole(carried.get(manifest_target("latest")), image.manifest)
    assert_hit(carried.get(manifest_target(image.manifest)), image.manifest)
    for blob in image.blobs:
        assert_hit(carried.get(blob_target(blob)), blob)
    assert_error(carried.get(manifest_target("other")), 503)
    carried.log.wait_for(r'manifests/latest" 200 stale')


def test_names_of_harbor(start, upstream, image):
    """The name of a proxy project is an alias of its registry."""
    upstreams = configurations(HOWTOS / "migrate.md")[1]["upstreams"]
    assert upstreams["docker.io"]["aliases"] == ["dockerhub"] and upstreams["quay.io"]["aliases"] == ["quay"]
    for one in upstreams.values():
        one["endpoints"] = [{"url": upstream.url}]
    entrepot = start(upstreams)
    for project in ("dockerhub", "quay"):
        assert_whole(entrepot.get(manifest_target("latest", f"{project}/{REPOSITORY}")), image.manifest)
        for blob in image.blobs:
            assert_whole(entrepot.get(blob_target(blob, f"{project}/{REPOSITORY}")), blob)


def test_the_old_mirror_is_an_endpoint(start, upstream, make_upstream, image):
    """Content comes from the old mirror while the registry is down."""
    config = docker_hub("migrate.md", 0)
    registry = make_upstream()
    registry.go_down()
    old, new = config["endpoints"]
    assert old["url"].startswith("http://old-mirror.") and new["url"] == "https://registry-1.docker.io"
    config["endpoints"] = [{**old, "url": upstream.url}, {**new, "url": registry.url}]
    entrepot = start({"docker.io": config})
    assert_whole(entrepot.get(manifest_target("latest")), image.manifest)
    for blob in image.blobs:
        assert_whole(entrepot.get(blob_target(blob)), blob)
