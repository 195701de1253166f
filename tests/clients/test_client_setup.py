# SPDX-License-Identifier: Apache-2.0
"""Engines with the files that `entrepot client-config … --write` makes, and nothing else."""

from __future__ import annotations

import json
import re

import pytest

from support import https, logins, rootfs
from support.config import settings
from support.daemon import run_command
from support.engines import Containerd, Docker, Podman
from support.entrepot import Entrepot, run
from support.tls import Authority

SAYS = rootfs.BUSYBOX_SAYS + "\n"
# The name of a second registry beside Docker Hub.
OTHER = "registry.test"


@pytest.fixture
def mirror(registry, tmp_path):
    """A mirror of two upstreams that are the same registry here."""
    config = settings(tmp_path / "cache", {"docker.io": {"endpoint": registry.url},
                                           OTHER: {"endpoint": registry.url}})
    entrepot = Entrepot(tmp_path, config).start()
    yield entrepot
    entrepot.close()


@pytest.fixture
def system(tmp_path):
    directory = tmp_path / "system"
    directory.mkdir()
    return directory


def configure(engine: str, mirror: Entrepot, system, *options, at: str | None = None) -> str:
    done = run("client-config", engine, "--write", "--root", str(system), "--config",
               str(mirror.config_path), "--mirror", at or f"http://{mirror.address}", *map(str, options))
    assert done.returncode == 0, done.stderr
    return done.stdout


def assert_asked(mirror: Entrepot, upstream: str) -> None:
    """The mirror has served a manifest of this upstream by now."""
    mirror.log.wait_for(rf'access .*/manifests/.* 200 .* {re.escape(upstream)} manifest')


@pytest.fixture
def docker(system):
    """With a daemon.json without a mirror."""
    file = system / "etc/docker/daemon.json"
    file.parent.mkdir(parents=True)
    file.write_text('{ "labels": ["kept=yes"], "max-concurrent-downloads": 2 }\n')
    engine = Docker(config=file)
    yield engine
    engine.stop()


def info(docker: Docker) -> dict:
    return json.loads(docker("info", "--format", "{{json .}}").stdout)


def test_docker_reloads_the_merged_file(mirror, system, docker):
    assert not info(docker)["RegistryConfig"]["Mirrors"]
    configure("docker", mirror, system)
    docker.reload()
    said = info(docker)
    assert said["RegistryConfig"]["Mirrors"] == [f"http://{mirror.address}/"]
    assert said["Labels"] == ["kept=yes"]
    docker("pull", f"{rootfs.BUSYBOX}:latest")
    assert docker.run(rootfs.BUSYBOX) == SAYS
    assert_asked(mirror, "docker.io")
    # As the command prints: images of other registries by the mirror's name.
    docker("pull", f"{mirror.address}/{OTHER}/{rootfs.MULTI}:latest")
    assert_asked(mirror, OTHER)


def test_docker_starts_with_its_file_and_allows_plain_http(mirror, system):
    configure("docker", mirror, system, at="http://192.0.2.5:5000")
    docker = Docker(config=system / "etc/docker/daemon.json")
    try:
        registries = info(docker)["RegistryConfig"]
        assert registries["Mirrors"] == ["http://192.0.2.5:5000/"]
        assert registries["IndexConfigs"]["192.0.2.5:5000"]["Secure"] is False
    finally:
        docker.stop()


@pytest.fixture
def containerd():
    engine = Containerd()
    yield engine
    engine.stop()


def test_containerd_pulls_from_an_ipv6_address(registry, tmp_path, system, containerd):
    """containerd 1.6 refuses the address as the name of a TOML table, and then asks the registry."""
    config = settings(tmp_path / "cache", {"docker.io": {"endpoint": registry.url}},
                      listen=[{"address": "[::1]:0"}])
    entrepot = Entrepot(tmp_path, config).start()
    try:
        configure("containerd", entrepot, system, at=f"http://[::1]:{entrepot.port}")
        containerd.pull(f"docker.io/{rootfs.BUSYBOX}:latest", system / "etc/containerd/certs.d")
        assert_asked(entrepot, "docker.io")
    finally:
        entrepot.close()


@pytest.mark.parametrize("upstream", ["docker.io", OTHER])
def test_containerd_pulls(mirror, system, containerd, upstream):
    configure("containerd", mirror, system)
    containerd.pull(f"{upstream}/{rootfs.BUSYBOX}:latest", system / "etc/containerd/certs.d")
    assert_asked(mirror, upstream)


def config_path(system) -> str:
    """The registry directory that containerd reads from its configuration."""
    dump = run_command("containerd", "--config", system / "etc/containerd/config.toml", "config",
                       "dump").stdout
    table = re.split(r"(?m)^\s*\[", dump)
    registry = [part for part in table
                if re.match(r"plugins\.[\"'][^]]*cri[^]]*[\"']\.registry\]", part)]
    assert registry, dump
    return re.search(r"config_path = [\"'](.*)[\"']", registry[0])[1]


def test_containerd_accepts_the_printed_lines(mirror, system):
    """The lines that the command prints for containerd's own configuration are the right ones."""
    said = configure("containerd", mirror, system)
    lines = re.search(r"no config_path.*:\n((?:.*\n)*?  config_path = .*\n)", said)[1]
    file = system / "etc/containerd/config.toml"
    file.write_text("version = 2\n")
    assert config_path(system) != "/etc/containerd/certs.d"
    file.write_text(lines)
    assert config_path(system) == "/etc/containerd/certs.d"
    assert "config_path" not in configure("containerd", mirror, system)


@pytest.fixture
def podman(system, mirror):
    configure("podman", mirror, system)
    engine = Podman(registries=system / "etc/containers/registries.conf.d/entrepot.conf")
    yield engine
    engine.stop()


@pytest.mark.parametrize("upstream", ["docker.io", OTHER])
def test_podman_pulls(mirror, podman, upstream):
    reference = f"{upstream}/{rootfs.BUSYBOX}:latest"
    podman.pull(reference)
    assert podman.run(reference) == SAYS
    assert_asked(mirror, upstream)


def test_skopeo_reads_the_file_in_its_folder(mirror, system):
    """/etc/containers/registries.conf.d/, beside files of others and the main one."""
    configure("podman", mirror, system)
    main = system / "etc/containers/registries.conf"
    main.write_text('unqualified-search-registries = ["docker.io"]\n')
    folder = system / "etc/containers/registries.conf.d"
    (folder / "zz-other.conf").write_text('[[registry]]\nlocation = "quay.io"\n')
    engine = Podman(registries=main)
    try:
        # The folder's path is built into skopeo: in this mount it is the test's folder, for this
        # process only.
        manifest = run_command(
            "unshare", "--mount", "sh", "-euc",
            'mount --bind "$1" /etc/containers/registries.conf.d; shift; exec "$@"', "sh", folder,
            *engine.skopeo_command("inspect", "--raw",
                                   f"docker://{OTHER}/{rootfs.BUSYBOX}:latest"),
            env=engine.environment).stdout
    finally:
        engine.stop()
    assert json.loads(manifest)["schemaVersion"] == 2
    assert_asked(mirror, OTHER)


@pytest.fixture(params=["certificate", "login"])
def guarded(request, registry, tmp_path):
    """A mirror with a private authority that demands a certificate of the client or a login, and the
    options for it."""
    authority, fleet = Authority(tmp_path / "ca"), Authority(tmp_path / "fleet")
    users = logins.write_users(tmp_path / "users", {"alice": "wonder land"})
    by_certificate = request.param == "certificate"
    listener = https.listening(authority.leaf("mirror", hosts=["IP:::1", "IP:127.0.0.1"]),
                               address="[::]:0",
                               **({"client_ca": str(fleet.certificate)} if by_certificate else {}))
    listener |= {} if by_certificate else {"auth": {"htpasswd": str(users)}}
    who = "cert:CN=node-1" if by_certificate else "user:alice"
    config = settings(tmp_path / "cache", {"docker.io": {"endpoint": registry.url}},
                      listen=[listener], access=[{"who": [who], "repositories": ["*"]}])
    (tmp_path / "password").write_text("wonder land\n")
    certificate, key = fleet.leaf("node-1", usage="clientAuth")
    entrepot = Entrepot(tmp_path, config).start()
    yield entrepot, ["--ca", authority.certificate, "--client-cert", certificate, "--client-key", key,
                     "--user", "alice", "--password-file", tmp_path / "password"]
    entrepot.close()


@pytest.mark.parametrize("address", ["127.0.0.1", "[::1]"])
def test_containerd_shows_its_certificate_and_login(guarded, system, containerd, address):
    entrepot, options = guarded
    configure("containerd", entrepot, system, *options, at=f"https://{address}:{entrepot.port}")
    containerd.pull(f"docker.io/{rootfs.BUSYBOX}:latest", system / "etc/containerd/certs.d")
    assert_asked(entrepot, "docker.io")


def test_skopeo_shows_its_certificate_and_login(guarded, system):
    entrepot, options = guarded
    configure("podman", entrepot, system, *options, at=f"https://127.0.0.1:{entrepot.port}")
    engine = Podman(registries=system / "etc/containers/registries.conf.d/entrepot.conf")
    try:
        # The paths of certificates are built into skopeo, those of logins follow from HOME.
        run_command("unshare", "--mount", "sh", "-euc",
                    'mkdir -p /etc/containers; mount -t tmpfs none /etc/containers; '
                    'cp -r "$1"/. /etc/containers; shift; exec "$@"', "sh", system / "etc/containers",
                    *engine.skopeo_command("copy", f"docker://docker.io/{rootfs.BUSYBOX}:latest",
                                           f"dir:{engine.directory('copy-')}"),
                    env=engine.environment | {"HOME": str(system / "root"), "XDG_RUNTIME_DIR": ""})
    finally:
        engine.stop()
    assert_asked(entrepot, "docker.io")
