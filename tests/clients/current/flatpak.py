# SPDX-License-Identifier: Apache-2.0
"""flatpak takes the address of the registry from an index of applications, not from its configuration:
this index names the mirror."""

from __future__ import annotations

import http.server
import json
import threading
from pathlib import Path

from support import content
from support.docker_registry import DockerRegistry

from engine import Engine
from stage import CERTIFICATE, HOST, LOGIN, Access, Failed, System, installed

REPOSITORY = "library/entrepot-test-flatpak"
_REFERENCE = "runtime/org.entrepot.Test/x86_64/master"
_BUS = ("dbus-run-session", "--")  # flatpak does not run without a bus
_made: dict[str, object] = {}


def push(system: System, registry: DockerRegistry, root: Path) -> None:
    """Makes a runtime and pushes it. Without flatpak, does nothing."""
    if not installed(root, "flatpak"):
        return
    try:
        # build-init wants another runtime to be installed.
        system.write("/srv/app/metadata", "[Runtime]\nname=org.entrepot.Test\n"
                     "runtime=org.entrepot.Test/x86_64/master\nsdk=org.entrepot.Test/x86_64/master\n")
        system.write("/srv/app/usr/hello", "hello from flatpak\n")
        system.file("/srv/app/files").mkdir()
        system.run("flatpak", "build-export", "--runtime", "--arch=x86_64", "/srv/repo", "/srv/app",
                   "master")
        system.run("flatpak", "build-bundle", "--oci", "--runtime", "--arch=x86_64", "/srv/repo",
                   "/srv/bundle", "org.entrepot.Test", "master")
        system.run("skopeo", "copy", "--insecure-policy", "--dest-tls-verify=false", "oci:/srv/bundle",
                   f"docker://{registry.address}/{REPOSITORY}:latest")
    except Failed as problem:
        print(f"flatpak: no image: {problem}")
        return
    layout = system.file("/srv/bundle")
    index = json.loads((layout / "index.json").read_text())
    manifest_digest = index["manifests"][0]["digest"]
    manifest = json.loads((layout / "blobs/sha256" / manifest_digest[7:]).read_text())
    config = json.loads((layout / "blobs/sha256" / manifest["config"]["digest"][7:]).read_text())
    _made["image"] = {"Digest": manifest_digest, "MediaType": content.OCI_MANIFEST, "OS": "linux",
                      "Architecture": "amd64", "Tags": ["latest"],
                      "Annotations": manifest.get("annotations", {}),
                      "Labels": config.get("config", {}).get("Labels") or manifest.get("annotations", {})}


class _Index(http.server.BaseHTTPRequestHandler):
    text = b""

    def do_GET(self):  # noqa: N802
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.text)))
        self.end_headers()
        self.wfile.write(self.text)

    def log_message(self, *_):
        pass


class Flatpak(Engine):
    name = "flatpak"
    package = "flatpak"
    impossible = {LOGIN: "bearer tokens only"}

    def prepare(self, system: System, access: Access) -> None:
        if "image" not in _made:
            raise Failed("flatpak has made no image")
        if not access.plain:
            directory = f"/etc/containers/certs.d/{access.host}"
            system.write(f"{directory}/ca.crt", access.files["ca.pem"].read_text())
            if access.mode == CERTIFICATE:
                system.write(f"{directory}/client.cert", access.files["client.pem"].read_text())
                system.write(f"{directory}/client.key", access.files["client.key"].read_text())
        handler = type("Index", (_Index,), {"text": json.dumps({
            "Registry": access.url + "/",
            "Results": [{"Name": f"docker.io/{REPOSITORY}", "Images": [_made["image"]]}]}).encode()})
        self._server = http.server.ThreadingHTTPServer((HOST, 0), handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        system.run(*_BUS, "flatpak", "remote-add", "--system", "--no-gpg-verify", "matrix",
                   f"oci+http://{HOST}:{self._server.server_port}")

    def pull(self, system: System, access: Access) -> None:
        try:
            system.run(*_BUS, "flatpak", "install", "--system", "--noninteractive", "--assumeyes", "matrix",
                       _REFERENCE)
        finally:
            self._server.shutdown()
            self._server.server_close()
