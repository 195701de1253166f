# SPDX-License-Identifier: Apache-2.0
"""podman's partial pulls of a layer in zstd:chunked: it requests the table of contents, then, by up
to 1024 ranges in one request, the files that it lacks."""

from __future__ import annotations

import io
import re
import tarfile
from pathlib import Path

import pytest

from support import content, rootfs
from support.config import settings
from support.docker_registry import DockerRegistry
from support.engines import Podman
from support.entrepot import Entrepot

# The seeds of the files of both images. In the second image a few files have changed, here and
# there, and some are new.
OLD = list(range(1500))
NEW = [seed if seed % 150 else seed + 10_000 for seed in OLD] + list(range(1500, 1800))
FIRST, SECOND = "docker.io/library/entrepot-test-first:z", "docker.io/library/entrepot-test-second:z"


def file_of(seed: int) -> bytes:
    return content.random_bytes(3000 + seed % 5000, seed)


def write_tar(path: Path, seeds) -> None:
    busybox = next(at for at in map(Path, ("/bin/busybox", "/usr/bin/busybox")) if at.exists())
    with tarfile.open(path, "w") as tar:
        files = {f"data/{n:05}": file_of(seed) for n, seed in enumerate(seeds)}
        for name, data in {"bin/sh": busybox.read_bytes(), **files}.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o755
            tar.addfile(entry, io.BytesIO(data))


@pytest.fixture
def registry(tmp_path):
    """A registry with both images."""
    one = DockerRegistry(tmp_path / "registry", read_only=False)
    maker = Podman(one.address)
    try:
        for name, seeds in ((FIRST, OLD), (SECOND, NEW)):
            write_tar(tmp_path / "root.tar", seeds)
            maker.podman("import", "--change", 'CMD ["/bin/sh", "-c", "cat /data/* | sha256sum"]',
                         tmp_path / "root.tar", name)
            maker.push(name, f"{one.address}/{name.partition('/')[2]}",
                       "--compression-format", "zstd:chunked")
    finally:
        maker.stop()
    yield one
    one.stop()


@pytest.fixture
def entrepot(registry, tmp_path):
    one = Entrepot(tmp_path, settings(tmp_path / "cache", {"docker.io": {"endpoint": registry.url}}))
    yield one.start()
    one.close()


@pytest.fixture
def podman(entrepot):
    one = Podman(entrepot.address)
    yield one
    one.stop()


def sum_of(seeds) -> str:
    data = b"".join(file_of(seed) for seed in seeds)
    return content.digest_of(data)[7:] + "  -\n"


def size_of_layer(entrepot, reference: str) -> int:
    name, _, tag = reference.partition("/")[2].partition(":")
    return entrepot.get(f"/v2/{name}/manifests/{tag}").json()["layers"][0]["size"]


def pieces_sent(entrepot) -> list[int]:
    return [int(size) for size in re.findall(r'/blobs/\S+" 206 .* bytes=(\d+)', entrepot.log.text)]


def test_only_new_files_are_pulled(entrepot, podman, registry):
    podman.pull(FIRST)
    assert podman.run(FIRST) == sum_of(OLD)
    first = pieces_sent(entrepot)
    assert len(first) >= 2, "the table of contents, then the files"

    before = entrepot.metrics().sum("upstream_bytes_total")
    podman.pull(SECOND)
    assert podman.run(SECOND) == sum_of(NEW)
    size = size_of_layer(entrepot, SECOND)
    # A fifth of the layer is new; grains are larger than the changed files.
    assert sum(pieces_sent(entrepot)[len(first):]) <= 0.25 * size
    assert entrepot.metrics().sum("upstream_bytes_total") - before <= 0.4 * size
    assert max(registry.gets("blobs").values()) >= 5, "several ranges at once"


def test_a_pull_by_another_engine_fetches_the_rest(entrepot, podman, registry):
    """The requested files, and then the whole layer, arrive with every byte fetched once."""
    podman.pull(FIRST)
    podman.pull(SECOND)
    whole = podman.directory("whole-")
    podman.skopeo("copy", f"docker://{SECOND}", f"dir:{whole}")
    brought = entrepot.metrics().sum("upstream_bytes_total")
    sizes = size_of_layer(entrepot, FIRST) + size_of_layer(entrepot, SECOND)
    assert brought <= 1.02 * sizes
    registry.stop()
    podman.podman("rmi", "--all", "--force")
    podman.pull(SECOND)
    assert podman.run(SECOND) == sum_of(NEW)
