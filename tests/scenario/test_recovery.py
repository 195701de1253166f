# SPDX-License-Identifier: Apache-2.0
"""The mirror repairs the cache directory after its start, be it the traces of a crash, a lost index
or foreign files, and no client notices."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from support import content
from support.checks import REPOSITORY, assert_hit, assert_whole, blob_target, manifest_target
from support.gate import eventually

MIB = content.MIB


@pytest.fixture
def image(upstream):
    return upstream.add_image(REPOSITORY, content.image((2 * MIB, 3 * MIB)), "latest")


def directory(entrepot) -> Path:
    return Path(entrepot.config["cache"]["directory"])


def file_of(entrepot, blob) -> Path:
    algorithm, text = blob.digest.split(":")
    return directory(entrepot) / "blobs" / algorithm / text[:2] / text


def pull(entrepot, image) -> None:
    assert_whole(entrepot.get(manifest_target("latest")), image.manifest)
    for blob in image.blobs:
        assert_whole(entrepot.get(blob_target(blob)), blob)


def kept(entrepot, count: int) -> None:
    eventually(lambda: entrepot.metrics().sum("cache_objects", kind="blob") == count,
               what=f"{count} blobs kept")


@pytest.mark.parametrize("loss", ["deleted", "no-current", "scribbled"])
def test_lost_index(start, upstream, image, loss):
    """The index is rebuilt from the files; objects without a file are fetched again."""
    entrepot = start()
    pull(entrepot, image)
    kept(entrepot, 3)
    entrepot.terminate()
    index = directory(entrepot) / "index"
    if loss == "deleted":
        shutil.rmtree(index)
    elif loss == "no-current":
        (index / "CURRENT").unlink()
    else:
        for file in index.glob("MANIFEST-*"):
            file.write_bytes(b"\xff" * 1000)
    entrepot.start()
    entrepot.log.wait_for("2 files of blobs without an entry in the index: 2 were right")
    if loss != "deleted":
        entrepot.log.wait_for(r"error .*index is damaged .* moved to .*index\.damaged")
        assert (directory(entrepot) / "index.damaged").is_dir()
    kept(entrepot, 2)
    upstream.forget()
    pull(entrepot, image)
    # The layers are stored; one request proves that this repository has them.
    assert not any(request.method == "GET" and request.reference in
                   (layer.digest for layer in image.layers) for request in upstream.requests())
    entrepot.restart()
    upstream.forget()
    pull(entrepot, image)
    assert upstream.count() == 0


def test_orphans(start, upstream, image):
    """A file without an entry gets one if its bytes are right, and is removed if they are not."""
    entrepot = start()
    entrepot.kill9()  # its own recovery may find the files as soon as they are there
    right, wrong, folder = content.blob(MIB, 1), content.blob(MIB, 2), content.blob(MIB, 3)
    for blob in (right, wrong, folder):
        file_of(entrepot, blob).parent.mkdir(exist_ok=True)
    file_of(entrepot, right).write_bytes(right.data)
    file_of(entrepot, wrong).write_bytes(wrong.data[:-1] + b"!")
    os.mkfifo(file_of(entrepot, folder))
    stranger = file_of(entrepot, right).parent / "README"
    stranger.write_text("not ours")
    entrepot.start()
    entrepot.log.wait_for("3 files of blobs .*: 1 were right .*, 2 were not and are removed")
    kept(entrepot, 1)
    assert not file_of(entrepot, wrong).exists()
    assert not file_of(entrepot, folder).exists()
    assert stranger.exists()
    upstream.add_blob(REPOSITORY, right)
    assert_whole(entrepot.get(blob_target(right)), right)
    assert upstream.body_bytes() == 0, "a proof, without the bytes"
    assert_hit(entrepot.get(blob_target(right)), right)


@pytest.mark.parametrize("damage", ["missing", "short", "long", "symlink", "directory", "fifo"])
def test_damaged_files(start, upstream, image, damage):
    """A damaged file is a miss like any other, within the same request."""
    entrepot = start()
    pull(entrepot, image)
    kept(entrepot, 3)
    file = file_of(entrepot, image.layers[0])
    data = file.read_bytes()
    file.unlink()
    if damage == "short":
        file.write_bytes(data[:-1])
    elif damage == "long":
        file.write_bytes(data + b"x")
    elif damage == "symlink":
        file.symlink_to("/etc/passwd")
    elif damage == "directory":
        file.mkdir()
    elif damage == "fifo":
        os.mkfifo(file)
    for _ in range(2):
        assert_whole(entrepot.get(blob_target(image.layers[0])), image.layers[0])
    eventually(lambda: file.is_file() and file.stat().st_size == image.layers[0].size
               and not file.is_symlink(), what="a sound file")
    assert_hit(entrepot.get(blob_target(image.layers[0])), image.layers[0])
    assert upstream.count("blob", reference=image.layers[0].digest) == 2


@pytest.mark.parametrize("what", ["blobs", "fills", "everything"])
def test_removed_under_load(start, upstream, image, what):
    """No client gets an error, and fetched objects are stored again."""
    entrepot = start()
    pull(entrepot, image)
    kept(entrepot, 3)
    if what == "everything":
        for part in ("blobs", "fills"):
            shutil.rmtree(directory(entrepot) / part)
    else:
        shutil.rmtree(directory(entrepot) / what)
    for _ in range(2):
        pull(entrepot, image)
    other = upstream.add_blob(REPOSITORY, content.blob(5 * MIB, seed=8))
    assert_whole(entrepot.get(blob_target(other)), other)
    eventually(lambda: file_of(entrepot, other).exists(), what="the file")
    assert_hit(entrepot.get(blob_target(other)), other)
