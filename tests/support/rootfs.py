# SPDX-License-Identifier: Apache-2.0
"""Real images, made once for each build directory: a Debian, a busybox, one for two platforms.

They are stored as the data of a docker-registry, which the tests then serve read-only.
"""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import http.client
import io
import json
import os
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

from . import content
from .daemon import ShortDirectory
from .docker_registry import DockerRegistry

BUSYBOX_SAYS = "hello from busybox"
DEBIAN_SAYS = "hello from debian"

DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"

# Names that no public registry has: a pull that bypasses the mirror must fail.
BUSYBOX = "library/entrepot-test-busybox"
DEBIAN = "library/entrepot-test-debian"
MULTI = "library/entrepot-test-multi"
LAYERS = "library/entrepot-test-layers"

_VERSION = 1  # of the images that this file makes; another version makes them again


@dataclass
class Layer:
    file: Path
    digest: str
    diff_id: str

    @property
    def size(self) -> int:
        return self.file.stat().st_size


def store(build: Path) -> Path:
    """The data directory of a registry that holds the images; made on first use."""
    cache = build / "test-cache"
    cache.mkdir(parents=True, exist_ok=True)
    done = cache / f"registry-{_VERSION}"
    # Test files run in parallel: one of them makes the images, the others wait.
    with open(cache / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            work = cache / "work"
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir()
            _make_images(cache, work)
            os.rename(work / "registry", done)
            shutil.rmtree(work)
    return done


def _make_images(cache: Path, work: Path) -> None:
    registry = DockerRegistry(work / "registry", read_only=False)
    try:
        busybox = [_layer_of_files(work, _busybox_files("amd64"))]
        _push_image(registry, BUSYBOX, "latest", busybox, ["/bin/cat", "/hello"])
        _push_multi(registry, work)
        _push_image(registry, DEBIAN, "latest", _debian_layers(cache, work),
                    ["/bin/bash", "-c", "cat /opt/hello; . /etc/os-release; echo $ID"], docker=True)
        layers = [_layer_of_files(work, {f"data/{n}": content.random_bytes(4 * content.MIB, n)})
                  for n in range(6)]
        _push_image(registry, LAYERS, "latest", busybox + layers, ["/bin/cat", "/hello"])
    finally:
        registry.stop()


def _busybox_files(architecture: str) -> dict[str, bytes]:
    says = f"{BUSYBOX_SAYS} on {architecture}\n" if architecture != "amd64" else BUSYBOX_SAYS + "\n"
    busybox = next(path for path in map(Path, ("/bin/busybox", "/usr/bin/busybox"))
                   if path.exists()).read_bytes()
    return {"bin/cat": busybox, "bin/sh": busybox, "hello": says.encode()}


def _layer_of_files(work: Path, files: dict[str, bytes]) -> Layer:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o755
            tar.addfile(entry, io.BytesIO(data))
    raw = buffer.getvalue()
    packed = gzip.compress(raw, 1, mtime=0)
    digest = content.digest_of(packed)
    file = work / digest[7:]
    file.write_bytes(packed)
    return Layer(file, digest, content.digest_of(raw))


def _debian_layers(cache: Path, work: Path) -> list[Layer]:
    """Four layers with more than 100 MB: the system without /usr, /usr, its documents, data."""
    root = ShortDirectory("debian")
    try:
        debootstrap(cache, root.path)
        for leftover in (root.path / "dev", root.path / "var/cache/apt"):
            shutil.rmtree(leftover, ignore_errors=True)
        (root.path / "opt").mkdir(exist_ok=True)
        (root.path / "opt/hello").write_text(DEBIAN_SAYS + "\n")
        (root.path / "opt/data").write_bytes(content.random_bytes(64 * content.MIB))
        parts = [["--exclude=./usr", "--exclude=./opt", "."], ["--exclude=./usr/share", "./usr"],
                 ["./usr/share"], ["./opt"]]
        return [_layer_of_tar(work, root.path, n, part) for n, part in enumerate(parts)]
    finally:
        root.remove()


def suite_of_this_system() -> str:
    release = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().split("\n")
                   if "=" in line)
    return release["VERSION_CODENAME"].strip('"')


def debootstrap(cache: Path, target: Path) -> None:
    """Unpacks a minimal Debian. It is made once. The caller holds the lock of `cache`."""
    suite = suite_of_this_system()
    system = cache / f"debian-{suite}.tar"
    if not system.exists():
        _checked("debootstrap", "--variant=minbase", suite, str(target))
        target.chmod(0o755)  # for the root directory of the system, whatever the mode was before
        pack(target, system)
        return
    unpack(system, target)


def pack(tree: Path, tar: Path) -> None:
    """Unpacks a system with its owners and devices, completely or not at all."""
    _checked("tar", "--create", "--numeric-owner", "--one-file-system", f"--file={tar}.new",
             f"--directory={tree}", ".")
    os.rename(f"{tar}.new", tar)


def unpack(tar: Path, tree: Path) -> None:
    tree.mkdir(exist_ok=True)
    _checked("tar", "--extract", "--numeric-owner", "--same-permissions", f"--file={tar}",
             f"--directory={tree}")


def _layer_of_tar(work: Path, root: Path, number: int, part: list[str]) -> Layer:
    raw = work / f"layer-{number}.tar"
    _checked("tar", "--create", f"--file={raw}", f"--directory={root}", "--sort=name",
             "--mtime=@0", "--numeric-owner", *part)
    diff_id = f"sha256:{_sha256(raw)}"
    _checked("gzip", "-1", "--no-name", "--force", str(raw))
    packed = raw.with_suffix(".tar.gz")
    return Layer(packed, f"sha256:{_sha256(packed)}", diff_id)


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _checked(*command: str) -> None:
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                            check=False)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {result.stdout[-2000:]}{result.stderr[-2000:]}")


# --- Pushing.


def _push_multi(registry: DockerRegistry, work: Path) -> None:
    manifests = []
    for architecture in ("amd64", "arm64"):
        layers = [_layer_of_files(work, _busybox_files(architecture))]
        manifest = _push_image(registry, MULTI, None, layers, ["/bin/cat", "/hello"],
                               architecture=architecture)
        manifests.append(manifest.descriptor(platform={"os": "linux",
                                                       "architecture": architecture}))
    index = content.manifest_of({"schemaVersion": 2, "mediaType": content.OCI_INDEX,
                                 "manifests": manifests}, content.OCI_INDEX)
    _put_manifest(registry, MULTI, "latest", index)


def _push_image(registry: DockerRegistry, repository: str, tag: str | None, layers: list[Layer],
                command: list[str], architecture: str = "amd64",
                docker: bool = False) -> content.Manifest:
    config = content.blob_of(json.dumps({
        "architecture": architecture, "os": "linux", "config": {"Cmd": command},
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
    }).encode())
    media_type = content.DOCKER_MANIFEST if docker else content.OCI_MANIFEST
    manifest = content.manifest_of({
        "schemaVersion": 2, "mediaType": media_type,
        "config": {"mediaType": DOCKER_CONFIG if docker else content.OCI_CONFIG,
                   "digest": config.digest, "size": config.size},
        "layers": [{"mediaType": DOCKER_LAYER if docker else content.OCI_LAYER,
                    "digest": layer.digest, "size": layer.size} for layer in layers],
    }, media_type)
    _put_blob(registry, repository, config.digest, config.data)
    for layer in layers:
        _put_blob(registry, repository, layer.digest, layer.file.read_bytes())
    _put_manifest(registry, repository, tag or manifest.digest, manifest)
    return manifest


def _call(registry: DockerRegistry, method: str, target: str, body: bytes = b"",
          media_type: str = "application/octet-stream") -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(registry.host, registry.port, timeout=120)
    connection.request(method, target, body, {"Content-Type": media_type})
    response = connection.getresponse()
    answer = response.read()
    assert response.status in (201, 202), (method, target, response.status, answer)
    connection.close()
    return response


def _put_blob(registry: DockerRegistry, repository: str, digest: str, data: bytes) -> None:
    upload = _call(registry, "POST", f"/v2/{repository}/blobs/uploads/").headers["Location"]
    target = upload.split(registry.address, 1)[1]
    _call(registry, "PUT", f"{target}&digest={digest}", data)


def _put_manifest(registry: DockerRegistry, repository: str, reference: str,
                  manifest: content.Manifest) -> None:
    _call(registry, "PUT", f"/v2/{repository}/manifests/{reference}", manifest.data,
          manifest.media_type)
