# SPDX-License-Identifier: Apache-2.0
"""The DaemonSet's changes to containerd: its own script and commands, a real containerd, and the
chain of its configurations before a scripted registry."""

from __future__ import annotations

import gzip
import io
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from support import content, ports  # noqa: E402
from support import entrepot as process  # noqa: E402
from support.daemon import DIES_WITH_THE_TEST, run_command  # noqa: E402
from support.engines import Containerd  # noqa: E402
from support.entrepot import Entrepot  # noqa: E402
from support.gate import DEADLINE, eventually  # noqa: E402
from support.kubernetes import (ROOT, Objects, container, environment_of,  # noqa: E402
                                pod_of, render, without_comments)
from support.upstream import ScriptedUpstream  # noqa: E402

MIRROR = "http://127.0.0.1:5000"
REGISTRIES = {"docker.io": "https://registry-1.docker.io", "ghcr.io": "https://ghcr.io"}
# Files of an administrator: another file, one that looks like ours, a link, one line without end.
FOREIGN = {
    "plain": 'server = "https://ghcr.io"\n',
    "ours, edited": "# mine now\n# Written by Entrepot for this node, and removed when it leaves.\n",
    "empty": "",
    "endless": "# Written by Entrepot for this node, and removed when it leaves.",
}


@pytest.fixture(scope="module")
def both() -> Objects:
    return Objects.of(".")


@dataclass
class Node:
    """Runs the shell containers of the manifest as the kubelet runs them, at other places: as root
    without a capability, in the image's shell."""

    workload: dict
    directory: Path
    shell: Path  # a folder with all programs of the image

    @property
    def certs_d(self) -> Path:
        return self.directory / "certs.d"

    def file(self, registry: str) -> Path:
        return self.certs_d / registry / "hosts.toml"

    def list(self, registries: dict[str, str] | str) -> None:
        lines = registries if isinstance(registries, str) else "".join(
            f"{name} {url}\n" for name, url in registries.items())
        (self.directory / "registries").write_text(lines)

    def start(self, name: str, mirror: str = MIRROR, by_hand: str = "") -> subprocess.Popen:
        one = container(self.workload, name)
        places = {"MIRROR": mirror, "REGISTRIES": str(self.directory / "registries"),
                  "CERTS_D": str(self.certs_d)}
        assert set(environment_of(one)) == set(places)
        shell, script, *arguments = one["command"]
        assert (shell, script) == ("/bin/sh", "/etc/entrepot/hosts.sh")
        powerless = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if not os.geteuid() else []
        return subprocess.Popen(
            [*DIES_WITH_THE_TEST, *powerless, "env", "-i", f"PATH={self.shell}",
             *(f"{variable}={value}" for variable, value in places.items()),
             str(self.shell / "sh"), str(self.directory / "hosts.sh"),
             *([by_hand] if by_hand else arguments)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def run(self, name: str, code: int = 0, **options: str) -> str:
        process = self.start(name, **options)
        said, _ = process.communicate(timeout=DEADLINE)
        assert process.returncode == code, said
        return said

    def write(self, **options: str) -> str:
        return self.run("write-hosts", **options)

    def end_of_pod(self) -> str:
        """Runs remove-hosts from its start to SIGTERM."""
        process = self.start("remove-hosts")
        sleeping = eventually(lambda: sleeps_of(process.pid), what="its sleep")
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=DEADLINE)
        assert process.returncode == 0, said
        eventually(lambda: not any(map(alive, sleeping)), what="the end of its sleep")
        return said

    def state(self) -> dict[str, tuple]:
        """Everything below certs.d: a file that was written again has another inode number."""
        return {str(path.relative_to(self.certs_d)):
                (path.lstat().st_ino, path.lstat().st_mtime_ns,
                 path.read_bytes() if path.is_file() else None)
                for path in self.certs_d.rglob("*") if not path.is_dir() or path.is_symlink()}

    def folders(self) -> set[str]:
        return {path.name for path in self.certs_d.iterdir()}


def sleeps_of(pid: int) -> list[int]:
    """The children of a process with one thread that are no longer copies of itself."""
    try:
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [int(one) for one in found
                if Path(f"/proc/{one}/cmdline").read_bytes().startswith(b"sleep\0")]
    except (FileNotFoundError, ProcessLookupError):
        return []


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture(params=["busybox", "debian"])
def node(request, both, tmp_path) -> Node:
    """In the shell of the image that the manifest names, and in Debian's, both with the programs that
    the script says it needs and no other."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sh", "cat", "mkdir", "mv", "rm", "rmdir", "sleep", "sync"):
        target = shutil.which("busybox") if request.param == "busybox" else f"/bin/{name}"
        (programs / name).symlink_to(target)
    return make_node(both, tmp_path, programs)


def make_node(both: Objects, directory: Path, programs: Path = Path("/bin")) -> Node:
    workload = both.one("DaemonSet")
    (directory / "certs.d").mkdir()
    one = Node(workload, directory, programs)
    (directory / "hosts.sh").write_text(both.config(workload)["hosts.sh"])
    one.list(REGISTRIES)
    return one


# --- The script.


def test_the_list_of_the_manifest(both, node):
    text = both.config(node.workload)["registries"]
    node.list(text)
    node.write()
    names = {line.split()[0] for line in text.splitlines() if not line.startswith("#")}
    assert node.folders() == names >= {"docker.io", "registry.k8s.io"}
    for name in names:
        assert f'[host."{MIRROR}"]' in node.file(name).read_text()


def test_a_file_keeps_the_registry_itself(node):
    node.write()
    assert node.file("docker.io").read_text() == (
        "# Written by Entrepot for this node, and removed when it leaves.\n"
        "# Without the line above this file is yours and stays as it is.\n"
        "\n"
        'server = "https://registry-1.docker.io"\n'
        "\n"
        f'[host."{MIRROR}"]\n'
        '  capabilities = ["pull", "resolve"]\n')
    assert node.file("ghcr.io").stat().st_mode & 0o777 == 0o644
    assert node.folders() == set(REGISTRIES)


def test_a_second_run_of_the_script_changes_nothing(node):
    node.write()
    before = node.state()
    assert node.write() == ""
    assert node.state() == before


def test_another_mirror_or_registry_is_written(node):
    node.write()
    node.list({**REGISTRIES, "ghcr.io": "https://other.example"})
    node.write(mirror="http://10.0.0.5:5000")
    assert 'server = "https://other.example"' in node.file("ghcr.io").read_text()
    assert '[host."http://10.0.0.5:5000"]' in node.file("docker.io").read_text()


def test_the_end_of_the_pod_removes_all(node):
    node.write()
    node.end_of_pod()
    assert node.folders() == set()
    assert node.run("remove-hosts", by_hand="remove") == ""  # nothing there is no failure


def test_a_container_that_alone_restarts_writes_again(node):
    node.write()
    node.end_of_pod()
    assert "docker.io/hosts.toml written" in node.end_of_pod()
    assert node.folders() == set()


def test_one_node_is_removed_by_hand(node):
    node.write()
    node.run("remove-hosts", by_hand="remove")
    assert node.folders() == set()
    assert "usage" in node.run("remove-hosts", code=64, by_hand="uninstall")


def test_a_registry_that_leaves_the_list_loses_its_file(node):
    node.write()
    node.list({"ghcr.io": "https://ghcr.io"})
    before = node.state()["ghcr.io/hosts.toml"]
    node.write()
    assert node.folders() == {"ghcr.io"} and node.state() == {"ghcr.io/hosts.toml": before}
    node.list("# none\n\n")  # the way to remove the mirror from all nodes at once
    node.write()
    assert node.folders() == set()


@pytest.mark.parametrize("text", FOREIGN.values(), ids=FOREIGN)
def test_a_foreign_file_stays(node, text):
    foreign = node.file("ghcr.io")
    foreign.parent.mkdir()
    foreign.write_text(text)
    other = node.certs_d / "other.example" / "hosts.toml"
    other.parent.mkdir()
    other.write_text('server = "https://other.example"\n')
    before = node.state()
    said = node.write()
    assert f"{foreign} is somebody else's and stays" in said
    assert {name: one for name, one in node.state().items() if name != "docker.io/hosts.toml"} == before
    node.end_of_pod()
    assert node.state() == before


def test_a_link_is_foreign(node):
    elsewhere = node.directory / "elsewhere.toml"
    node.write()
    shutil.move(node.file("ghcr.io"), elsewhere)
    node.file("ghcr.io").symlink_to(elsewhere)
    node.file("docker.io").unlink()
    node.file("docker.io").symlink_to("nowhere")
    before = node.state(), elsewhere.read_bytes()
    node.write()
    node.end_of_pod()
    assert (node.state(), elsewhere.read_bytes()) == before


def test_other_files_of_the_folder_stay(node):
    node.write()
    certificate = node.certs_d / "docker.io" / "ca.crt"
    certificate.write_text("PEM")
    node.end_of_pod()
    assert set(node.state()) == {"docker.io/ca.crt"}
    assert node.folders() == {"docker.io"}  # an empty folder would hide _default, so it is removed


@pytest.mark.parametrize("line, why", [
    ("../etc https://x", "is not the name"), (".hidden https://x", "is not the name"),
    ("a/b https://x", "is not the name"), ("quay.io", "needs the URL"),
    ("quay.io quay.io", "needs the URL"), ('quay.io https://x"]', "is not a URL"),
    ("quay.io https://quay.io more", "what is more?")])
def test_a_wrong_list_changes_nothing(node, line, why):
    node.write()
    before = node.state()
    node.list(f"registry.k8s.io https://registry.k8s.io\n{line}\n")
    assert why in node.run("write-hosts", code=1)
    assert node.state() == before


def test_a_wrong_path_is_reported(node):
    assert "is not a URL" in node.run("write-hosts", code=1, mirror="127.0.0.1:5000")
    node.certs_d.rmdir()
    assert "is not a folder" in node.run("write-hosts", code=1)


def test_a_file_is_whole_or_as_before(node):
    """The script ends at the worst moment: the new content is written, its rename fails."""
    node.write()
    before = node.state()
    folder = node.certs_d / "docker.io"
    folder.chmod(0o555)
    node.run("write-hosts", code=1, mirror="http://10.0.0.5:5000")
    left = set(node.state()) - set(before)
    assert len(left) == 1 and not any("/" in name for name in left)  # containerd does not read it
    assert {name: one for name, one in node.state().items() if name in before} == before
    folder.chmod(0o755)
    node.write(mirror="http://10.0.0.5:5000")
    assert set(node.state()) == set(before)
    (node.certs_d / left.pop()).write_text("half")
    node.end_of_pod()
    assert node.state() == {}


# --- Whether containerd reads the folder.


@pytest.mark.parametrize("folder, root", [
    (".", "/etc/containerd"), ("options", "/var/lib/rancher/k3s/agent/etc/containerd")])
def test_the_status_tells_whether_containerd_reads_the_folder(tmp_path, folder, root):
    objects = Objects.of(".") if folder == "." else Objects(render(ROOT / "deploy/kubernetes-options"))
    pod = pod_of(objects.one("DaemonSet"))
    one = container(objects.one("DaemonSet"), "check-containerd")
    mount, = one["volumeMounts"]
    paths = {volume["name"]: volume["hostPath"]["path"] for volume in pod["volumes"]
             if "hostPath" in volume}
    assert mount["readOnly"] and mount["mountPath"] == f"/host{paths['containerd']}" == f"/host{root}"
    assert f"--check-folder={paths['certs-d']}" in one["command"]
    # Before the files are written: none names a mirror whose image the node cannot pull.
    names = [each["name"] for each in pod["initContainers"]]
    assert names.index("check-containerd") < names.index("write-hosts")
    config = tmp_path / "host" / root[1:] / "config.toml"
    config.parent.mkdir(parents=True)

    def message() -> str:
        report = tmp_path / "termination-log"
        words = [word.replace("=/host", f"={tmp_path}/host").replace("/dev/termination-log", str(report))
                 for word in one["command"][1:]]
        run_command(process.binary(), *words, env=process.environment())  # exit code 0, or it fails
        return report.read_text()

    assert "config.toml does not exist" in message()
    table = 'version = 3\n[plugins."io.containerd.cri.v1.images".registry]\n'
    config.write_text(f'{table}config_path = "{root}/certs.d:/etc/docker/certs.d"\n')
    assert message().startswith(f"containerd does not read {root}/certs.d: ")
    config.write_text(f'{table}config_path = "{root}/certs.d"\n')
    assert message().startswith(f"containerd reads {root}/certs.d: ")


# --- containerd.

# Not the registry that the configurations use without an "ns".
REGISTRY = "quay.io"


def pullable(seed: int) -> content.Image:
    """An image that an engine can unpack."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        data = content.random_bytes(300_000, seed)
        entry = tarfile.TarInfo("data")
        entry.size = len(data)
        tar.addfile(entry, io.BytesIO(data))
    layer = content.blob_of(gzip.compress(buffer.getvalue(), 1, mtime=0))
    config = content.blob_of(json.dumps({
        "architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(),
                                                                    platform.machine()),
        "os": "linux", "config": {},
        "rootfs": {"type": "layers", "diff_ids": [content.digest_of(buffer.getvalue())]},
    }).encode())
    manifest = content.manifest_of({
        "schemaVersion": 2, "mediaType": content.OCI_MANIFEST,
        "config": {"mediaType": content.OCI_CONFIG, "digest": config.digest, "size": config.size},
        "layers": [{"mediaType": content.OCI_LAYER, "digest": layer.digest, "size": layer.size}],
    }, content.OCI_MANIFEST)
    return content.Image(manifest, config, [layer])


@dataclass
class Site:
    """The registry, the on-prem mirror and a node: its cache, its containerd and its hosts.toml."""

    registry: ScriptedUpstream
    above: Entrepot
    cache: Entrepot
    node: Node
    containerd: Containerd
    images: int = 0

    def new_image(self) -> tuple[str, content.Image]:
        self.images += 1
        image = pullable(self.images)
        repository = f"acme/app-{self.images}"
        self.registry.add_image(repository, image, "latest")
        self.registry.forget()
        return f"{REGISTRY}/{repository}:latest", image

    def pull(self, reference: str, image: content.Image) -> None:
        self.containerd.pull(reference, self.node.certs_d)
        assert {blob.digest for blob in image.blobs} <= self.containerd.content()

    def requesters(self) -> set[str]:
        """The clients that requested the image from the registry: "Entrepot", "containerd"."""
        return {request.header("User-Agent").partition("/")[0].lower()
                for request in self.registry.requests() if request.kind in ("manifest", "blob")}


def asked(mirror: Entrepot, reference: str) -> set[str]:
    """The upstreams that a mirror's access log names for the requests for an image; empty when
    there were none."""
    repository = reference.removeprefix(f"{REGISTRY}/").partition(":")[0]
    lines = (json.loads(line) for line in mirror.log.lines if '"access":' in line)
    return {line["access"]["upstream"] for line in lines
            if f"/v2/{repository}/" in line["access"]["path"]}


def configured(both: Objects, directory: Path, workload: dict, urls: dict[str, str]) -> Entrepot:
    """The configuration of a workload with the registry's URLs replaced."""
    directory.mkdir()
    config = without_comments(both.config(workload)["entrepot.json"])
    config["listen"] = [{"address": ports.keep_address()}]  # some mirrors end before the test does
    config["admin"] = {"address": "127.0.0.1:0"}
    config["cache"] |= {"directory": str(directory / "cache"), "reserve_free": "1MiB"}
    endpoints = config["upstreams"][REGISTRY]["endpoints"]
    assert [endpoint["url"] for endpoint in endpoints] == list(urls)
    for endpoint in endpoints:
        endpoint["url"] = urls[endpoint["url"]]
    return Entrepot(directory, config).start()


@pytest.fixture
def whole(both, tmp_path) -> Site:
    if os.geteuid() != 0:
        pytest.skip("containerd needs root")
    itself = f"https://{REGISTRY}"
    started = []
    try:
        registry = ScriptedUpstream()
        started.append(registry.stop)
        above = configured(both, tmp_path / "site", both.one("StatefulSet"), {itself: registry.url})
        started.append(above.close)
        cache = configured(both, tmp_path / "node", both.one("DaemonSet"), {
            "http://entrepot.entrepot.svc:5000": f"http://{above.address}", itself: registry.url})
        started.append(cache.close)
        node = make_node(both, tmp_path)
        node.list({REGISTRY: registry.url, "ghcr.io": "https://ghcr.io"})
        containerd = Containerd()
        started.append(containerd.stop)
        yield Site(registry, above, cache, node, containerd)
        assert not registry.errors, registry.errors
    finally:
        for stop in reversed(started):
            stop()


def test_pulls_go_through_the_node_and_the_site(whole):
    whole.node.write(mirror=f"http://{whole.cache.address}")
    reference, image = whole.new_image()
    whole.pull(reference, image)
    assert whole.requesters() == {"entrepot"}
    # Both read the registry from "ns".
    eventually(lambda: asked(whole.cache, reference) == asked(whole.above, reference) == {REGISTRY},
               what="the lines of both")
    for blob in image.blobs:
        assert whole.registry.count("blob", "GET", blob.digest) == 1
    # Whatever fails above: this node has stored the image.
    whole.containerd.remove(reference)
    whole.above.terminate()
    whole.registry.go_down()
    whole.pull(reference, image)


def test_pulls_work_without_the_site(whole):
    whole.node.write(mirror=f"http://{whole.cache.address}")
    whole.above.terminate()
    reference, image = whole.new_image()
    whole.pull(reference, image)
    assert whole.requesters() == {"entrepot"}
    eventually(lambda: asked(whole.cache, reference), what="the node's lines")


def test_pulls_work_without_the_mirror(whole):
    """Its hosts.toml is still there: after a crash, or a killed pod."""
    whole.node.write(mirror=f"http://{whole.cache.address}")
    whole.cache.kill9()
    reference, image = whole.new_image()
    whole.pull(reference, image)
    assert whole.requesters() == {"containerd"}
    assert whole.node.file(REGISTRY).exists()


def test_after_the_pod_containerd_is_as_before(whole):
    foreign = whole.node.file("ghcr.io")
    foreign.parent.mkdir()
    foreign.write_text('server = "https://ghcr.io"\n')
    before = whole.node.state()
    whole.node.write(mirror=f"http://{whole.cache.address}")
    assert whole.node.file(REGISTRY).exists()
    whole.node.end_of_pod()
    assert whole.node.state() == before and whole.node.folders() == {"ghcr.io"}
    # The mirror runs, and gets no request. containerd does not know the registry's address then, so
    # the pull cannot succeed: the test checks where it sends its requests.
    reference, _image = whole.new_image()
    whole.containerd.pull(reference, whole.node.certs_d, check=False)
    assert not asked(whole.cache, reference)


def test_the_owner_of_a_foreign_file_decides(whole):
    foreign = whole.node.file(REGISTRY)
    foreign.parent.mkdir()
    text = f'server = "{whole.registry.url}"\n[host."{whole.registry.url}"]\n'
    foreign.write_text(text)
    whole.node.write(mirror=f"http://{whole.cache.address}")
    reference, image = whole.new_image()
    whole.pull(reference, image)
    assert whole.requesters() == {"containerd"} and not asked(whole.cache, reference)
    whole.node.end_of_pod()
    assert foreign.read_text() == text
