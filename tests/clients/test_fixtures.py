# SPDX-License-Identifier: Apache-2.0
"""The engines and the registry work without a mirror between them, so a later failure is the
mirror's."""

from support import rootfs
from support.engines import Containerd, Docker, Podman


def test_registry_counts(registry):
    podman = Podman(registry.address)
    try:
        podman.skopeo("copy", f"docker://docker.io/{rootfs.BUSYBOX}:latest",
                      f"dir:{podman.directory('copy-')}")
    finally:
        podman.stop()
    blobs = registry.gets("blobs")
    assert len(blobs) == 2 and set(blobs.values()) == {1}
    assert set(registry.gets("manifests").values()) == {1}


def test_docker_direct(registry):
    docker = Docker()
    try:
        for repository, says in ((rootfs.BUSYBOX, rootfs.BUSYBOX_SAYS + "\n"),
                                 (rootfs.DEBIAN, rootfs.DEBIAN_SAYS + "\ndebian\n")):
            reference = f"{registry.address}/{repository}:latest"
            docker("pull", reference)
            assert docker.run(reference) == says
        docker.remove_all()
    finally:
        docker.stop()


def test_docker_mirror_is_the_only_way(registry):
    """No other registry has these names: without the mirror the pull fails."""
    docker = Docker(registry.url)
    try:
        docker("pull", rootfs.BUSYBOX)
        docker.remove_all()
        registry.stop()
        assert docker("pull", rootfs.BUSYBOX, check=False).returncode != 0
    finally:
        docker.stop()


def test_containerd_direct(registry):
    containerd = Containerd()
    try:
        hosts = containerd.hosts(mirror=registry.url)
        reference = f"docker.io/{rootfs.MULTI}:latest"
        containerd.pull(reference, hosts)
        assert containerd.content()
        containerd.remove(reference)
        assert not containerd.content()
        registry.stop()
        assert containerd.pull(reference, hosts, check=False).returncode != 0
    finally:
        containerd.stop()


def test_podman_direct(registry):
    podman = Podman(registry.address)
    try:
        podman.pull(f"docker.io/{rootfs.BUSYBOX}:latest")
        assert podman.run(f"docker.io/{rootfs.BUSYBOX}:latest").startswith(rootfs.BUSYBOX_SAYS)
    finally:
        podman.stop()
