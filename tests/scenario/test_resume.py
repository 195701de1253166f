# SPDX-License-Identifier: Apache-2.0
"""An interrupted fill resumes where it stopped: after the upstream went away, after a stop, after
kill -9. The mirror verifies the bytes of the partial file like those that arrive."""

from __future__ import annotations

from pathlib import Path

import pytest

from support import content, faults
from support.access_lines import wait_lines
from support.checks import (REPOSITORY, assert_error, assert_hit, assert_never_wrong, assert_whole,
                            blob_target)
from support.gate import Gate, eventually

MIB = content.MIB
SIZE = 64 * MIB
HALF = SIZE // 2


@pytest.fixture
def blob(upstream):
    return upstream.add_blob(REPOSITORY, content.blob(SIZE))


def fill_of(entrepot, blob) -> Path:
    directory = Path(entrepot.config["cache"]["directory"])
    return directory / "fills" / blob.digest.replace(":", "-")


def half_filled(entrepot, upstream, blob):
    """A download that is held in the middle, and the gate that holds it."""
    gate = Gate()
    rule = upstream.script(faults.hold_at(HALF, gate), kind="blob", method="GET")
    download = entrepot.download(blob_target(blob))
    download.wait_received(HALF - MIB)
    rule.cancel()
    return download, gate


@pytest.mark.parametrize("kill", [True, False], ids=["kill-9", "SIGTERM"])
def test_restart(start, upstream, blob, kill):
    entrepot = start(timeouts={"drain": "1ms"})
    download, gate = half_filled(entrepot, upstream, blob)
    entrepot.restart(kill=kill)
    gate.open()
    assert not download.finish().complete
    assert fill_of(entrepot, blob).stat().st_size >= HALF - MIB
    upstream.forget()
    assert_whole(entrepot.get(blob_target(blob), keep=False), blob)
    assert wait_lines(entrepot, blob_target(blob))[-1].number("kept") >= HALF - MIB
    assert upstream.body_bytes() <= SIZE - HALF + 2 * MIB, "stored bytes were fetched again"
    assert upstream.count("blob", method="GET") == 1
    assert entrepot.metrics().sum("fills_resumed_total") == 1
    eventually(lambda: not fill_of(entrepot, blob).exists(), what="the fill is a blob")
    assert_hit(entrepot.get(blob_target(blob), keep=False), blob)


def test_lost_upstream(start, upstream, blob):
    """Longer than a transfer is retried: a later request resumes it."""
    entrepot = start()
    download, gate = half_filled(entrepot, upstream, blob)
    upstream.go_down()
    gate.open()
    assert not download.finish().complete
    eventually(lambda: entrepot.metrics().sum("flights") == 0, what="the fill has given up")
    upstream.come_back()
    upstream.forget()
    eventually(lambda: entrepot.get(blob_target(blob), keep=False).status == 200, what="an answer")
    assert_hit(entrepot.get(blob_target(blob), keep=False), blob)
    assert upstream.body_bytes() <= SIZE - HALF + 2 * MIB


@pytest.mark.parametrize("damage", ["flipped", "zeros", "longer"])
def test_a_partial_file_is_verified(start, upstream, blob, damage):
    entrepot = start(timeouts={"drain": "1ms"})
    download, gate = half_filled(entrepot, upstream, blob)
    entrepot.kill9()
    gate.open()
    download.finish()
    with fill_of(entrepot, blob).open("r+b") as file:
        if damage == "longer":
            file.seek(SIZE + MIB)
            file.write(b"x")
        else:
            file.seek(5 * MIB)
            file.write(b"\xff" if damage == "flipped" else bytes(MIB))
    entrepot.start()
    assert_never_wrong(entrepot.get(blob_target(blob)), blob)
    assert_whole(entrepot.get(blob_target(blob), keep=False), blob)
    eventually(lambda: not fill_of(entrepot, blob).exists(), what="nothing is left")


def test_a_complete_partial_file_becomes_a_blob(start, upstream, blob):
    """All bytes had arrived when the process died; the mirror requests few of them again."""
    entrepot = start()
    entrepot.kill9()
    fill_of(entrepot, blob).write_bytes(blob.data)
    fill_of(entrepot, blob).chmod(0o1600)  # the mode of a file that has its final length
    entrepot.start()
    assert_whole(entrepot.get(blob_target(blob), keep=False), blob)
    assert upstream.body_bytes() <= 4096
    assert_hit(entrepot.get(blob_target(blob), keep=False), blob)


def test_an_upstream_without_ranges(start, upstream, blob):
    entrepot = start(timeouts={"drain": "1ms"})
    download, gate = half_filled(entrepot, upstream, blob)
    entrepot.kill9()
    gate.open()
    download.finish()
    upstream.script(faults.ignore_range, kind="blob")
    entrepot.start()
    assert_whole(entrepot.get(blob_target(blob), keep=False), blob)
    assert upstream.count("blob", method="GET") == 2


def test_a_blob_that_the_upstream_has_removed(start, upstream, blob):
    entrepot = start(timeouts={"drain": "1ms"})
    download, gate = half_filled(entrepot, upstream, blob)
    entrepot.kill9()
    gate.open()
    download.finish()
    entry = upstream.role.blobs[REPOSITORY].pop(blob.digest)
    upstream.role.blobs["library/other"] = {blob.digest: entry}
    entrepot.start()
    upstream.forget()
    assert_error(entrepot.get(blob_target(blob)), 404, code="BLOB_UNKNOWN")
    # The partial file stays for a repository that has the blob.
    assert_whole(entrepot.get(blob_target(blob, "library/other"), keep=False), blob)
    assert upstream.body_bytes() <= SIZE - HALF + 2 * MIB


def test_a_partial_file_counts_and_is_evicted_first(start, upstream, blob):
    entrepot = start(timeouts={"drain": "1ms"})
    download, gate = half_filled(entrepot, upstream, blob)
    entrepot.kill9()
    gate.open()
    download.finish()
    (fill_of(entrepot, blob).parent / "stranger").write_bytes(b"x" * MIB)
    entrepot.restart(cache={**entrepot.config["cache"], "max_size": "64MiB", "reserve_free": 0})
    eventually(lambda: entrepot.metrics().sum("cache_bytes") >= HALF - MIB, what="it counts")
    assert not (fill_of(entrepot, blob).parent / "stranger").exists()
    kept = [upstream.add_blob(REPOSITORY, content.blob(4 * MIB, seed=n)) for n in range(9)]
    for other in kept:
        assert_whole(entrepot.get(blob_target(other), keep=False), other)
    assert not fill_of(entrepot, blob).exists()
    for other in kept:
        assert_hit(entrepot.get(blob_target(other), keep=False), other)
