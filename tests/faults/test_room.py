# SPDX-License-Identifier: Apache-2.0
"""The cache counts the bytes that a file takes on the disk, whatever the file system sets aside."""

from __future__ import annotations

import pytest

from support import content, faults
from support.checks import REPOSITORY, assert_whole, blob_target
from support.gate import Gate, eventually
from support.load import KIB, MIB, cache_of

SIZE = 4 * MIB + 1


@pytest.mark.parametrize("kind", ["ext4", "xfs"])
def test_a_resumed_blob_takes_no_more_than_its_size(make_disk, start_on, upstream, kind):
    """XFS sets room aside behind a file that grows, and keeps it for minutes where the file was
    closed and written again: found by the power cuts, a blob took twice its size."""
    disk = make_disk(kind)
    blob = upstream.add_blob(REPOSITORY, content.blob(SIZE))
    entrepot = start_on(disk)
    for part in (1, 2):
        gate = Gate()
        rule = upstream.script(faults.hold_at(part * SIZE // 3, gate), kind="blob", method="GET")
        download = entrepot.download(blob_target(blob))
        download.wait_received(part * SIZE // 3 - 300 * KIB)
        rule.cancel()
        entrepot.kill9()
        gate.open()
        download.finish()
        entrepot.start()
    assert_whole(entrepot.get(blob_target(blob)), blob)
    assert entrepot.metrics().sum("fills_resumed_total") == 1
    name = blob.digest[7:]
    file = cache_of(entrepot) / "blobs" / "sha256" / name[:2] / name
    eventually(file.exists, what="the blob")
    taken = file.stat().st_blocks * 512
    assert taken <= SIZE + 4 * KIB, f"{taken} bytes for {SIZE}"
