# SPDX-License-Identifier: Apache-2.0
"""`entrepot status` and /api/v1/status: well or not and why, and the figures of the last hour."""

from __future__ import annotations

import json

import pytest

from support import content, logins
from support.checks import REPOSITORY, assert_whole, blob_target, manifest_target
from support.entrepot import EXIT_CONFIG, EXIT_RESTART, run
from support.gate import eventually
from support.ports import keep_address

KIB = content.KIB
EXIT_FOUND = 1
TOKEN = "entrepot_" + "t" * 43
CONTENT = ("blob", "manifest", "tags", "referrers")


def address_of(entrepot) -> str:
    return f"127.0.0.1:{entrepot.admin_port}"


def ask(entrepot, *words):
    return run("status", "--address", address_of(entrepot), *words)


def status(entrepot) -> dict:
    done = ask(entrepot, "--json")
    document = json.loads(done.stdout)
    assert done.returncode == (0 if document["well"] else EXIT_FOUND)
    return document


def problems(entrepot) -> list[str]:
    return [f"{one['gravity']} {one['what']}: {one['text']}" for one in status(entrepot)["problems"]]


@pytest.fixture
def image(upstream):
    return upstream.add_image(REPOSITORY, content.image((10 * KIB, 300 * KIB)), "latest")


def pull(entrepot, image) -> None:
    """Pulls it, and waits until it is stored: a request before that would be no hit."""
    assert_whole(entrepot.get(manifest_target("latest")), image.manifest)
    for blob in image.blobs:
        assert_whole(entrepot.get(blob_target(blob)), blob)

    def stored() -> bool:
        samples = entrepot.metrics()
        return (samples.sum("cache_objects", kind="blob") == len(image.blobs)
                and samples.sum("cache_objects", kind="manifest") == 1
                and samples.sum("cache_objects", kind="tag") == 1 and samples.sum("flights") == 0)
    eventually(stored, what="the image is stored")


def test_all_is_well(start, upstream, image):
    entrepot = start()
    assert status(entrepot)["last_request"] is None
    for _ in range(3):
        pull(entrepot, image)
    eventually(lambda: problems(entrepot) == [], what="the index is loaded")
    done = ask(entrepot)
    assert done.returncode == 0 and done.stdout.startswith("well\n"), done.stdout
    assert upstream.address in done.stdout and "working" in done.stdout
    document = status(entrepot)
    assert document["listeners"] == [entrepot.address]
    assert document["admin"] == address_of(entrepot)
    assert document["version"] in run("version").stdout
    assert document["last_request"]["network"] == "host" and "last request " in done.stdout
    assert 0 <= document["uptime_seconds"] and document["disk"]["free_bytes"] > 0
    (docker,) = document["upstreams"]
    assert docker == json.loads(entrepot.admin("/api/v1/upstreams").body)["upstreams"][0] | {
        "endpoints": docker["endpoints"], "oldest_transfer_seconds": 0}


def test_the_last_hour_has_the_figures_of_the_metrics(start, image):
    entrepot = start()
    for _ in range(3):
        pull(entrepot, image)
    entrepot.get(manifest_target("missing"))
    sent = 3 * (1 + len(image.blobs)) + 1
    def counted() -> bool:
        return sum(entrepot.metrics().sum("requests_total", kind=kind) for kind in CONTENT) == sent
    eventually(counted, what="the last request is counted")
    hour, samples = status(entrepot)["last_hour"], entrepot.metrics()
    assert hour["requests"] == sent
    assert hour["hits"] == sum(samples.sum("requests_total", kind=kind, outcome=outcome)
                               for kind in CONTENT for outcome in ("hit", "revalidated", "stale"))
    assert hour["hits"] >= sent - 3 - len(image.blobs) and hour["errors"] == 0
    assert hour["served_bytes"] == samples.sum("response_bytes_total")
    assert hour["fetched_bytes"] == samples.sum("upstream_bytes_total")
    assert hour["saved_bytes"] == hour["served_bytes"] - hour["fetched_bytes"]


def test_the_only_endpoint_does_not_answer(start, upstream):
    entrepot = start()
    upstream.go_down()
    def is_told() -> bool:
        entrepot.get(manifest_target("missing"))
        return any(line.startswith(f"fault docker.io: {upstream.address}: does not answer: ")
                   for line in problems(entrepot))
    eventually(is_told, what="the endpoint is down")
    done = ask(entrepot)
    assert done.returncode == EXIT_FOUND
    assert done.stdout.startswith("not well:\n  fault: docker.io: ")
    assert "connect: " in done.stdout and " down " in done.stdout


def test_another_endpoint_serves(start, make_upstream, image, upstream):
    other = make_upstream()
    entrepot = start({"docker.io": {"endpoints": [{"url": upstream.url}, {"url": other.url}]}})
    other.go_down()
    def is_told() -> bool:
        entrepot.get(manifest_target("missing"))
        return any(line.startswith(f"warning docker.io: {other.address}: does not answer")
                   for line in problems(entrepot))
    eventually(is_told, what="the endpoint is down")
    assert ask(entrepot).returncode == 0
    assert_whole(entrepot.get(manifest_target("latest")), image.manifest)


def test_no_process_answers():
    done = run("status", "--address", keep_address())
    assert done.returncode == EXIT_RESTART and "does not answer" in done.stderr and not done.stdout


def test_another_program_answers(start, upstream):
    entrepot = start()
    done = run("status", "--address", entrepot.address)
    assert done.returncode == EXIT_CONFIG and "its version has none" in done.stderr, done.stderr


def test_the_configuration_names_the_listener(start, tmp_path):
    entrepot = start()
    file = tmp_path / "command.json"
    file.write_text(json.dumps({**entrepot.config, "admin": {"address": address_of(entrepot)}}))
    assert run("status", "--config", str(file)).returncode == 0
    done = run("status", "--config", str(file), "-s", "admin=null")
    assert done.returncode == EXIT_CONFIG and "no admin listener" in done.stderr


def test_it_logs_in(start, tmp_path):
    tokens = logins.write_tokens(tmp_path / "tokens.json", {"ops": TOKEN})
    entrepot = start(admin={"address": "127.0.0.1:0", "auth": {"tokens": str(tokens)}})
    done = ask(entrepot)
    assert done.returncode == EXIT_CONFIG and "give --token-file FILE" in done.stderr, done.stderr
    secret = tmp_path / "token"
    secret.write_text(TOKEN)
    secret.chmod(0o600)
    assert ask(entrepot, "--token-file", str(secret)).returncode == 0


def test_methods(start):
    entrepot = start()
    assert entrepot.admin("/api/v1/status", method="POST").status == 405
    assert entrepot.admin("/api/v1/status", method="HEAD").status == 200
    for target in ("/api/v1/status/", "/api/v1/statu"):
        assert entrepot.admin(target).status == 404
