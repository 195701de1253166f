# SPDX-License-Identifier: Apache-2.0
"""`entrepot cache …`, on a running process through its admin listener and on a stopped cache."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
from pathlib import Path

import pytest

from support import content
from support.checks import REPOSITORY, assert_hit, assert_whole, blob_target, manifest_target
from support.entrepot import EXIT_USAGE, binary, environment, run
from support.gate import eventually

KIB, MIB = content.KIB, content.MIB
EXIT_FOUND = 1


@pytest.fixture
def image(upstream):
    return upstream.add_image(REPOSITORY, content.image((10 * KIB, 300 * KIB, 2 * MIB)), "latest")


@pytest.fixture(params=["running", "stopped"])
def entrepot(request, start, image):
    """A mirror that has stored the image."""
    entrepot = start(cache={"scrub_rate": 0})
    assert_whole(entrepot.get(manifest_target("latest")), image.manifest)
    for blob in image.blobs:
        assert_whole(entrepot.get(blob_target(blob)), blob)
    eventually(lambda: entrepot.metrics().sum("cache_objects", kind="blob") == len(image.blobs)
               and entrepot.metrics().sum("cache_objects", kind="tag") == 1, what="all is stored")
    entrepot.is_stopped = request.param == "stopped"
    # The process chose its admin port; the command has to find it in the configuration.
    entrepot.config["admin"] = {"address": f"127.0.0.1:{entrepot.admin_port}"}
    entrepot.config_path.write_text(json.dumps(entrepot.config))
    if entrepot.is_stopped:
        entrepot.terminate()
    return entrepot


def command(entrepot, *words, code=0):
    done = run("cache", *words, "--config", str(entrepot.config_path))
    assert done.returncode == code, done.stderr
    said = "looking at it directly" if entrepot.is_stopped else "asking the process"
    assert said in done.stderr
    return done


def as_json(entrepot, *words, code=0):
    return json.loads(command(entrepot, *words, "--json", code=code).stdout)


def file_of(entrepot, blob) -> Path:
    name = blob.digest.split(":")[1]
    return Path(entrepot.config["cache"]["directory"]) / "blobs" / "sha256" / name[:2] / name


def spoil(entrepot, blob) -> None:
    with open(file_of(entrepot, blob), "r+b") as file:
        file.seek(blob.size // 2)
        byte = file.read(1)
        file.seek(blob.size // 2)
        file.write(bytes([byte[0] ^ 1]))


def served(entrepot):
    """The running process; starts it if it was stopped."""
    if entrepot.is_stopped:
        entrepot.start()
    return entrepot


def test_stats(entrepot, image):
    stats = as_json(entrepot, "stats")
    assert stats["blobs"] == len(image.blobs) and stats["manifests"] == 1 and stats["tags"] == 1
    assert stats["blob_bytes"] == sum(blob.size for blob in image.blobs)
    assert stats["used_bytes"] >= 2 * MIB and stats["complete"]
    text = command(entrepot, "stats").stdout
    assert "blobs" in text and "MiB" in text


def test_ls(entrepot, image):
    objects = as_json(entrepot, "ls")
    assert {o["digest"]: o["size"] for o in objects if o["kind"] == "blob"} == {
        blob.digest: blob.size for blob in image.blobs}
    assert [o["size"] for o in objects] == sorted((o["size"] for o in objects), reverse=True)
    assert all(o["repositories"] == [f"docker.io/{REPOSITORY}"] for o in objects)
    assert not any(o["pinned"] for o in objects)
    text = command(entrepot, "ls").stdout
    assert all(blob.digest in text for blob in image.blobs)


@pytest.mark.parametrize("entrepot", ["stopped"], indirect=True)
def test_pieces_can_be_removed(entrepot, upstream):
    """They cannot be verified before the whole blob is stored."""
    blob = upstream.add_blob(REPOSITORY, content.blob(8 * MIB, seed=99))
    served(entrepot)
    entrepot.get(blob_target(blob), headers=[("Range", "bytes=0-1")])
    entrepot.terminate()
    file = Path(entrepot.config["cache"]["directory"]) / "fills" / blob.digest.replace(":", "-")
    assert file.exists()
    command(entrepot, "rm", blob.digest)
    assert not file.exists()


@pytest.mark.parametrize("entrepot", ["running"], indirect=True)
def test_ranges_of_a_blob_are_one_hit(entrepot, image):
    """A lazy puller's thousand small reads do not make a blob a thousand times as popular."""
    blob = image.layers[0]
    for first in range(20):
        assert entrepot.get(blob_target(blob), headers=[("Range", f"bytes={first}-")]).status == 206
    hits = {o["digest"]: o["hits"] for o in as_json(entrepot, "ls")}
    assert hits[blob.digest] == 1


@pytest.mark.parametrize("entrepot", ["running"], indirect=True)  # counted since the start
def test_hits_are_counted(entrepot, image):
    blob = image.blobs[-1]
    for _ in range(3):
        assert_hit(entrepot.get(blob_target(blob)), blob)
    objects = as_json(entrepot, "ls", "--sort", "hits")
    assert objects[0]["digest"] == blob.digest and objects[0]["hits"] >= 3


def test_verify_finds_and_repairs(entrepot, upstream, image):
    assert as_json(entrepot, "verify")["bad"] == []
    blob = image.blobs[-1]
    spoil(entrepot, blob)
    found = as_json(entrepot, "verify", code=EXIT_FOUND)
    assert [(bad["digest"], bad["verdict"]) for bad in found["bad"]] == [(blob.digest, "wrong")]
    assert found["objects"] == len(image.blobs)
    text = command(entrepot, "verify", "--repair", code=EXIT_FOUND).stdout
    assert blob.digest in text and "dropped" in text
    if not entrepot.is_stopped:
        entrepot.log.wait_for(f"error .*{blob.digest} does not have that digest any more; it is removed")
        assert entrepot.metrics().sum("cache_evictions_total", reason="corrupt") == 1
    assert not file_of(entrepot, blob).exists()
    assert as_json(entrepot, "verify")["bad"] == []
    upstream.forget()
    assert_whole(served(entrepot).get(blob_target(blob)), blob)
    assert upstream.count("blob", method="GET") == 1


def test_verify_reports_missing_files(entrepot, image):
    blob = image.blobs[-1]
    file_of(entrepot, blob).unlink()
    found = as_json(entrepot, "verify", code=EXIT_FOUND)
    assert [bad["verdict"] for bad in found["bad"]] == ["missing"]


@pytest.mark.parametrize("which", [0, -1], ids=["inline", "file"])
def test_rm_digest(entrepot, upstream, image, which):
    blob = image.blobs[which]
    assert as_json(entrepot, "rm", blob.digest)["objects"] == 1
    command(entrepot, "rm", blob.digest, code=EXIT_FOUND)
    assert_noted(entrepot, f"removed {blob.digest}")
    upstream.forget()
    assert_whole(served(entrepot).get(blob_target(blob)), blob)
    assert upstream.count("blob", method="GET") == 1


def assert_noted(entrepot, change: str) -> None:
    """The log of a process has one line about this change; a command on a stopped cache has none."""
    if not entrepot.is_stopped:
        line = f"info .*cache: {change}, at the request of anonymous, 127\\.0\\.0\\.1$"
        entrepot.log.wait_for(line)
        assert len([one for one in entrepot.log.lines if re.search(line, one)]) == 1


def test_rm_tag(entrepot, upstream, image):
    name = REPOSITORY.removeprefix("library/")
    assert as_json(entrepot, "rm", f"{name}:latest") == {"tags": 1, "objects": 0}
    command(entrepot, "rm", f"{name}:latest", code=EXIT_FOUND)
    assert_noted(entrepot, rf"removed docker\.io/{REPOSITORY}:latest \(1 tag, 0 objects\)")
    upstream.forget()
    assert_whole(served(entrepot).get(manifest_target("latest")), image.manifest)
    assert upstream.count("manifest") >= 1
    assert_hit(entrepot.get(blob_target(image.blobs[-1])), image.blobs[-1])


def test_rm_repository(entrepot, upstream, image):
    removed = as_json(entrepot, "rm", f"docker.io/{REPOSITORY}")
    assert removed == {"tags": 1, "objects": len(image.blobs) + 1}
    assert_noted(entrepot, rf"removed docker\.io/{REPOSITORY} \(1 tag, {len(image.blobs) + 1} objects\)")
    assert as_json(entrepot, "ls") == []
    assert as_json(entrepot, "stats")["blobs"] == 0
    upstream.forget()
    served(entrepot)
    for blob in image.blobs:
        assert_whole(entrepot.get(blob_target(blob)), blob)
    assert upstream.count("blob", method="GET") == len(image.blobs)


def at_a_terminal(entrepot, answer: str, *words) -> tuple[int, str]:
    """The exit code, and what the terminal shows."""
    terminal, theirs = pty.openpty()
    process = subprocess.Popen(
        [binary(), "cache", *words, "--config", str(entrepot.config_path)], stdin=theirs, stdout=theirs,
        stderr=theirs, start_new_session=True, env=environment())
    os.close(theirs)
    os.write(terminal, answer.encode())
    shown = b""
    try:
        while part := os.read(terminal, 4096):
            shown += part
    except OSError:  # EIO: the process has ended
        pass
    os.close(terminal)
    return process.wait(60), shown.decode()


@pytest.mark.parametrize("answer,removed", [("y\n", True), ("yes\n", True), ("\n", False), ("no\n", False),
                                            ("\x04", False)])
def test_rm_of_a_repository_asks_at_a_terminal(entrepot, answer, removed):
    code, shown = at_a_terminal(entrepot, answer, "rm", REPOSITORY)
    assert f"forget everything of docker.io/{REPOSITORY}, its tags and their images? [y/N]" in shown
    assert (code, "nothing is removed" in shown) == ((0, False) if removed else (EXIT_FOUND, True)), shown
    left = json.loads(command(entrepot, "stats", "--json").stdout)["tags"]
    assert left == (0 if removed else 1)


@pytest.mark.parametrize("words", [("rm", REPOSITORY, "--yes"), ("rm", f"{REPOSITORY}:latest")])
def test_rm_does_not_ask(entrepot, words):
    code, shown = at_a_terminal(entrepot, "", *words)
    assert code == 0 and "[y/N]" not in shown


def test_rm_repository_keeps_blobs_of_manifests_of_another_one(entrepot, upstream, image):
    """Such a blob stays, whether a client has requested it there or not."""
    other = "library/other"
    upstream.add_image(other, image, "latest")
    assert_whole(served(entrepot).get(manifest_target("latest", other)), image.manifest)
    if entrepot.is_stopped:
        entrepot.terminate()
    both = sorted(f"docker.io/{name}" for name in (REPOSITORY, other))
    eventually(lambda: all(sorted(item["repositories"]) == both
                           for item in as_json(entrepot, "ls")), what="all is listed for both")
    assert as_json(entrepot, "rm", f"docker.io/{REPOSITORY}") == {"tags": 1, "objects": 0}
    upstream.forget()
    served(entrepot)
    for blob in image.blobs:
        assert_hit(entrepot.get(blob_target(blob, other)), blob)
    assert upstream.count() == 0
    assert_whole(entrepot.get(blob_target(image.layers[0])), image.layers[0])
    assert upstream.count("blob", repository=REPOSITORY) == 1, "only the upstream can tell"


def test_pins(entrepot):
    assert as_json(entrepot, "pins") == {"configured": [], "commanded": []}
    assert as_json(entrepot, "pin", "library/*")["commanded"] == ["library/*"]
    assert as_json(entrepot, "pin", "library/*")["commanded"] == ["library/*"]
    assert_noted(entrepot, r"pinned library/\*")
    assert all(o["pinned"] for o in as_json(entrepot, "ls"))
    # The pin holds after the next start, whether the command or the process wrote it.
    if entrepot.is_stopped:
        entrepot.start()
    else:
        entrepot.terminate()
    entrepot.is_stopped = not entrepot.is_stopped
    if not entrepot.is_stopped:
        entrepot.config["admin"] = {"address": f"127.0.0.1:{entrepot.admin_port}"}
        entrepot.config_path.write_text(json.dumps(entrepot.config))
    assert as_json(entrepot, "pins")["commanded"] == ["library/*"]
    assert all(o["pinned"] for o in as_json(entrepot, "ls"))
    assert as_json(entrepot, "unpin", "library/*")["commanded"] == []
    assert_noted(entrepot, r"unpinned library/\*")
    assert not any(o["pinned"] for o in as_json(entrepot, "ls"))


def test_commands_cannot_remove_configured_pins(start):
    entrepot = start(cache={"pin": ["library/*"]})
    answer = entrepot.admin("/api/v1/cache/pins")
    assert json.loads(answer.body) == {"configured": ["library/*"], "commanded": []}
    assert entrepot.admin("/api/v1/cache/pins?pattern=library/*", method="DELETE").status == 409


@pytest.mark.parametrize("method, path, status", [
    ("GET", "/api/v1/cache/nothing", 404), ("GET", "/api/v1/cachet", 404),
    ("POST", "/api/v1/cache", 405), ("GET", "/api/v1/cache/verify", 405),
    ("DELETE", "/api/v1/cache/objects/sha256:12", 400),
    ("DELETE", "/api/v1/cache/repositories/alpine", 400),
    ("DELETE", "/api/v1/cache/repositories/docker.io/none", 404),
    ("PUT", "/api/v1/cache/pins", 400), ("GET", "/api/v1/cache/objects?limit=0", 400),
    ("GET", "/api/v1/cache/objects?limit=x", 400)])
def test_the_api_refuses_wrong_requests(start, method, path, status):
    answer = start().admin(path, method=method)
    assert answer.status == status
    if path.startswith("/api/v1/cache/"):
        assert json.loads(answer.body)["error"]


def test_browsers_change_nothing(start):
    answer = start().admin("/api/v1/cache/pins?pattern=x/*", method="PUT",
                           headers={"Origin": "http://evil.example"})
    assert answer.status == 403


def test_pages_of_a_list_make_the_whole(start, upstream):
    entrepot = start()
    blobs = [upstream.add_blob(REPOSITORY, content.blob(100 + n, seed=n)) for n in range(25)]
    for blob in blobs:
        entrepot.get(blob_target(blob))
    eventually(lambda: entrepot.metrics().sum("cache_objects", kind="blob") == 25, what="stored")
    seen, rest = [], ""
    while rest is not None:
        piece = json.loads(entrepot.admin(f"/api/v1/cache/objects?limit=7&from={rest}").body)
        assert len(piece["objects"]) <= 7
        seen += [o["digest"] for o in piece["objects"]]
        rest = piece["next"]
    assert sorted(seen) == sorted(blob.digest for blob in blobs)


def test_a_command_without_a_cache_fails(tmp_path):
    done = run("cache", "stats", "-s", f"cache.directory={tmp_path / 'none'}")
    assert done.returncode == 78 and "there is no cache in" in done.stderr
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("words", [("rm", b"\xff"), ("rm", b"docker.io/a\xff:1"), ("pin", b"\xff"),
                                   ("unpin", b"a b"), ("rm", "a\u202eb".encode()), ("rm", b"a?b")])
def test_invalid_names_are_refused(words):
    done = run("cache", *(os.fsdecode(word) for word in words))
    assert done.returncode == EXIT_USAGE
    assert "no repository, tag, digest or pattern has" in done.stderr
    assert done.stderr.isascii()


@pytest.mark.parametrize("method, target", [
    ("DELETE", "objects/%ff"), ("DELETE", "repositories/docker.io/%ff"), ("PUT", "pins?pattern=\xff"),
    ("GET", "%ff"), ("DELETE", "repositories/docker.io/a?tag=\xff")])
def test_the_api_refuses_invalid_utf8(start, method, target):
    """A byte that no JSON can hold is refused, and the process goes on."""
    entrepot = start()
    response = entrepot.admin(f"/api/v1/cache/{target}", method=method)
    assert response.status == 400
    assert "error" in json.loads(response.body)
    assert entrepot.admin("/healthz").status == 200
    assert entrepot.metrics().sum("job_failures_total") == 0


def test_usage():
    assert run("cache").returncode == EXIT_USAGE
    assert run("cache", "rm").returncode == EXIT_USAGE
    assert run("cache", "ls", "--sort", "colour").returncode == EXIT_USAGE
