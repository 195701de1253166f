# SPDX-License-Identifier: Apache-2.0
"""The images of the tests with signatures of cosign and notation beside them, and one of flatpak."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from support.docker_registry import DockerRegistry

import flatpak
from engine import IMAGES
from stage import Failed, System, installed

FILES = "/etc/matrix-signatures"
# ch-image refuses an image without a history, which the specification leaves out at will.
WITH_HISTORY = "library/entrepot-test-history"
_NOTATION = "root/.config/notation"
_kept: dict[str, Path] = {}


def store(images: Path, root: Path, work: Path) -> Path:
    """The data of a registry: `images`, signed by the programs that the system has."""
    copy = work / "registry"
    shutil.copytree(images, copy)
    registry = DockerRegistry(copy, read_only=False)
    system = System(root, work)
    try:
        image = f"{registry.address}/{IMAGES[0]}:latest"
        if installed(root, "cosign"):
            _cosign(system, image)
        if installed(root, "notation"):
            _notation(system, image, registry.address)
        if installed(root, "buildah"):
            _history(system, registry.address)
        flatpak.push(system, registry, root)
        for name in (FILES.lstrip("/"), _NOTATION):
            if system.file(name).exists():
                _kept[name] = work / name.replace("/", "-")
                shutil.copytree(system.file(name), _kept[name])
    finally:
        system.stop()
        registry.stop()
    return copy


def place(system: System) -> None:
    """Puts keys and policies where the programs look for them."""
    for name, files in _kept.items():
        shutil.copytree(files, system.file(name), dirs_exist_ok=True)


def _cosign(system: System, image: str) -> None:
    system.file(FILES).mkdir(exist_ok=True)
    prefix = f"{FILES}/cosign"
    try:
        system.run("cosign", "generate-key-pair", f"--output-key-prefix={prefix}", COSIGN_PASSWORD="")
        # Since version 3, a signature goes to the log of the public good instance unless told so.
        known = system.run("cosign", "sign", "--help")
        local = ["--use-signing-config=false"] if "--use-signing-config" in known else []
        system.run("cosign", "sign", "--yes", "--key", f"{prefix}.key", *local, "--tlog-upload=false",
                   "--allow-http-registry", image, COSIGN_PASSWORD="")
    except Failed as problem:
        print(f"cosign signs nothing: {problem}\n{problem.output}")


def _history(system: System, registry: str) -> None:
    system.write("/srv/hello", "hello\n")
    driver = ("buildah", "--root=/srv/buildah", "--runroot=/run/buildah", "--storage-driver=vfs")
    name = system.run(*driver, "from", "scratch").strip()
    system.run(*driver, "copy", name, "/srv/hello", "/hello")
    system.run(*driver, "commit", "--tls-verify=false", name, f"docker://{registry}/{WITH_HISTORY}:latest")


def _notation(system: System, image: str, registry: str) -> None:
    try:
        system.run("notation", "cert", "generate-test", "--default", "matrix")
        system.run("notation", "sign", "--insecure-registry", image)
    except Failed as problem:
        print(f"notation signs nothing: {problem}")
    policy = {"version": "1.0", "trustPolicies": [{
        "name": "matrix", "registryScopes": ["*"], "signatureVerification": {"level": "strict"},
        "trustStores": ["ca:matrix"], "trustedIdentities": ["*"]}]}
    system.write(f"{_NOTATION}/trustpolicy.json", json.dumps(policy))

