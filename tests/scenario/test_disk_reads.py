# SPDX-License-Identifier: Apache-2.0
"""Stored blobs that cannot be read, or have other bytes: the mirror fetches them again, or cuts the
response and serves the next one right."""

from __future__ import annotations

import os
import shutil

import pytest

from support import content, faults
from support.checks import REPOSITORY, assert_hit, assert_never_wrong, assert_whole, blob_target
from support.disk import forget
from support.gate import Gate, eventually
from support.keeping import file_of, settled
from support.load import cache_of

MIB = content.MIB
READS = "pread64,preadv2,sendfile"


@pytest.fixture
def blob(upstream):
    return upstream.add_blob(REPOSITORY, content.blob(32 * MIB, seed=1))


@pytest.fixture
def entrepot(start, blob):
    """A mirror that has stored the blob; one loop, because strace counts the calls of each
    thread."""
    made = start(threads={"serve": 1, "fetch": 1, "store": 2})
    assert_whole(made.get(blob_target(blob)), blob)
    settled(made)
    return made


def get_refetched(entrepot, upstream, blob, tracer):
    """Requests a blob whose file cannot be read. Reads succeed again once the upstream gets the
    request: the fetched file takes the same name, and the tracer knows files by nothing else."""
    gate = Gate()
    upstream.script(faults.hold(gate), kind="blob", method="GET", times=1)
    download = entrepot.download(blob_target(blob))
    gate.wait_arrived()
    tracer.stop()
    gate.open()
    return download.finish()


@pytest.mark.parametrize("where", ["disk", "memory"])
def test_unreadable_from_the_first_byte(entrepot, upstream, blob, failing, where):
    """The client sees no fault: the mirror fetches the blob again within the same request."""
    file = file_of(entrepot, blob)
    if where == "disk":
        forget(file)
    tracer = failing(entrepot, READS, "EIO", file)
    assert_whole(get_refetched(entrepot, upstream, blob, tracer), blob)
    settled(entrepot)
    assert_hit(entrepot.get(blob_target(blob)), blob)
    assert upstream.count("blob", method="GET") == 2


@pytest.mark.parametrize("where", ["disk", "memory"])
def test_unreadable_in_the_middle(entrepot, blob, failing, where):
    """The response is cut short, never filled up with other bytes; the next one is right. The store
    pool reads from the disk, the loop sends from memory, both by sendfile."""
    file = file_of(entrepot, blob)
    if where == "disk":
        forget(file)
    tracer = failing(entrepot, "sendfile", "error=EIO:when=3+", file)
    response = entrepot.get(blob_target(blob), keep=False)
    assert response.status == 200 and response.received < blob.size
    assert_never_wrong(response, blob)
    tracer.stop()
    assert_whole(entrepot.get(blob_target(blob)), blob)


def test_an_unreadable_file_is_dropped(entrepot, upstream, blob, failing):
    """The read error is counted. The mirror verifies the file before it serves it again, and
    fetches the blob within that request if the file still cannot be read. The file goes to
    quarantine."""
    file = file_of(entrepot, blob)
    forget(file)
    tracer = failing(entrepot, "pread64,sendfile", "error=EIO:when=3+", file)
    assert not entrepot.get(blob_target(blob), keep=False).complete
    assert_whole(get_refetched(entrepot, upstream, blob, tracer), blob)
    assert upstream.count("blob", method="GET") == 2
    assert entrepot.metrics().sum("disk_errors_total", operation="read") >= 1
    aside = file.parents[3] / "quarantine" / blob.digest.replace(":", "-")
    eventually(aside.exists, what="the file in quarantine")


def test_a_file_is_verified_after_a_read_error(entrepot, upstream, blob, failing):
    """An error that does not come again costs no transfer: the mirror verifies the digest."""
    tracer = failing(entrepot, "sendfile", "error=EIO:when=3+", file_of(entrepot, blob))
    assert not entrepot.get(blob_target(blob), keep=False).complete
    tracer.stop()
    assert_whole(entrepot.get(blob_target(blob)), blob)
    assert upstream.count("blob", method="GET") == 1
    assert entrepot.metrics().sum("disk_errors_total", operation="read") >= 1


def test_unreadable_beginning_of_a_fill(start, upstream, blob, failing):
    """The bytes to hash cannot be read back: no wrong byte, and the next response is right."""
    entrepot = start()
    tracer = failing(entrepot, "pread64", "EIO",
                     cache_of(entrepot) / "fills" / blob.digest.replace(":", "-"))
    assert_never_wrong(entrepot.get(blob_target(blob), keep=False), blob)
    tracer.stop()
    settled(entrepot)
    assert_whole(entrepot.get(blob_target(blob)), blob)
    settled(entrepot)  # the file gets its name after the response
    assert file_of(entrepot, blob).stat().st_size == blob.size


@pytest.mark.parametrize("instead", ["file", "fifo", "symlink"])
def test_another_file_in_place_of_a_folder(entrepot, blob, tmp_path, instead):
    """A file outside of the cache is never served as a stored one."""
    folder, elsewhere = file_of(entrepot, blob).parent, tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / file_of(entrepot, blob).name).write_bytes(b"x" * blob.size)
    entrepot.terminate()
    shutil.rmtree(folder)
    if instead == "symlink":
        folder.symlink_to(elsewhere)
    elif instead == "file":
        folder.write_text("in the way")
    else:
        os.mkfifo(folder)
    entrepot.start()
    for _ in range(2):
        assert_whole(entrepot.get(blob_target(blob)), blob)
