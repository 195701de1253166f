# SPDX-License-Identifier: Apache-2.0
"""podman and skopeo with mirrors in registries.conf; and many clients at once."""

import os
import subprocess

import pytest

from support import rootfs
from support.engines import Podman

DEBIAN = f"docker.io/{rootfs.DEBIAN}:latest"
MULTI = f"docker.io/{rootfs.MULTI}:latest"
LAYERS = f"docker.io/{rootfs.LAYERS}:latest"


@pytest.fixture
def podman_of():
    """podman and skopeo with the given mirror; they end with the test."""
    made = []

    def make(mirror: str) -> Podman:
        made.append(Podman(mirror))
        return made[-1]
    yield make
    for one in made:
        one.stop()


def test_podman_pull_run_remove_and_pull_without_upstream(site, podman_of):
    podman = podman_of(site.entrepot.address)
    for reference in (DEBIAN, MULTI):
        podman.pull(reference)
    assert podman.run(DEBIAN) == rootfs.DEBIAN_SAYS + "\ndebian\n"
    assert podman.run(MULTI) == rootfs.BUSYBOX_SAYS + "\n"
    site.assert_fetched_once()
    podman.podman("rmi", "--all", "--force")
    site.upstream_goes_down()
    for reference in (DEBIAN, MULTI):
        podman.pull(reference)
    assert podman.run(MULTI) == rootfs.BUSYBOX_SAYS + "\n"


@pytest.mark.parametrize("path", ["", "/docker.io"])
def test_skopeo(site, podman_of, path):
    podman = podman_of(site.entrepot.address + path)
    one, two = podman.directory("one-"), podman.directory("two-")
    podman.skopeo("copy", "--all", f"docker://{MULTI}", f"dir:{one}")
    site.assert_fetched_once()
    site.upstream_goes_down()
    podman.skopeo("copy", "--all", f"docker://{MULTI}", f"dir:{two}")
    assert sorted(os.listdir(one)) == sorted(os.listdir(two))
    for name in os.listdir(one):
        assert (one / name).read_bytes() == (two / name).read_bytes()


def test_skopeo_inspect_and_list(plain_site, podman_of):
    podman = podman_of(plain_site.entrepot.address)
    # Mirrors are for pulls; a list is requested from the named registry.
    name = f"docker://{plain_site.entrepot.address}/docker.io/{rootfs.MULTI}"
    assert '"latest"' in podman.skopeo("list-tags", "--tls-verify=false", name).stdout
    raw = podman.skopeo("inspect", "--raw", f"docker://{MULTI}").stdout
    assert plain_site.engines_seen() == {"skopeo"}
    assert raw.encode() == plain_site.entrepot.get(f"/v2/{rootfs.MULTI}/manifests/latest").body


def test_explicit_reference(plain_site, podman_of):
    podman = podman_of("127.0.0.1:1")
    name = f"{plain_site.entrepot.address}/docker.io/{rootfs.MULTI}:latest"
    podman.pull(name, "--tls-verify=false")
    assert podman.run(name) == rootfs.BUSYBOX_SAYS + "\n"
    plain_site.assert_fetched_once()
    assert plain_site.engines_seen() == {"containers"}  # podman does not name itself


def test_twenty_clients_at_once(plain_site, podman_of):
    """One cold image, twenty clients: the registry sees one GET for each blob."""
    podman = podman_of(plain_site.entrepot.address)
    processes = [subprocess.Popen(
        podman.skopeo_command("copy", f"docker://{LAYERS}", f"dir:{podman.directory('copy-')}"),
        env={**os.environ, **podman.environment}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(20)]
    for process in processes:
        output, _ = process.communicate(timeout=300)
        assert process.returncode == 0, output
    plain_site.assert_fetched_once()
    assert len(plain_site.registry.gets("blobs")) == 8  # seven layers and the configuration


def test_push_is_refused(plain_site, podman_of):
    podman = podman_of(plain_site.entrepot.address)
    copy = podman.directory("copy-")
    podman.skopeo("copy", f"docker://{MULTI}", f"dir:{copy}")
    name = f"{plain_site.entrepot.address}/docker.io/library/entrepot-test-new:latest"
    result = podman.skopeo("copy", "--dest-tls-verify=false", f"dir:{copy}", f"docker://{name}",
                           check=False)
    assert result.returncode != 0
    assert "read-only" in result.stdout or "405" in result.stdout, result.stdout
