# SPDX-License-Identifier: Apache-2.0
"""The Docker engine with "registry-mirrors"."""

import pytest

from support import rootfs
from support.engines import Docker, stored_blobs

IMAGES = [(rootfs.DEBIAN, rootfs.DEBIAN_SAYS + "\ndebian\n"),
          (rootfs.MULTI, rootfs.BUSYBOX_SAYS + "\n"),
          (rootfs.BUSYBOX, rootfs.BUSYBOX_SAYS + "\n")]


@pytest.fixture
def engine():
    """Engines that end with the test."""
    made = []

    def make(*mirrors: str) -> Docker:
        made.append(Docker(*mirrors))
        return made[-1]
    yield make
    for docker in made:
        docker.stop()


def test_pull_run_remove_and_pull_without_upstream(site, engine):
    docker = engine(site.mirror)
    for repository, says in IMAGES:
        docker("pull", f"{repository}:latest")
        assert docker.run(repository) == says
    site.assert_fetched_once()
    docker.remove_all()
    site.upstream_goes_down()
    for repository, says in IMAGES:
        docker("pull", f"{repository}:latest")
        assert docker.run(repository) == says


def test_second_engine_costs_the_upstream_nothing(plain_site, engine):
    for docker in (engine(plain_site.mirror), engine(plain_site.mirror)):
        docker("pull", f"{rootfs.DEBIAN}:latest")
    plain_site.assert_fetched_once()
    assert plain_site.engines_seen() == {"docker"}


def test_mirror_with_a_path(plain_site, engine):
    """Docker 25 and newer take a path in registry-mirrors; older ones refuse to start with it."""
    docker = engine()
    version = int(docker("version", "--format", "{{.Server.Version}}").stdout.split(".")[0])
    if version < 25:
        pytest.skip(f"Docker {version} takes no path in registry-mirrors")
    docker = engine(f"{plain_site.mirror}/docker.io")
    docker("pull", f"{rootfs.BUSYBOX}:latest")
    plain_site.assert_fetched_once()


@pytest.mark.parametrize("by", ["tag", "digest"])
def test_explicit_reference(plain_site, engine, by):
    docker = engine()
    name = f"{plain_site.entrepot.address}/docker.io/{rootfs.MULTI}"
    digest = plain_site.entrepot.head(
        f"/v2/{rootfs.MULTI}/manifests/latest").headers["Docker-Content-Digest"]
    reference = f"{name}:latest" if by == "tag" else f"{name}@{digest}"
    docker("pull", reference)
    assert docker.run(reference) == rootfs.BUSYBOX_SAYS + "\n"
    plain_site.assert_fetched_once()


def test_missing_image(plain_site, engine):
    docker = engine()
    reference = f"{plain_site.entrepot.address}/docker.io/library/entrepot-test-none:latest"
    result = docker("pull", reference, check=False)
    assert result.returncode != 0 and "unknown" in result.stdout


def test_push_is_refused_clearly(plain_site, engine):
    docker = engine(plain_site.mirror)
    docker("pull", f"{rootfs.BUSYBOX}:latest")
    before = stored_blobs(plain_site.entrepot.directory / "cache")
    # An image with new layers, which the mirror has never stored.
    container = docker("create", rootfs.BUSYBOX).stdout.strip()
    docker("cp", __file__, f"{container}:/new")
    name = f"{plain_site.entrepot.address}/docker.io/library/entrepot-test-new:latest"
    docker("commit", container, name)
    docker("rm", container)
    result = docker("push", name, check=False)
    assert result.returncode != 0
    assert "read-only" in result.stdout or "unsupported" in result.stdout.lower(), result.stdout
    assert stored_blobs(plain_site.entrepot.directory / "cache") == before
    pushed = "/v2/library/entrepot-test-new/manifests/latest"
    assert plain_site.entrepot.get(pushed).status == 404
    assert not any(method in ("POST", "PUT", "PATCH")
                   for method, _, _ in plain_site.registry.requests())
