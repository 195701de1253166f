# SPDX-License-Identifier: Apache-2.0
"""`entrepot images`, on a running process through its admin listener and on a stopped cache."""

from __future__ import annotations

import json

import pytest

from support import content
from support.checks import REPOSITORY, assert_whole, blob_target, manifest_target
from support.entrepot import EXIT_USAGE, run
from support.gate import eventually

KIB = content.KIB
EXIT_FOUND = 1
OTHER = "library/busybox"
MULTI = "acme/multi"


def of(repository: str, reference) -> str:
    return manifest_target(reference, repository)


@pytest.fixture(params=["running", "stopped"])
def entrepot(request, start, upstream):
    """A mirror with a whole image, one that lacks a layer, and one of two platforms."""
    whole = upstream.add_image(REPOSITORY, content.image((10 * KIB, 300 * KIB)), "latest")
    begun = upstream.add_image(OTHER, content.image((20 * KIB, 30 * KIB), seed=1), "1")
    platforms = [upstream.add_image(MULTI, content.image((40 * KIB,), seed=seed)) for seed in (2, 3)]
    index = upstream.add_manifest(MULTI, content.index(platforms), "2")
    entrepot = start()
    assert_whole(entrepot.get(of(REPOSITORY, "latest")), whole.manifest)
    assert_whole(entrepot.get(of(OTHER, "1")), begun.manifest)
    assert_whole(entrepot.get(of(MULTI, "2")), index)
    assert_whole(entrepot.get(of(MULTI, platforms[0].manifest.digest)), platforms[0].manifest)
    for repository, blobs in ((REPOSITORY, whole.blobs), (OTHER, begun.blobs[:-1]),
                              (MULTI, platforms[0].blobs)):
        for blob in blobs:
            assert_whole(entrepot.get(blob_target(blob, repository)), blob)
    stored = len(whole.blobs) + len(begun.blobs) - 1 + len(platforms[0].blobs)
    eventually(lambda: entrepot.metrics().sum("cache_objects", kind="blob") == stored
               and entrepot.metrics().sum("cache_objects", kind="manifest") == 4
               and entrepot.metrics().sum("cache_objects", kind="tag") == 3, what="all is stored")
    entrepot.sizes = {
        "docker.io/" + REPOSITORY: whole.manifest.size + sum(b.size for b in whole.blobs),
        "docker.io/" + OTHER: begun.manifest.size + sum(b.size for b in begun.blobs[:-1]),
        "docker.io/" + MULTI: index.size + platforms[0].manifest.size + sum(
            b.size for b in platforms[0].blobs)}
    entrepot.digests = {whole.manifest.digest, begun.manifest.digest, index.digest}
    entrepot.config["admin"] = {"address": f"127.0.0.1:{entrepot.admin_port}"}
    entrepot.config_path.write_text(json.dumps(entrepot.config))
    if request.param == "stopped":
        entrepot.terminate()
    return entrepot


def images(entrepot, *words, code=0):
    done = run("images", *words, "--config", str(entrepot.config_path))
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_all_images(entrepot):
    listed = json.loads(images(entrepot, "--json"))
    assert {one["repository"]: one["bytes"] for one in listed} == entrepot.sizes
    assert {one["digest"] for one in listed} == entrepot.digests
    assert [one["repository"] for one in listed] == sorted(entrepot.sizes)
    states = {one["repository"]: (one["state"], one["missing"], one["images_here"], one["images"])
              for one in listed}
    assert states == {"docker.io/" + REPOSITORY: ("present", 0, 0, 0),
                      "docker.io/" + OTHER: ("partial", 1, 0, 0),
                      "docker.io/" + MULTI: ("present", 0, 1, 2)}
    assert all(one["pulled_at_ms"] > 1_600_000_000_000 for one in listed)


def test_the_table(entrepot):
    text = images(entrepot)
    lines = text.splitlines()
    assert lines[0].split() == ["IMAGE", "SIZE", "PULLED", "STATE", "DIGEST"]
    assert len(lines) == 4
    assert all(digest in text for digest in entrepot.digests)
    assert f"docker.io/{OTHER}:1 " in text and "partial, 1 missing" in text
    assert "present, 1 of 2" in text


def test_a_pattern(entrepot):
    assert [one["tag"] for one in json.loads(images(entrepot, "acme/*", "--json"))] == ["2"]
    assert len(json.loads(images(entrepot, "busybox:1", "--json"))) == 1
    assert json.loads(images(entrepot, "no/such", "--json", code=EXIT_FOUND)) == []
    assert "no known tag" in images(entrepot, "no/such", code=EXIT_FOUND)


@pytest.mark.parametrize("pattern", ["a b", "a?", "a&limit=1", "a#b", "a%41", "\x1b[31m"])
def test_a_text_that_is_no_pattern(pattern):
    done = run("images", pattern, "-s", "admin=null")
    assert done.returncode == EXIT_USAGE, done.stderr
    assert "\x1b" not in done.stderr


def test_the_api_refuses_bad_input(start):
    entrepot = start()
    for query in ("limit=0", "limit=x", "limit=-1", "pattern=" + "a" * 513, "pattern=a%20b" + "\x01"):
        response = entrepot.admin("/api/v1/cache/images?" + query)
        assert response.status == 400, query
    assert entrepot.admin("/api/v1/cache/images", method="POST").status == 405
    for query in ("from=x", "from=/", "from=:", "from=a/b:", "pattern=[", "pattern=" + "*a" * 250):
        response = entrepot.admin("/api/v1/cache/images?" + query)
        assert response.status == 200 and json.loads(response.body) == {"images": [], "next": None}


def test_pages(start, upstream):
    for number in range(5):
        upstream.add_image(REPOSITORY, content.image((KIB,), seed=number), f"v{number}")
    entrepot = start()
    for number in range(5):
        assert entrepot.get(manifest_target(f"v{number}")).status == 200
    eventually(lambda: entrepot.metrics().sum("cache_objects", kind="tag") == 5, what="all tags")
    seen, query = [], "limit=2"
    while query:
        page = json.loads(entrepot.admin("/api/v1/cache/images?" + query).body)
        seen += [one["tag"] for one in page["images"]]
        query = page["next"] and f"limit=2&from={page['next']}"
    assert seen == [f"v{number}" for number in range(5)]
