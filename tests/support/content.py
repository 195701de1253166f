# SPDX-License-Identifier: Apache-2.0
"""Blobs, manifests and indexes with the right digests."""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import dataclass, field

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"

KIB = 1024
MIB = 1024 * 1024
# The last bytes of a blob, which the mirror holds back until it has verified the digest.
TAIL = 256 * KIB


def digest_of(data: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def random_bytes(size: int, seed: int = 0) -> bytes:
    """Incompressible bytes, the same on every run, so that a failure can be repeated."""
    source = random.Random(f"{seed}/{size}")
    if size <= MIB:
        return source.randbytes(size)
    # Large blobs repeat a block, numbered so that no two stretches are alike: they are quick to
    # make.
    block = source.randbytes(MIB - 8)
    count = -(-size // MIB)
    return b"".join(n.to_bytes(8, "big") + block for n in range(count))[:size]


@dataclass(frozen=True)
class Blob:
    data: bytes = field(repr=False)
    digest: str

    @property
    def size(self) -> int:
        return len(self.data)


@dataclass(frozen=True)
class Manifest:
    data: bytes = field(repr=False)
    digest: str
    media_type: str

    @property
    def size(self) -> int:
        return len(self.data)

    def descriptor(self, **more) -> dict:
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size, **more}


@dataclass(frozen=True)
class Image:
    """A manifest and its blobs."""

    manifest: Manifest
    config: Blob
    layers: list[Blob]

    @property
    def blobs(self) -> list[Blob]:
        return [self.config, *self.layers]


def blob(size: int, seed: int = 0, algorithm: str = "sha256") -> Blob:
    data = random_bytes(size, seed)
    return Blob(data, digest_of(data, algorithm))


def blob_of(data: bytes, algorithm: str = "sha256") -> Blob:
    return Blob(data, digest_of(data, algorithm))


def manifest_of(document: dict | bytes, media_type: str, algorithm: str = "sha256") -> Manifest:
    # Indented on purpose: a mirror that parses and serialises the manifest returns other bytes.
    data = document if isinstance(document, bytes) else json.dumps(document, indent=3).encode()
    return Manifest(data, digest_of(data, algorithm), media_type)


def image(layer_sizes=(100_000,), seed: int = 0, media_type: str = OCI_MANIFEST,
          subject: dict | None = None) -> Image:
    layers = [blob(size, seed=seed * 1000 + n + 1) for n, size in enumerate(layer_sizes)]
    config = blob_of(json.dumps({
        "architecture": "amd64", "os": "linux", "seed": seed,
        "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in layers]},
    }).encode())
    document = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": {"mediaType": OCI_CONFIG, "digest": config.digest, "size": config.size},
        "layers": [{"mediaType": OCI_LAYER, "digest": layer.digest, "size": layer.size}
                   for layer in layers],
    }
    if subject is not None:
        document["subject"] = subject
    return Image(manifest_of(document, media_type), config, layers)


def index(images: list[Image], architectures=("amd64", "arm64", "riscv64"),
          media_type: str = OCI_INDEX) -> Manifest:
    return manifest_of({
        "schemaVersion": 2,
        "mediaType": media_type,
        "manifests": [one.manifest.descriptor(platform={"architecture": arch, "os": "linux"})
                      for one, arch in zip(images, architectures)],
    }, media_type)
