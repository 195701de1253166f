# SPDX-License-Identifier: Apache-2.0
"""Writes the image of each architecture as one OCI archive (an image layout in a tar file), which skopeo, podman
and docker read. No engine takes part, so the same input gives the same digests.

usage: image.py DOCKERFILE COMMIT OUTPUT ARCH=ROOT…

ROOT is laid out by deploy/image_root.sh. The configuration is that of the last stage of DOCKERFILE."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import sys
from datetime import datetime, timezone
from pathlib import Path

from files import EPOCH, Archive, gzipped

CREATED = datetime.fromtimestamp(EPOCH, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def last_stage(dockerfile: str) -> list[tuple[str, str]]:
    """Its instructions, with their arguments."""
    text = re.sub(r"\\\n\s*", " ", re.sub(r"(?m)^\s*#.*\n", "", dockerfile))
    lines = [line.split(None, 1) for line in text.splitlines() if line.strip()]
    start = max(index for index, line in enumerate(lines) if line[0] == "FROM")
    return [(line[0], line[1]) for line in lines[start + 1:]]


def nanoseconds(text: str) -> int:
    return int(re.fullmatch(r"(\d+)s", text)[1]) * 10**9


def health_check(arguments: str) -> dict:
    """For Docker; engines that do not know it ignore it."""
    options = dict(re.findall(r"--([a-z-]+)=(\S+)", arguments))
    names = {"interval": "Interval", "timeout": "Timeout", "start-period": "StartPeriod"}
    return {"Test": ["CMD", *json.loads(arguments[arguments.index("CMD") + 3:])],
            **{names[name]: nanoseconds(value) for name, value in options.items()}}


def configuration(dockerfile: str) -> tuple[dict, dict[str, int]]:
    """The image's configuration, and the folders that it has besides its root, with their owners."""
    config: dict = {}
    folders: dict[str, int] = {}
    for instruction, arguments in last_stage(dockerfile):
        if instruction == "LABEL":
            config["Labels"] = dict(word.split("=", 1) for word in shlex.split(arguments))
        elif instruction == "ENV":
            config.setdefault("Env", []).append(arguments)
        elif instruction in ("USER", "STOPSIGNAL"):
            config[{"USER": "User", "STOPSIGNAL": "StopSignal"}[instruction]] = arguments
        elif instruction == "VOLUME":
            config["Volumes"] = {arguments: {}}
        elif instruction == "EXPOSE":
            config["ExposedPorts"] = {f"{port}/tcp": {} for port in arguments.split()}
        elif instruction in ("ENTRYPOINT", "CMD"):
            config[instruction.capitalize()] = json.loads(arguments)
        elif instruction == "HEALTHCHECK":
            config["Healthcheck"] = health_check(arguments)
        elif owned := re.fullmatch(r"--from=root --chown=(\d+):\1 /empty/ /(\S+)/", arguments):
            folders[owned[2]] = int(owned[1])
        elif (instruction, arguments) != ("COPY", "--from=root /image/ /"):
            raise SystemExit(f"image.py: the Dockerfile has an instruction that is not known here: {instruction} {arguments}")
    return config, folders


class Layout:
    def __init__(self):
        self.archive = Archive()

    def add(self, media_type: str, data: bytes) -> dict:
        """Its descriptor."""
        digest = hashlib.sha256(data).hexdigest()
        self.archive.add_file(f"blobs/sha256/{digest}", data)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}

    def add_json(self, media_type: str, value: dict) -> dict:
        return self.add(media_type, json.dumps(value, sort_keys=True).encode())

    def add_image(self, arch: str, root: Path, config: dict, folders: dict[str, int]) -> dict:
        layer = Archive()
        layer.add_tree(root)
        for name, owner in folders.items():
            layer.add_folder(name, owner)
        tar = layer.tar()
        platform = {"architecture": arch, "os": "linux", **({"variant": "v8"} if arch == "arm64" else {})}
        image = self.add_json(CONFIG, {
            **platform, "created": CREATED, "config": config,
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(tar).hexdigest()}"]},
            "history": [{"created": CREATED, "created_by": "deploy/release.sh"}]})
        manifest = self.add_json(MANIFEST, {
            "schemaVersion": 2, "mediaType": MANIFEST, "config": image,
            "layers": [self.add(LAYER, gzipped(tar))]})
        return {**manifest, "platform": platform}


def main() -> None:
    dockerfile, commit, output, *roots = sys.argv[1:]
    config, folders = configuration(Path(dockerfile).read_text(encoding="utf-8"))
    labels = config["Labels"]
    labels |= {"org.opencontainers.image.revision": commit, "org.opencontainers.image.created": CREATED}
    layout = Layout()
    images = [layout.add_image(arch, Path(root), config, folders)
              for arch, root in (one.split("=", 1) for one in roots)]
    index = layout.add_json(INDEX, {"schemaVersion": 2, "mediaType": INDEX, "manifests": images,
                                    "annotations": labels})
    version = labels["org.opencontainers.image.version"]
    index["annotations"] = {"org.opencontainers.image.ref.name": version}
    layout.archive.add_file("index.json", json.dumps(
        {"schemaVersion": 2, "mediaType": INDEX, "manifests": [index]}).encode())
    layout.archive.add_file("oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
    Path(output).write_bytes(layout.archive.tar())


main()
