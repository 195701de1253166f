# SPDX-License-Identifier: Apache-2.0
"""docs/metrics.md and docs/api.md describe the running process: all of it, and nothing else."""

from __future__ import annotations

import re

import pytest

from support import content
from support.checks import REPOSITORY, assert_whole, blob_target, manifest_target
from support.gate import eventually
from support.howtos import PROJECT
from support.metrics import Samples

METRICS = (PROJECT / "docs/metrics.md").read_text()
API = (PROJECT / "docs/api.md").read_text()
OPERATIONS = (PROJECT / "docs/operations.md").read_text()
# Their values are those of the configuration and the build, or of a table that all metrics share.
FREE_LABELS = {"upstream", "endpoint", "certificate", "version", "commit", "le"}


@pytest.fixture
def image(upstream):
    return upstream.add_image(REPOSITORY, content.image((100_000, 3_000)), "latest")


# --- The metrics.


def metric_rows() -> dict[str, tuple[str, set[str], str]]:
    """Type, labels and whole row of each metric."""
    rows = re.findall(r"(?m)^(\| `((?:entrepot|process)_\w+)` \| (\w+) \| ([^|]+) \| .*\|)$", METRICS)
    assert len(rows) == len({name for _, name, _, _ in rows}), "a metric is described twice"
    return {name: (kind, set(re.findall(r"`(\w+)`", labels)), row) for row, name, kind, labels in rows}


def family(samples: Samples, name: str) -> str:
    base = re.sub(r"_(bucket|sum|count)$", "", name)
    return base if samples.types.get(base) == "histogram" else name


def test_every_metric_is_described_and_no_other(start):
    samples = start().metrics()
    rows = metric_rows()
    assert {name: kind for name, (kind, _, _) in rows.items()} == samples.types
    for name, labels, _ in samples.samples:
        assert set(labels) - {"le"} == rows[family(samples, name)][1], name


def test_every_value_of_a_label_is_described(start, image):
    entrepot = start()
    assert_whole(entrepot.get(manifest_target("latest")), image.manifest)
    samples = entrepot.metrics()
    rows = metric_rows()
    shared = METRICS.partition("\n## ")[0]
    for name, labels, _ in samples.samples:
        row = rows[family(samples, name)][2]
        places = [row, shared, *([OPERATIONS] if "(operations.md" in row else [])]
        for label in set(labels) - FREE_LABELS - {"code"}:
            assert any(f"`{labels[label]}`" in place for place in places), (name, label, labels[label])


# --- The admin listener.


def requests_described() -> dict[tuple[str, str], str]:
    """Method and path of each request to the admin listener, with the right that it needs."""
    rows = re.findall(r"(?m)^\| `([A-Z]+) (/\S+)` \| `(\w+)` \|", API)
    return {(method, path): right for method, path, right in rows}


def fields_described(section: str) -> set[str]:
    text = API.partition(f"\n### {section}\n")[2].partition("\n### ")[0]
    return set(re.findall(r"(?m)^\| `([\w.\[\]]+)` \|", text))


def fields_of(value, path: str = "") -> set[str]:
    """The fields of a reply, by path. The keys of a map are names, which are no fields."""
    if isinstance(value, list):
        return set().union(*(fields_of(one, f"{path}[]") for one in value), {path})
    if not isinstance(value, dict) or path.endswith(("waits", "denied_seconds")):
        return {path}
    return set().union(*(fields_of(one, f"{path}.{key}".lstrip(".")) for key, one in value.items()),
                       {path} if path and not path.endswith("[]") else set())


def leaves(fields: set[str]) -> set[str]:
    """Without lists of objects, whose fields are listed instead."""
    return {one for one in fields if not any(other.startswith(f"{one}[].") for other in fields)} - {""} - {
        one for one in fields if one.endswith("[]")}


def test_every_path_in_the_sources_is_described():
    described = [path for _, path in requests_described()]
    sources = [*(PROJECT / "proxy/admin").glob("*.cc"), PROJECT / "proxy/app/admin_api.cc",
               PROJECT / "proxy/app/deny/deny_api.h", PROJECT / "proxy/app/usage/usage_api.h"]
    found = {literal.rstrip("/") for source in sources
             for literal in re.findall(r'"(/[a-z0-9/]+)"', source.read_text())}
    assert {"/healthz", "/api/v1/upstreams", "/objects", "/pins", "/api/v1/deny", "/api/v1/usage"} <= found
    for literal in found:
        assert any(literal in path for path in described), literal


def test_requests_are_answered_as_described(start, upstream, make_upstream, image):
    """Each request with its fields, and other methods with 405."""
    other = make_upstream()
    other.go_down()
    # The scrub would find the spoilt file, too.
    entrepot = start({"docker.io": upstream, "quay.io": other}, cache={"scrub_rate": "0"})
    assert_whole(entrepot.get(manifest_target("latest")), image.manifest)
    for blob in image.blobs:
        assert_whole(entrepot.get(blob_target(blob)), blob)
    assert entrepot.get(manifest_target("latest") + "?ns=quay.io").status == 503
    eventually(lambda: entrepot.admin("/api/v1/cache").json()["blobs"] == len(image.blobs), what="its blobs")
    # The largest layer is a file of its own.
    largest = max(image.layers, key=lambda blob: blob.size)
    file, = (file for file in (entrepot.directory / "cache").rglob("*")
             if file.is_file() and largest.digest.partition(":")[2] in file.name)
    file.chmod(0o600)
    file.write_bytes(b"?" + file.read_bytes()[1:])

    asked: set[tuple[str, str]] = set()

    def ask(method: str, path: str, query: str = "", section: str = "", **parts: str) -> None:
        asked.add((method, path))
        target = path
        for name, value in parts.items():
            target = target.replace(name, value)
        reply = entrepot.admin(target + query, method=method)
        assert reply.status == 200, (method, target, reply.body)
        if section == "Status":
            fields = leaves(fields_of(reply.json() | {"upstreams": []}))
            assert fields == fields_described(section)
            assert leaves(fields_of({"upstreams": reply.json()["upstreams"]})) == fields_described("Upstreams")
        elif section:
            assert leaves(fields_of(reply.json())) == fields_described(section), target
        if path not in ("/api/v1/cache/pins", "/api/v1/cache/objects"):
            assert entrepot.admin(target, method="PUT").status == 405, path

    for path in ("/healthz", "/readyz", "/metrics"):
        ask("GET", path)
    ask("GET", "/api/v1/status", section="Status")
    ask("GET", "/api/v1/upstreams", section="Upstreams")
    ask("GET", "/api/v1/restart-keys", section="Keys that need a restart")
    ask("GET", "/api/v1/usage", query="?by=repository", section="Usage")
    for pattern in ("docker.io/evil/*", "docker.io/odd/*"):
        ask("POST", "/api/v1/deny", query=f"?pattern={pattern}&reason=it%20is", section="Denials")
    ask("GET", "/api/v1/deny", section="Denials")
    ask("DELETE", "/api/v1/deny", query="?pattern=docker.io/odd/*", section="Denials")
    ask("GET", "/api/v1/cache", section="Cache")
    ask("GET", "/api/v1/cache/objects", section="Objects")
    ask("GET", "/api/v1/cache/images", section="Images")
    ask("POST", "/api/v1/cache/verify", section="Verification")
    ask("PUT", "/api/v1/cache/pins", query="?pattern=library/*", section="Pins")
    ask("GET", "/api/v1/cache/pins", section="Pins")
    ask("DELETE", "/api/v1/cache/pins", query="?pattern=library/*", section="Pins")
    ask("DELETE", "/api/v1/cache/objects/DIGEST", section="Removal", DIGEST=image.layers[1].digest)
    ask("DELETE", "/api/v1/cache/repositories/UPSTREAM/NAME", section="Removal",
        UPSTREAM="docker.io", NAME=REPOSITORY)
    assert asked == set(requests_described())
    assert entrepot.admin("/api/v1/other").status == 404


def test_rights_are_as_described():
    """As proxy/admin/rights.cc gives them, which the tests of the listener hold."""
    for (method, path), right in requests_described().items():
        expected = ("probes" if path in ("/healthz", "/readyz") else "metrics" if path == "/metrics"
                    else "read" if method == "GET" else "change")
        assert right == expected, (method, path)


# --- The registry.


def test_registry_paths_are_answered_as_described(start, image):
    entrepot = start()
    rows = re.findall(r"(?m)^\| `GET (/v2/\S*)` \|", API)
    parts = {"NAME": REPOSITORY, "REFERENCE": "latest", "DIGEST": image.layers[0].digest}
    statuses = {}
    for path in rows:
        target = path
        for name, value in parts.items():
            target = target.replace(name, value)
        statuses[path] = entrepot.get(target).status
        assert entrepot.request("HEAD", target).status == statuses[path], path
        assert entrepot.request("POST", target).status == 405, path
    assert statuses.pop("/v2/_catalog") == 404
    assert len(statuses) == 5 and set(statuses.values()) == {200}
