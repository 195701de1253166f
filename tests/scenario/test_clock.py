# SPDX-License-Identifier: Apache-2.0
"""The wall clock steps while the process runs: it requests tags again and loses nothing.
libfaketime moves the clock; time that only passes is left as it is."""

from __future__ import annotations

import os

import pytest

from support import content, faults
from support.checks import REPOSITORY, assert_hit, assert_whole, blob_target, manifest_target
from support.clock import LIBRARY, Clock
from support.gate import Gate, eventually

pytestmark = [
    pytest.mark.skipif(LIBRARY is None, reason="libfaketime is missing: apt-get install faketime"),
    pytest.mark.skipif(bool(os.environ.get("ENTREPOT_SANITIZE")), reason="sanitizers preload, too"),
]
DAY = 24 * 3600


@pytest.fixture
def clock(tmp_path):
    made = Clock(tmp_path / "offset")
    yield made
    made.remove()


@pytest.fixture
def images(upstream):
    """Two images; the tag names the first one."""
    return [upstream.add_image(REPOSITORY, content.image(seed=1), "latest"),
            upstream.add_image(REPOSITORY, content.image(seed=2))]


@pytest.fixture
def run(prepare, upstream, images, clock):
    """A mirror for which a tag is fresh for so long; it has stored the first image."""
    def make(fresh_for: str):
        entrepot = clock.start(prepare(
            {"docker.io": {"endpoint": upstream, "tags": {"fresh_for": fresh_for, "stale_for": "7d"}}},
            environ=clock.environ(), cache={"max_size": "64MiB"}))
        assert_whole(entrepot.get(manifest_target("latest")), images[0].manifest)
        for blob in images[0].blobs:
            assert_whole(entrepot.get(blob_target(blob)), blob)
        eventually(lambda: entrepot.metrics().sum("flights") == 0, what="no flights")
        return entrepot
    return make


def move_tag(upstream, images) -> None:
    upstream.set_tag(REPOSITORY, "latest", images[1].manifest.digest)


def assert_kept(entrepot, image) -> None:
    for blob in image.blobs:
        assert_hit(entrepot.get(blob_target(blob)), blob)
    assert entrepot.metrics().sum("cache_evictions_total") == 0
    assert entrepot.admin("/readyz").status == 200


def sees(entrepot, image) -> None:
    eventually(lambda: entrepot.get(manifest_target("latest")).body == image.manifest.data,
               what="the tag where it is now")


def test_the_clock_is_moved(run, clock, images):
    """Checks that the tests below move the clock."""
    entrepot = run("1h")
    clock.step(400 * DAY)
    date = entrepot.get("/v2/").headers["Date"]
    assert date.split()[3] != entrepot.log.lines[0][:4]


def test_forward(run, upstream, clock, images):
    """+400 d: the mirror checks a tag again; a blob needs no check and is not evicted for its
    age."""
    entrepot = run("1h")
    move_tag(upstream, images)
    assert_hit(entrepot.get(manifest_target("latest")), images[0].manifest)
    clock.step(400 * DAY)
    assert_whole(entrepot.get(manifest_target("latest")), images[1].manifest)
    assert_hit(entrepot.get(manifest_target("latest")), images[1].manifest)
    assert_kept(entrepot, images[0])


@pytest.mark.parametrize("wrong, right", [(0, 0), (0, -3600), (400 * DAY, 0)])
def test_backward(run, upstream, clock, images, wrong, right):
    """-1 h, and back from 400 d ahead: a tag that was checked "later than now" is not fresh until
    then."""
    clock.step(wrong)
    entrepot = run("1s")
    clock.step(right)
    move_tag(upstream, images)
    sees(entrepot, images[1])
    assert_kept(entrepot, images[0])


def test_backward_over_a_restart(run, upstream, clock, images):
    """The same for a tag that is read from the disk."""
    clock.step(400 * DAY)
    entrepot = run("1s")
    entrepot.terminate()
    clock.step(0)
    clock.start(entrepot)
    move_tag(upstream, images)
    sees(entrepot, images[1])
    assert_kept(entrepot, images[0])


def test_the_registry_is_away_for_a_day(run, upstream, clock, images):
    """Every digest and the tag are served, over a restart too; the tag says how old it is."""
    entrepot = run("60s")
    entrepot.terminate()
    upstream.go_down()
    clock.step(DAY)
    clock.start(entrepot)
    for _ in range(2):
        answer = entrepot.get(manifest_target("latest"))
        assert_whole(answer, images[0].manifest)
        assert int(answer.headers["Age"]) >= DAY
        assert_hit(entrepot.get(manifest_target(images[0].manifest.digest)), images[0].manifest)
        assert_kept(entrepot, images[0])


def test_step_in_a_transfer(run, upstream, clock):
    """Timers use the steady clock: steps neither end a transfer nor delay its end."""
    entrepot = run("1h")
    blob = upstream.add_blob(REPOSITORY, content.blob(4 * content.MIB, seed=9))
    gate = Gate()
    upstream.script(faults.hold_at(content.MIB, gate), kind="blob", method="GET")
    download = entrepot.download(blob_target(blob))
    download.wait_received(content.MIB)
    for seconds in (400 * DAY, -3600, 0):
        clock.step(seconds)
        assert entrepot.get("/v2/").status == 200
    gate.open()
    assert_whole(download.finish(), blob)
    assert upstream.count("blob", reference=blob.digest) == 1
