# SPDX-License-Identifier: Apache-2.0
"""Engines that have the mirror in their own configuration, as `entrepot client-config` writes it. They
pull images of docker.io, which does not exist in this network."""

from __future__ import annotations

import json
import re

from support import rootfs

from engine import IMAGES, Engine
from stage import CERTIFICATE, LOGIN, MODES, Access, System, environment_of


class Docker(Engine):
    package = "docker.io"
    store = ""

    @property
    def reads_hosts_files(self) -> bool:
        return int(self.version.split(".")[0]) >= 28

    def configured(self, access: Access) -> list[str]:
        """The stores for which client-config writes files."""
        return [self.store]

    def prepare(self, system: System, access: Access) -> None:
        containerd = self.store == "containerd"
        system.write("/etc/docker/daemon.json", json.dumps({
            "features": {"containerd-snapshotter": containerd},
            **({} if containerd else {"storage-driver": "overlay2"})}))
        for store in self.configured(access):
            access.client_config(system, "docker", "--store", store)
            access.check(system, "docker", "--store", store)
        system.start("dockerd", "--data-root=/srv/docker", "--exec-root=/run/docker", "--iptables=false",
                     "--ip6tables=false", "--ip-masq=false", "--bridge=none",
                     until="API listen on /var/run/docker.sock")

    def pull(self, system: System, access: Access) -> None:
        for image in IMAGES:
            system.run("docker", "pull", f"{image}:latest")


class DockerGraphdriver(Docker):
    name = "Docker, graph driver"
    store = "graphdriver"
    impossible = {LOGIN: "Docker has no login for its mirrors"}


class DockerContainerd(Docker):
    name = "Docker, containerd's image store"
    store = "containerd"

    def __init__(self, version: str):
        super().__init__(version)
        if not self.reads_hosts_files:
            self.impossible = DockerGraphdriver.impossible

    def configured(self, access: Access) -> list[str]:
        return ["graphdriver" if self.impossible else self.store]


class Build:
    """`docker build` from an image, instead of a pull."""

    def pull(self, system: System, access: Access) -> None:
        for image in IMAGES:
            # A step makes the builder unpack the layers.
            system.write("/srv/context/Dockerfile", f"FROM {image}:latest\nCOPY Dockerfile /copy\n")
            system.run("docker", "build", "--quiet", "/srv/context", DOCKER_BUILDKIT="1")


class BuildGraphdriver(Build, DockerGraphdriver):
    name = "docker build, graph driver"

    def __init__(self, version: str):
        super().__init__(version)
        if self.reads_hosts_files:
            self.impossible = {}

    def configured(self, access: Access) -> list[str]:
        if not self.reads_hosts_files:
            return [self.store]
        # Builds read hosts.toml with a graph driver, too, and no certificates for registry-mirrors.
        return ["containerd"] if access.mode == LOGIN else ["graphdriver", "containerd"]


class BuildContainerd(Build, DockerContainerd):
    name = "docker build, containerd's image store"


class Containerd(Engine):
    name = "containerd (ctr)"
    package = "containerd"

    def prepare(self, system: System, access: Access) -> None:
        access.client_config(system, "containerd")
        access.check(system, "containerd")
        system.write("/etc/containerd/config.toml", "version = 2\n")
        system.start("containerd", "--root=/srv/containerd", "--state=/run/containerd",
                     until="containerd successfully booted")

    def pull(self, system: System, access: Access) -> None:
        for image in IMAGES:
            system.run("ctr", "images", "pull", "--hosts-dir", "/etc/containerd/certs.d",
                       f"docker.io/{image}:latest")


class Nerdctl(Containerd):
    name = "nerdctl"
    package = "nerdctl"

    def pull(self, system: System, access: Access) -> None:
        for image in IMAGES:
            system.run("nerdctl", "--data-root=/srv/nerdctl", "pull", f"docker.io/{image}:latest")


class Podman(Engine):
    name = "podman"
    package = "podman"

    def prepare(self, system: System, access: Access) -> None:
        access.client_config(system, "podman")
        access.check(system, "podman")
        system.write("/etc/containers/storage.conf", '[storage]\ndriver = "overlay"\n'
                     'graphroot = "/srv/storage"\nrunroot = "/run/storage"\n')
        if not system.file("/etc/containers/policy.json").exists():
            system.write("/etc/containers/policy.json",
                         '{"default": [{"type": "insecureAcceptAnything"}]}')

    def pull(self, system: System, access: Access) -> None:
        for image in IMAGES:
            system.run("podman", "pull", f"docker.io/{image}:latest")


class Skopeo(Podman):
    name = "skopeo"
    package = "skopeo"

    def pull(self, system: System, access: Access) -> None:
        for image in IMAGES:
            system.run("skopeo", "copy", f"docker://docker.io/{image}:latest", "oci:/srv/copy:latest")


class Buildah(Podman):
    name = "buildah"
    package = "buildah"

    def pull(self, system: System, access: Access) -> None:
        for image in IMAGES:
            system.run("buildah", "pull", f"docker.io/{image}:latest")


class Apptainer(Engine):
    name = "apptainer"
    package = "apptainer"
    impossible = {CERTIFICATE: "apptainer has no client certificates"}

    def prepare(self, system: System, access: Access) -> None:
        # The login is each user's own, so only the address comes from client-config.
        if access.mode == LOGIN:
            system.run("apptainer", "registry", "login", "--username=alice", "--password-stdin",
                       f"docker://{access.host}", stdin=access.files["password"].read_text(),
                       **environment_of(access))
        access.client_config(system, "apptainer", private=False)

    def pull(self, system: System, access: Access) -> None:
        for image in IMAGES:
            system.run("apptainer", "pull", "--force", "/srv/image.sif", f"docker://{image}:latest",
                       APPTAINER_CACHEDIR="/srv/cache", APPTAINER_TMPDIR="/srv/tmp",
                       **environment_of(access))


class Lxc(Podman):
    name = "lxc (template oci)"
    package = "lxc"

    def pull(self, system: System, access: Access) -> None:
        # The template wants a system with /etc.
        system.run("lxc-create", "--lxcpath=/srv/lxc", "--name=box", "--template=oci", "--", "--url",
                   f"docker://docker.io/{rootfs.DEBIAN}:latest")


class Incus(Podman):
    name = "incus"
    package = "incus-base"

    def __init__(self, version: str):
        super().__init__(version)
        if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < (6, 3):
            self.impossible = dict.fromkeys(MODES, "no OCI images before 6.3")

    def prepare(self, system: System, access: Access) -> None:
        super().prepare(system, access)
        system.start("/usr/libexec/incus/incusd", "--group=root", "--verbose", until="level=",
                     INCUS_DIR="/srv/incus")
        system.run("incus", "admin", "waitready", "--timeout=60", INCUS_DIR="/srv/incus")
        system.run("incus", "storage", "create", "default", "dir", INCUS_DIR="/srv/incus")
        system.run("incus", "remote", "add", "hub", "https://docker.io", "--protocol=oci",
                   INCUS_DIR="/srv/incus")

    def pull(self, system: System, access: Access) -> None:
        for image in IMAGES:
            system.run("incus", "image", "copy", f"hub:{image}:latest", "local:", INCUS_DIR="/srv/incus")


BY_MIRROR = [DockerGraphdriver, DockerContainerd, BuildGraphdriver, BuildContainerd, Containerd, Nerdctl,
             Podman, Skopeo, Buildah, Apptainer, Lxc, Incus]
