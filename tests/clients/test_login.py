# SPDX-License-Identifier: Apache-2.0
"""Engines log in to the mirror, or show a client certificate: over plain HTTP, and over HTTPS with a
private authority. Each is configured as its own documents say."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import pytest

from support import https, logins, rootfs
from support.config import settings
from support.engines import NOWHERE, Containerd, Docker, Podman
from support.entrepot import Entrepot
from support.tls import Authority

USER, PASSWORD = "alice", "wonderland"
MULTI = f"docker.io/{rootfs.MULTI}"
DOCKER_CERTIFICATES = Path("/etc/docker/certs.d")


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "ca")


@pytest.fixture
def fleet(tmp_path):
    """The authority of the clients."""
    return Authority(tmp_path / "fleet")


@pytest.fixture
def node(fleet):
    return fleet.leaf("node-1", usage="clientAuth")


@pytest.fixture
def mirror(registry, tmp_path):
    """Starts the mirror with these listeners and keys."""
    made = []

    def start(listener: dict, **keys) -> Entrepot:
        config = settings(tmp_path / "cache", {"docker.io": {"endpoint": registry.url}},
                          listen=[listener], **keys)
        made.append(Entrepot(tmp_path, config).start())
        return made[-1]
    yield start
    for one in made:
        one.close()


@pytest.fixture
def auth(tmp_path):
    return {"htpasswd": str(logins.write_users(tmp_path / "users", {USER: PASSWORD}))}


@pytest.fixture(params=["http", "https"])
def guarded(request, mirror, auth, authority):
    """A mirror with logins, and the name that engines have for it."""
    listener = {"address": "127.0.0.1:0"}
    if request.param == "https":
        listener = https.listening(authority.leaf("mirror"))
    entrepot = mirror({**listener, "auth": auth})
    return f"127.0.0.1:{entrepot.port}"


@pytest.fixture
def stopped():
    """Engines, which end with the test."""
    made = []

    def keep(engine):
        made.append(engine)
        return engine
    yield keep
    for engine in made:
        engine.stop()


@pytest.fixture
def docker_certificates():
    """Files for docker in /etc/docker/certs.d/NAME, gone after the test. Another test may use the folder
    above at the same time; a run that was killed may have left NAME there."""
    had_folder = DOCKER_CERTIFICATES.exists()
    made = []

    def put(name: str, **files: Path) -> None:
        directory = DOCKER_CERTIFICATES / name
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        made.append(directory)
        for file, source in files.items():
            shutil.copy(source, directory / file.replace("_", "."))
    yield put
    for directory in made:
        shutil.rmtree(directory)
    if not had_folder:
        with contextlib.suppress(OSError):
            DOCKER_CERTIFICATES.rmdir()


def test_docker_login_pull_and_logout(guarded, stopped):
    docker = stopped(Docker())
    name = f"{guarded}/{MULTI}:latest"
    wrong = docker("login", "--username", USER, "--password", "guess", guarded, check=False)
    assert wrong.returncode != 0 and "unauthorized" in wrong.stdout.lower(), wrong.stdout
    assert docker("pull", name, check=False).returncode != 0
    docker("login", "--username", USER, "--password", PASSWORD, guarded)
    docker("pull", name)
    assert docker.run(name) == rootfs.BUSYBOX_SAYS + "\n"
    docker("logout", guarded)
    docker.remove_all()
    assert docker("pull", name, check=False).returncode != 0


def test_podman_login_pull_and_logout(guarded, stopped):
    podman = stopped(Podman(NOWHERE))
    name = f"{guarded}/{MULTI}:latest"
    login = ("login", "--tls-verify=false", "--username", USER, "--password")
    assert podman.podman(*login, "guess", guarded, check=False).returncode != 0
    assert podman.pull(name, "--tls-verify=false", check=False).returncode != 0
    podman.podman(*login, PASSWORD, guarded)
    podman.pull(name, "--tls-verify=false")
    assert podman.run(name) == rootfs.BUSYBOX_SAYS + "\n"
    podman.podman("logout", guarded)
    podman.podman("rmi", "--all", "--force")
    assert podman.pull(name, "--tls-verify=false", check=False).returncode != 0


def test_podman_takes_the_login_of_its_mirror(mirror, auth, stopped):
    entrepot = mirror({"address": "127.0.0.1:0", "auth": auth})
    podman = stopped(Podman(entrepot.address))
    assert podman.pull(f"{MULTI}:latest", check=False).returncode != 0
    podman.podman("login", "--tls-verify=false", "--username", USER, "--password", PASSWORD,
                  entrepot.address)
    # The challenge of the ping is enough for podman.
    podman.pull(f"{MULTI}:latest")
    assert entrepot.metrics().sum("logins_total", result="ok") > 0


def test_containerd_with_a_header(mirror, auth, stopped):
    entrepot = mirror({"address": "127.0.0.1:0", "auth": auth})
    containerd = stopped(Containerd())
    hosts = containerd.hosts(mirror=f"http://{entrepot.address}")
    assert containerd.pull(f"{MULTI}:latest", hosts, check=False).returncode != 0
    header = logins.basic(USER, PASSWORD)["Authorization"]
    file = hosts / "docker.io" / "hosts.toml"
    file.write_text(file.read_text() + f'  [host."http://{entrepot.address}".header]\n'
                    f'    Authorization = "{header}"\n')
    containerd.pull(f"{MULTI}:latest", hosts)
    assert entrepot.metrics().sum("logins_total", result="ok") > 0


@pytest.fixture
def fleet_mirror(mirror, authority, fleet):
    """A mirror that demands a certificate of the fleet."""
    leaf = authority.leaf("mirror", hosts=["IP:::1", "IP:127.0.0.1"])
    listener = https.listening(leaf, address="[::]:0", client_ca=str(fleet.certificate))
    return mirror(listener, access=[{"who": ["cert:CN=node-*"], "repositories": ["*"]}])


def test_docker_with_a_client_certificate(fleet_mirror, authority, node, stopped,
                                          docker_certificates):
    name = f"[::1]:{fleet_mirror.port}"  # for 127.0.0.0/8 docker reads no certificates
    docker = stopped(Docker(f"https://{name}"))
    assert docker("pull", f"{rootfs.MULTI}:latest", check=False).returncode != 0
    docker_certificates(name, ca_crt=authority.certificate, client_cert=node[0],
                        client_key=node[1])
    docker("pull", f"{rootfs.MULTI}:latest")
    assert docker.run(rootfs.MULTI) == rootfs.BUSYBOX_SAYS + "\n"


def test_podman_and_skopeo_with_a_client_certificate(fleet_mirror, authority, node, stopped):
    name = f"127.0.0.1:{fleet_mirror.port}"
    podman = stopped(Podman(NOWHERE))
    certificates = podman.directory("certificates-")
    shutil.copy(authority.certificate, certificates / "ca.crt")
    reference = f"{name}/{MULTI}:latest"
    options = ("--cert-dir", str(certificates))
    assert podman.pull(reference, *options, check=False).returncode != 0
    shutil.copy(node[0], certificates / "client.cert")
    shutil.copy(node[1], certificates / "client.key")
    podman.pull(reference, *options)
    assert podman.run(reference) == rootfs.BUSYBOX_SAYS + "\n"
    copy = podman.directory("copy-")
    podman.skopeo("copy", "--src-cert-dir", certificates, f"docker://{reference}", f"dir:{copy}")


def test_containerd_with_a_client_certificate(fleet_mirror, authority, node, stopped):
    name = f"127.0.0.1:{fleet_mirror.port}"
    containerd = stopped(Containerd())
    hosts = containerd.hosts(mirror=f"https://{name}")
    file = hosts / "docker.io" / "hosts.toml"
    file.write_text(file.read_text() + f'  ca = "{authority.certificate}"\n')
    assert containerd.pull(f"{MULTI}:latest", hosts, check=False).returncode != 0
    file.write_text(file.read_text() + f'  client = [["{node[0]}", "{node[1]}"]]\n')
    containerd.pull(f"{MULTI}:latest", hosts)
