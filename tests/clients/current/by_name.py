# SPDX-License-Identifier: Apache-2.0
"""Engines without mirrors: they pull images by the mirror's own name."""

from __future__ import annotations

import signed
from engine import IMAGES, Engine
from stage import (CERTIFICATE, FILES, HTTP, LOGIN, PASSWORD, USER, Access, System, docker_config,
                   environment_of)

_NO_CERTIFICATE = {CERTIFICATE: "no option for client certificates"}


def named(access: Access, image: str) -> str:
    return f"{access.host}/docker.io/{image}:latest"


class ByName(Engine):
    def prepare(self, system: System, access: Access) -> None:
        if access.mode == LOGIN:
            system.write("/root/.docker/config.json", docker_config(access.host))


class Crane(ByName):
    name = "crane"
    package = "crane"
    impossible = _NO_CERTIFICATE

    def pull(self, system: System, access: Access) -> None:
        for image in IMAGES:
            system.run("crane", "pull", *(["--insecure"] if access.plain else []), named(access, image),
                       "/srv/image.tar", **environment_of(access))


def copy(system: System, access: Access, image: str) -> None:
    """By oras, which has all options."""
    options = {HTTP: ["--from-plain-http"]}.get(access.mode, ["--from-ca-file", f"{FILES}/ca.pem"])
    if access.mode == CERTIFICATE:
        options += ["--from-cert-file", f"{FILES}/client.pem", "--from-key-file", f"{FILES}/client.key"]
    system.run("oras", "copy", *options, named(access, image), "--to-oci-layout", "/srv/layout:latest")


class Oras(ByName):
    name = "oras"
    package = "oras"

    def pull(self, system: System, access: Access) -> None:
        for image in IMAGES:
            copy(system, access, image)


class Cosign(ByName):
    name = "cosign verify"
    package = "cosign"

    def pull(self, system: System, access: Access) -> None:
        signed.place(system)
        options = {HTTP: ["--allow-http-registry"]}.get(access.mode, [f"--registry-cacert={FILES}/ca.pem"])
        if access.mode == CERTIFICATE:
            options += [f"--registry-client-cert={FILES}/client.pem",
                        f"--registry-client-key={FILES}/client.key"]
        system.run("cosign", "verify", "--key", f"{signed.FILES}/cosign.pub", "--insecure-ignore-tlog=true",
                   *options, named(access, IMAGES[0]))


class Notation(ByName):
    name = "notation verify"
    package = "notation"
    impossible = _NO_CERTIFICATE

    def pull(self, system: System, access: Access) -> None:
        # notation asks for the manifest by HEAD only: without a pull, the mirror would have nothing to
        # give while the registry is stopped.
        copy(system, access, IMAGES[0])
        signed.place(system)
        system.run("notation", "verify", *(["--insecure-registry"] if access.plain else []),
                   named(access, IMAGES[0]), **environment_of(access))


class ChImage(ByName):
    name = "ch-image (charliecloud)"
    package = "charliecloud"
    impossible = {HTTP: "HTTPS only", **_NO_CERTIFICATE}

    def pull(self, system: System, access: Access) -> None:
        options = ["--auth"] if access.mode == LOGIN else []
        login = {"CH_IMAGE_USERNAME": USER, "CH_IMAGE_PASSWORD": PASSWORD}
        system.run("ch-image", "--storage=/srv/charliecloud", *options, "pull",
                   named(access, signed.WITH_HISTORY), REQUESTS_CA_BUNDLE=f"{FILES}/ca.pem", USER="root",
                   **(login if options else {}))


BY_NAME = [Crane, Oras, Cosign, Notation, ChImage]
