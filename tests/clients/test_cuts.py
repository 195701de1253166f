# SPDX-License-Identifier: Apache-2.0
"""The line between an engine and the mirror breaks in the middle of a layer."""

import pytest

from support import rootfs
from support.content import MIB
from support.engines import Containerd, Docker, Podman
from support.relay import Relay

DEBIAN = f"docker.io/{rootfs.DEBIAN}:latest"
SAYS = rootfs.DEBIAN_SAYS + "\ndebian\n"
CUT_AT = 40 * MIB  # its largest layer has 64


@pytest.fixture
def line(plain_site):
    """Breaks once, in the middle of the largest layer."""
    one = Relay(plain_site.entrepot.port, after=CUT_AT)
    yield one
    one.close()
    assert one.cuts == 1


def size_of_image(site) -> int:
    manifest = site.entrepot.get(f"/v2/{rootfs.DEBIAN}/manifests/latest").json()
    return sum(layer["size"] for layer in manifest["layers"])


def assert_resumed(site, line) -> None:
    """The engine requested the rest of the layer, and no byte that it already had."""
    site.entrepot.log.wait_for(r'"GET /v2/[^"]*/blobs/[^"]*" 206 ')
    assert line.brought <= size_of_image(site) + 2 * MIB
    site.assert_fetched_once()


def test_containerd_resumes_a_cut_layer(plain_site, line):
    containerd = Containerd()
    try:
        containerd.pull(DEBIAN, containerd.hosts(mirror=f"http://{line.address}"))
        assert containerd.run(DEBIAN) == SAYS
        assert_resumed(plain_site, line)
    finally:
        containerd.stop()


def test_docker_resumes_a_cut_layer(plain_site, line):
    docker = Docker(f"http://{line.address}")
    try:
        docker("pull", f"{rootfs.DEBIAN}:latest")
        assert docker.run(rootfs.DEBIAN) == SAYS
        assert_resumed(plain_site, line)
    finally:
        docker.stop()


def test_podman_resumes_a_cut_layer_or_pulls_again(plain_site, line):
    """Before version 5 it gives up, and its user's second pull costs the upstream nothing."""
    podman = Podman(line.address)
    try:
        if podman.pull(DEBIAN, check=False).returncode == 0:
            assert_resumed(plain_site, line)
        else:
            podman.pull(DEBIAN)
            plain_site.assert_fetched_once()
        assert podman.run(DEBIAN) == SAYS
    finally:
        podman.stop()
