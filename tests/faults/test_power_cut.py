# SPDX-License-Identifier: Apache-2.0
"""Power cuts, on file systems of their own: unsynced data is lost, and the conditions after each
start hold nevertheless.

test_power_cuts takes the power away at random moments under load: fills, evictions, moving tags and
index writes are under way. Four cuts on ext4 and two on XFS; ENTREPOT_POWER_CUTS=200 for the long
form (200 on ext4, a quarter of it on XFS). ENTREPOT_SEED repeats a run as far as threads can be
repeated.

test_without_sync is the negative control: on a disk that reports writes which it has not made, the
cuts do leave damaged files under their final names, or the first test would prove nothing; and no
client receives such a file.
"""

from __future__ import annotations

import os
import random
import shutil
from functools import partial
from pathlib import Path

import pytest

from support import content
from support.checks import REPOSITORY, assert_hit, assert_whole, blob_target, manifest_target
from support.daemon import Daemon
from support.gate import eventually
from support.lives import Lives
from support.load import Catalogue, KIB, cache_of, look_at, start_in_time

LONG = int(os.environ.get("ENTREPOT_POWER_CUTS") or 0)
CUTS = {"ext4": LONG or 4, "xfs": -(-LONG // 4) or 2}
# More cuts than this of one file system would only make it older.
CUTS_OF_ONE = 25


@pytest.mark.parametrize("kind", ["ext4", "xfs"])
def test_power_cuts(make_disk, start_on, upstream, kind):
    lives = Lives(upstream)
    for cut in range(CUTS[kind]):
        if cut % CUTS_OF_ONE == 0:
            disk = make_disk(kind)
            entrepot = start_on(disk)
            lives.of(entrepot)
        found = lives.work_until(partial(power_cut, disk, entrepot))
        # Synced before they get their name: no cut leaves anything else there.
        assert not found.damaged, f"cut {cut}: damaged under blobs/: {found}"
        lives.start_again(found)
        if (cut + 1) % CUTS_OF_ONE == 0:
            entrepot.terminate()
            disk.remove()
    print(f"{kind}: {CUTS[kind]} cuts, {lives.answers} answers, {lives.interrupted} cut off, "
          f"{lives.whole} files found whole, {lives.parts} parts of blobs, "
          f"{lives.bad_parts} of them damaged ({lives.short} pulls short), "
          f"slowest start {lives.slowest_start:.2f} s")
    assert lives.whole > 0 and lives.interrupted > 0, "no cut met anything: the load is no load"


def power_cut(disk, entrepot) -> None:
    disk.cut_power()
    entrepot.kill9()
    disk.power_again()


# The damage that a disk without sync leaves: names without bytes, or names with bytes never
# written.
LYING = [("ext4", "", "empty"), ("ext4", "data=writeback,nodelalloc", "zeros"),
         ("xfs", "", "empty")]


@pytest.mark.parametrize("index", ["lost", "kept"])
@pytest.mark.parametrize("kind, options, left", LYING, ids=lambda value: value or "defaults")
def test_without_sync(make_disk, start_on, upstream, kind, options, left, index):
    """A power cut on a disk without sync. (Cutting a file to its length makes XFS write it, so that
    does nothing either.) The index may get lost with the files, or survive and name them: `index`
    says whose fdatasync does nothing, that of all files or that of the blobs alone."""
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    disk = make_disk(kind, options)
    entrepot = start_on(disk)
    catalogue = Catalogue(upstream, random.Random(0), count=6)
    paths = [fill for blob in catalogue.blobs for fill in ("-P", str(fill_of(entrepot, blob)))]
    tracer = Daemon("strace", "-f", "-p", str(entrepot.pid), "-e", "trace=fdatasync,ftruncate",
                    "-e", "inject=fdatasync,ftruncate:retval=0", *(paths if index == "kept" else []))
    tracer.log.wait_for("attached")
    for blob in catalogue.blobs:
        assert_whole(entrepot.get(blob_target(blob)), blob)
    eventually(lambda: entrepot.metrics().sum("cache_objects", kind="blob") == 6, what="6 kept")
    # A tag is synced, and the index up to it with it; the last folder's sync has made names last.
    image = upstream.add_image(REPOSITORY, content.image((KIB,), seed=5000), "synced")
    catalogue.add(image)
    assert_whole(entrepot.get(manifest_target("synced")), image.manifest)
    eventually(lambda: entrepot.metrics().sum("cache_objects", kind="tag") == 1, what="a tag kept")
    disk.cut_power()
    entrepot.kill9()
    tracer.stop()
    disk.power_again()
    found = look_at(cache_of(entrepot), catalogue)
    print(f"{kind} {options}: {found}")
    assert found.damaged, "the cut has left nothing damaged: this proves nothing"
    assert left == "empty" or found.zeros, f"nothing is as long as it should be: {found}"
    start_in_time(entrepot)
    for _ in range(2):
        for blob in catalogue.blobs:
            assert_whole(entrepot.get(blob_target(blob)), blob)
    eventually(lambda: entrepot.metrics().sum("flights") == 0, what="no flights")
    assert not look_at(cache_of(entrepot), catalogue).damaged
    for blob in catalogue.blobs:
        assert_hit(entrepot.get(blob_target(blob)), blob)


def fill_of(entrepot, blob) -> Path:
    return cache_of(entrepot) / "fills" / blob.digest.replace(":", "-")
