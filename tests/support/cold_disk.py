# SPDX-License-Identifier: Apache-2.0
"""A mirror with a large blob that is on a slow disk alone, and small objects in memory."""

from __future__ import annotations

import hashlib
from pathlib import Path

from . import client, content
from .checks import REPOSITORY, assert_whole, blob_target, manifest_target
from .disk import forget
from .gate import eventually

KIB, MIB = content.KIB, content.MIB
GIB = 1024 * MIB
READERS = 3  # one more than the threads that may wait for the disk at once

SETTINGS = {
    # One loop, which therefore serves both the cold and the hot objects.
    "threads": {"serve": 1, "fetch": 1, "store": READERS - 1},
}


def cache_settings(directory: Path) -> dict:
    return {"directory": str(directory), "max_size": "16GiB", "reserve_free": 0}


def add_sparse(upstream, size: int) -> content.Blob:
    """A blob of zeros, which the upstream has as a sparse file."""
    path = Path(upstream._files.name) / "sparse"
    with path.open("wb") as file:
        file.truncate(size)
    with path.open("rb") as file:
        digest = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    blob = content.Blob(b"", digest)
    upstream.role.blobs.setdefault(REPOSITORY, {})[digest] = (blob, str(path))
    return blob


class ColdDisk:
    """The disk of `entrepot`, which has SETTINGS and its cache in `directory`."""

    def __init__(self, entrepot, upstream, directory: Path):
        self.entrepot = entrepot
        self.image = upstream.add_image(REPOSITORY, content.image((20 * KIB, MIB)), "latest")
        self.cold = add_sparse(upstream, GIB)
        response = entrepot.get(blob_target(self.cold), keep=False)
        assert response.complete and response.sha256 == self.cold.digest
        for target, thing in self._hot():
            assert_whole(entrepot.get(target), thing)
        eventually(lambda: entrepot.metrics().sum("flights") == 0, what="no flights")
        forget(directory / "blobs" / "sha256" / self.cold.digest[7:9] / self.cold.digest[7:])

    def _hot(self):
        yield manifest_target("latest"), self.image.manifest
        yield blob_target(self.image.layers[0]), self.image.layers[0]  # in the small-object memory
        yield blob_target(self.image.layers[1]), self.image.layers[1]  # a file in the page cache

    def hot_targets(self) -> list[tuple[str, int]]:
        """The targets, each with the port of its requests."""
        return [*((target, self.entrepot.port) for target, _ in self._hot()),
                ("/healthz", self.entrepot.admin_port)]

    def readers(self) -> list[client.Download]:
        """Downloads of distant ranges, each of which has begun to read the disk."""
        made = [self.entrepot.download(blob_target(self.cold),
                                       headers=[("Range", f"bytes={GIB // READERS * n}-")])
                for n in range(READERS)]
        for reader in made:
            reader.wait_received(1)
        return made
