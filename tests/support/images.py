# SPDX-License-Identifier: Apache-2.0
"""The image that deploy/Dockerfile makes, built by a real engine on a debootstrapped base."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from . import rootfs
from .daemon import run_command
from .debian_root import APT_SETTINGS
from .docker_registry import DockerRegistry
from .engines import Docker
from .entrepot import binary

SOURCES = Path(__file__).resolve().parents[2]
DOCKERFILE = SOURCES / "deploy" / "Dockerfile"

IMAGE = "entrepot"
_BASE, _BUILT = "entrepot-test-base", "entrepot-test-built"

_COMPILE = re.compile(r"^# --- Compile\..*?^# --- Compiled\.$", re.DOTALL | re.MULTILINE)
_ARCHIVE = re.compile(r"https?://\S+/(debian|ubuntu)[\w-]*/?\s")


def make_base(docker: Docker, registry: DockerRegistry, work: Path) -> None:
    """The minimal Debian of the other tests, able to install packages from the mirror of this
    system."""
    context = work / "base"
    (context / "apt").mkdir(parents=True)
    lists = [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*")]
    for path in lists:
        # Other archives need keys that this image lacks.
        if path.is_file() and _ARCHIVE.search(path.read_text()):
            copy = context / path.relative_to("/etc")
            copy.parent.mkdir(exist_ok=True)
            shutil.copy(path, copy)
    settings = context / "apt/apt.conf.d/90of-the-host"
    settings.parent.mkdir()
    settings.write_text(run_command(APT_SETTINGS).stdout)
    reference = f"{registry.address}/{rootfs.DEBIAN}:latest"
    (context / "Dockerfile").write_text(f"FROM {reference}\n"
                                        "RUN rm -rf /etc/apt/sources.list*\nCOPY apt /etc/apt\n")
    _build(docker, _BASE, context)


def build_compiled(docker: Docker, jobs: str) -> None:
    """Builds the whole Dockerfile: many minutes."""
    _build(docker, IMAGE, SOURCES, "--file", DOCKERFILE, "--build-arg", f"BASE={_BASE}",
           "--build-arg", f"JOBS={jobs}", timeout=4 * 3600)


def build_with_binary(docker: Docker, work: Path) -> None:
    """The same with the binary under test in the place of the compiled one."""
    context = work / "built"
    context.mkdir()
    run_command("strip", "-o", context / "entrepot", binary())
    (context / "Dockerfile").write_text(
        f"FROM {_BASE}\n"
        "RUN apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y "
        f"--no-install-recommends ca-certificates {' '.join(_packages_of_libraries())}\n"
        "COPY entrepot /entrepot\n")
    _build(docker, _BUILT, context)
    text, replaced = _COMPILE.subn(f"FROM {_BUILT} AS build", DOCKERFILE.read_text())
    assert replaced == 1, "the Dockerfile's compiling stage is not where it was"
    variant = work / "Dockerfile"
    variant.write_text(text)
    _build(docker, IMAGE, SOURCES, "--file", variant)


def _build(docker: Docker, tag: str, context: Path, *more: str | Path, timeout: float = 300):
    # The engine has no bridge: a step downloads over the machine's own network.
    docker("build", "--network", "host", "--tag", tag, *more, context, timeout=timeout)


def context_of_build(docker: Docker, work: Path) -> set[str]:
    """The files of the sources that the builder gets."""
    dockerfile = work / "Dockerfile.context"
    dockerfile.write_text("FROM scratch\nCOPY . /\n")
    docker("build", "--tag", "entrepot-test-context", "--file", dockerfile, SOURCES)
    return files_of_image(docker, "entrepot-test-context", work)


# The files that the engine puts into every container.
_OF_THE_ENGINE = re.compile(r"\.dockerenv$|(dev|proc|sys)/|etc/(hosts|hostname|mtab|resolv\.conf)$")


def files_of_image(docker: Docker, image: str, work: Path) -> set[str]:
    container = docker("create", image, "nothing").stdout.strip()
    archive = work / "files.tar"
    docker("export", "--output", archive, container)
    docker("rm", "--volumes", container)
    names = run_command("tar", "--list", f"--file={archive}").stdout.splitlines()
    archive.unlink()
    return {name for name in names if not name.endswith("/") and not _OF_THE_ENGINE.match(name)}


def _packages_of_libraries() -> list[str]:
    libraries = re.findall(r"=> /(?:usr/)?(\S+)", run_command("ldd", binary()).stdout)
    # On merged systems dpkg knows some libraries by /lib, some by /usr/lib; an unknown one is an
    # error.
    names = [f"{root}/{library}" for library in libraries for root in ("", "/usr")]
    found = subprocess.run(["dpkg-query", "--search", *names], capture_output=True, text=True,
                           check=False).stdout
    return sorted(set(re.findall(r"^([a-z0-9.+-]+)(?::\w+)?: /", found, re.MULTILINE)))
