# SPDX-License-Identifier: Apache-2.0
"""`entrepot usage`: who pulls how much."""

from __future__ import annotations

import json

from support import content
from support.checks import REPOSITORY, assert_whole, blob_target, manifest_target
from support.entrepot import EXIT_USAGE, run
from support.gate import eventually

NAME = f"docker.io/{REPOSITORY}"


def usage(entrepot, by: str, *words) -> dict:
    done = run("usage", "--by", by, "--json", "--address", f"127.0.0.1:{entrepot.admin_port}", *words)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_clients_and_repositories(start, upstream):
    image = upstream.add_image(REPOSITORY, content.image((300 * content.KIB,)), "latest")
    other = upstream.add_blob("acme/other", content.blob(70_000))
    entrepot = start()
    assert_whole(entrepot.get(manifest_target("latest")), image.manifest)
    layer = max(image.blobs, key=lambda blob: blob.size)
    eventually(lambda: entrepot.metrics().sum("cache_objects", kind="manifest") == 1, what="the manifest")
    for _ in range(3):
        assert_whole(entrepot.get(manifest_target("latest")), image.manifest)
    assert_whole(entrepot.get(blob_target(layer)), layer)
    assert_whole(entrepot.get(blob_target(other, "acme/other")), other)
    entrepot.head(manifest_target("latest"))
    entrepot.get("/v2/")  # no content
    entrepot.log_now()

    def counted() -> bool:  # an exchange is counted after its client has all of it
        found = usage(entrepot, "repository")["usage"]
        return sum(one["requests"] for one in found) == 7
    eventually(counted, what="all requests")
    found = usage(entrepot, "repository")
    first, second = found["usage"]
    size = len(image.manifest.data)
    assert first["name"] == NAME and second["name"] == "docker.io/acme/other"
    assert (first["requests"], first["manifests"]) == (6, 4)
    assert first["bytes"] == 4 * size + layer.size
    assert first["stored_bytes"] == 3 * size and first["other_bytes"] == size + layer.size
    assert (second["requests"], second["manifests"], second["bytes"]) == (1, 0, other.size)
    assert found["others"]["requests"] == 0 and second["last_seconds_ago"] <= found["seconds"]
    one, = usage(entrepot, "client", "--last", "90m")["usage"]
    assert one["name"] == "127.0.0.1" and one["requests"] == 7
    cut = usage(entrepot, "repository", "--limit", "1")
    assert [one["name"] for one in cut["usage"]] == [NAME] and cut["others"]["requests"] == 1
    table = run("usage", "--by", "repository", "--address", f"127.0.0.1:{entrepot.admin_port}").stdout
    assert table.splitlines()[0].split() == ["REPOSITORY", "REQUESTS", "PULLS", "SENT", "STORED", "OTHER", "LAST"]
    assert NAME in table


def test_bad_input(start):
    entrepot = start()
    address = ("--address", f"127.0.0.1:{entrepot.admin_port}")
    assert run("usage", *address).returncode == EXIT_USAGE
    for words in (("--last", "2d"), ("--last", "soon"), ("--limit", "0"), ("--by", "user")):
        assert run("usage", "--by", "client", *words, *address).returncode == EXIT_USAGE
    assert entrepot.admin("/api/v1/usage?by=client&hours=99").status == 400
    assert entrepot.admin("/api/v1/usage?by=client", "POST").status == 405
    done = run("usage", "--by", "client", *address)
    assert done.returncode == 0 and "no client has requested content" in done.stdout
    done = run("usage", "--by", "client", "--address", f"127.0.0.1:{entrepot.port}")
    assert "a listener for clients; give the one of admin.address" in done.stderr
    entrepot.terminate()
    done = run("usage", "--by", "client", *address)
    assert done.returncode == 75 and "a stopped one has none" in done.stderr
