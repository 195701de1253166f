# SPDX-License-Identifier: Apache-2.0
"""containerd with hosts.toml, through ctr."""

import pytest

from support import rootfs
from support.engines import Containerd

DEBIAN = f"docker.io/{rootfs.DEBIAN}:latest"
MULTI = f"docker.io/{rootfs.MULTI}:latest"
BUSYBOX = f"docker.io/{rootfs.BUSYBOX}:latest"


@pytest.fixture
def containerd():
    one = Containerd()
    yield one
    one.stop()


def test_pull_remove_and_pull_without_upstream(site, containerd):
    hosts = containerd.hosts(mirror=site.mirror)
    for reference in (DEBIAN, MULTI):
        containerd.pull(reference, hosts)
    site.assert_fetched_once()
    had = containerd.content()
    for reference in (DEBIAN, MULTI):
        containerd.remove(reference)
    assert not containerd.content()
    site.upstream_goes_down()
    for reference in (DEBIAN, MULTI):
        containerd.pull(reference, hosts)
    assert containerd.content() == had


# hosts.toml: the mirror's URL below its address, override_path, and the path of the requests.
SHAPES = {
    "ns": ("", False, "/v2/library/"),
    "path": ("/docker.io", False, "/docker.io/v2/library/"),
    "override-path": ("/v2/docker.io", True, "/v2/docker.io/library/"),
    "override-path-plain": ("/v2", True, "/v2/library/"),
}


@pytest.mark.parametrize("name", SHAPES)
def test_shapes(plain_site, containerd, name):
    path, override, asked = SHAPES[name]
    hosts = containerd.hosts(mirror=plain_site.mirror + path, override_path=override)
    containerd.pull(MULTI, hosts)
    plain_site.assert_fetched_once()
    plain_site.entrepot.log.wait_for(rf'access .* "GET {asked}')


def test_all_platforms(plain_site, containerd):
    hosts = containerd.hosts(mirror=plain_site.mirror)
    containerd.ctr("images", "pull", "--hosts-dir", hosts, "--all-platforms", MULTI)
    plain_site.assert_fetched_once()
    assert plain_site.engines_seen() == {"containerd"}
    assert len(plain_site.registry.gets("manifests")) == 3  # the index and both images


def test_runs(plain_site, containerd):
    hosts = containerd.hosts(mirror=plain_site.mirror)
    containerd.pull(DEBIAN, hosts)
    said = containerd.run(DEBIAN)
    assert said == rootfs.DEBIAN_SAYS + "\ndebian\n"


def test_explicit_reference(plain_site, containerd):
    name = f"{plain_site.entrepot.address}/docker.io/{rootfs.MULTI}:latest"
    containerd.ctr("images", "pull", "--plain-http", name)
    plain_site.assert_fetched_once()


def test_push_is_refused(plain_site, containerd):
    hosts = containerd.hosts(mirror=plain_site.mirror)
    containerd.pull(BUSYBOX, hosts)
    name = f"{plain_site.entrepot.address}/docker.io/library/entrepot-test-new:latest"
    containerd.ctr("images", "tag", BUSYBOX, name)
    result = containerd.ctr("images", "push", "--plain-http", name, check=False)
    assert result.returncode != 0 and "405" in result.stdout, result.stdout
    assert not any(method in ("POST", "PUT", "PATCH")
                   for method, _, _ in plain_site.registry.requests())
