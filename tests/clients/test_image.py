# SPDX-License-Identifier: Apache-2.0
"""The container image and compose.yaml: built, started and used by a real engine.

Here the binary under test takes the place of the Dockerfile's compiling stage. All of the Dockerfile,
many minutes by two compilers at once, as root:

    ENTREPOT_COMPILE_IMAGE=2 ENTREPOT_BINARY=build/release/entrepot \
      ENTREPOT_BUILD_DIR=build/release /usr/bin/python3 -B -m pytest -s tests/clients/test_image.py
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from support import client, images, rootfs
from support.content import MIB
from support.docker_registry import DockerRegistry, secured_front
from support.engines import Docker, compose_command
from support.entrepot import run
from support.gate import eventually
from support.images import IMAGE, SOURCES
from support.network import HERE, own_network
from support.tls import Authority

DEPLOY = SOURCES / "deploy"
COMPOSE = DEPLOY / "compose.yaml"
USER = 65532
LARGEST_LAYER = 64 * MIB  # of the Debian image

MOST_COMPRESSED = 60_000_000
ENTREPOT_PORT, ADMIN_PORT = 5000, 5080  # as configured: the test has a network of its own

pytestmark = pytest.mark.skipif(bool(os.environ.get("ENTREPOT_SANITIZE")),
                                reason="the image holds no sanitizer's libraries")


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("image")
    yield path
    shutil.rmtree(path, ignore_errors=True)  # pytest would keep it


@pytest.fixture(scope="module")
def builder():
    docker = Docker()
    yield docker
    docker.stop()


@dataclass
class Image:
    archive: Path
    compressed: int
    configuration: dict
    files: set[str]


@pytest.fixture(scope="module")
def image(builder, image_store, work) -> Image:
    registry = DockerRegistry(image_store)
    try:
        images.make_base(builder, registry, work)
    finally:
        registry.stop()
    begun = time.monotonic()
    if jobs := os.environ.get("ENTREPOT_COMPILE_IMAGE"):
        images.build_compiled(builder, jobs)
    else:
        images.build_with_binary(builder, work)
    built_in = time.monotonic() - begun
    archive = work / "image.tar"
    builder("save", "--output", archive, IMAGE)
    compressed = len(gzip.compress(archive.read_bytes(), 6))
    print(f"\nimage: {compressed / 1e6:.1f} MB compressed, {archive.stat().st_size / 1e6:.1f} MB "
          f"unpacked, built in {built_in:.0f} s")
    [inspected] = json.loads(builder("image", "inspect", IMAGE).stdout)
    return Image(archive, compressed, inspected["Config"],
                 images.files_of_image(builder, IMAGE, work))


# --- The build context, and the image that is built from it.


def test_context_is_the_sources(builder, work):
    """All files that the build files name, and no other, such as a build directory."""
    files = images.context_of_build(builder, work)
    built = re.findall(r"^add_subdirectory\((\w+)", (SOURCES / "CMakeLists.txt").read_text(),
                       re.MULTILINE)
    assert {"cache", "proxy"} <= set(built)
    expected = {"CMakeLists.txt", "CMakePresets.json", "LICENSE", "deploy/image_root.sh",
                "deploy/packages.sh"}
    for folder in {*built, "cmake", "deploy/docker"}:
        expected |= {str(path.relative_to(SOURCES)) for path in (SOURCES / folder).rglob("*")
                     if path.is_file()}
    assert files == expected


def test_image_is_small(image):
    assert image.compressed <= MOST_COMPRESSED


@pytest.mark.parametrize("document", ["install.md", "install.zh-CN.md"])
def test_the_documents_have_its_size(image, document):
    """To a tenth: it changes with the libraries of the system."""
    text = (SOURCES / "docs" / document).read_text()
    numbers = re.search(r"(\d+) MB[^\d\n]{1,60}?(\d+) MB", text)
    compressed, unpacked = (1e6 * int(number) for number in numbers.groups())
    assert image.compressed == pytest.approx(compressed, rel=0.1)
    assert image.archive.stat().st_size == pytest.approx(unpacked, rel=0.1)


def test_image_holds_runtime_files_only(image):
    programs = {name for name in image.files if re.match(r"(usr/)?s?bin/", name)}
    assert programs == {"usr/bin/entrepot"}
    assert "etc/ssl/certs/ca-certificates.crt" in image.files
    # The files for scanners and the licences.
    packages = {Path(name).name for name in image.files if "/status.d/" in name}
    licences = {Path(name).parent.name for name in image.files if name.endswith("/copyright")}
    assert "libc6" in packages and packages | {"entrepot"} == licences


def test_configuration_of_the_image(image):
    config = image.configuration
    assert config["User"] == f"{USER}:{USER}"  # a number: runAsNonRoot accepts no name
    assert config["Healthcheck"]["Test"] == ["CMD", "entrepot", "health"]
    assert config["StopSignal"] == "SIGTERM"
    assert set(config["Volumes"]) == {"/var/lib/entrepot"}
    assert set(config["ExposedPorts"]) == {f"{ENTREPOT_PORT}/tcp", f"{ADMIN_PORT}/tcp"}
    version = run("version").stdout.split()[1]
    assert config["Labels"]["org.opencontainers.image.version"] == version


def test_the_check_accepts_its_configuration():
    file = DEPLOY / "docker" / "entrepot.json"
    done = run("check", "--config", str(file))
    assert done.returncode == 0, done.stderr
    # The Dockerfile, compose.yaml and the health check rely on these values.
    text = re.sub(r"^\s*//.*|\s//.*$", "", file.read_text(), flags=re.MULTILINE)
    config = json.loads(text)
    assert config["listen"] == [{"address": f"0.0.0.0:{ENTREPOT_PORT}"}]
    assert config["admin"] == {"address": f"0.0.0.0:{ADMIN_PORT}", "hosts": ["entrepot"]}
    assert config["cache"]["directory"] == "/var/lib/entrepot"


# --- compose.yaml, by its own tool.


@pytest.fixture(scope="module")
def composition() -> dict:
    done = subprocess.run([*compose_command(), "--file", COMPOSE, "config"], capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, done.stderr
    return yaml.safe_load(done.stdout)


def test_compose_builds_on_another_system(composition):
    base = re.search(r"^ARG BASE=(\S+)$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)[1]
    assert composition["services"]["entrepot"]["build"]["args"]["BASE"] == base
    done = subprocess.run([*compose_command(), "--file", COMPOSE, "config"], capture_output=True, text=True,
                          check=True, env={**os.environ, "ENTREPOT_BASE": "registry.test/debian:13"})
    arguments = yaml.safe_load(done.stdout)["services"]["entrepot"]["build"]["args"]
    assert arguments["BASE"] == "registry.test/debian:13"


def binds_of(service: dict) -> dict[Path, str]:
    """The directory in the container for each directory of this machine. Compose writes a volume as
    a line or as a mapping, by its version."""
    binds = {}
    for volume in service.get("volumes", []):
        source, target = (volume.split(":")[:2] if isinstance(volume, str)
                          else (volume["source"], volume["target"]))
        if source.startswith("/"):
            binds[Path(source)] = target
    return binds


def published_by(service: dict) -> list[tuple[str, str, str]]:
    """(address, port of the machine, port of the container)"""
    published = []
    for port in service.get("ports", []):
        if isinstance(port, str):
            address, outside, inside = port.rsplit("/", 1)[0].rsplit(":", 2)
        else:
            address, outside, inside = port["host_ip"], port["published"], port["target"]
        published.append((address, str(outside), str(inside)))
    return published


def test_compose_services(composition):
    services = composition["services"]
    assert set(services) == {"entrepot", "prometheus", "grafana"}
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["restart"] == "unless-stopped", name
        assert service["logging"]["options"]["max-size"], name
        # All ports are for this machine only until an operator changes it; /metrics is never
        # published.
        for address, _, inside in published_by(service):
            assert address == "127.0.0.1" and inside != str(ADMIN_PORT), name
        if name != "entrepot":  # its image has one
            assert service["healthcheck"]["test"], name
            assert re.search(r":v?\d+\.\d+\.\d+$", service["image"]), name
    drain = re.search(r"timeouts\.drain=(\d+)s", str(services["entrepot"]["command"]))
    grace = re.fullmatch(r"(\d+)s", services["entrepot"]["stop_grace_period"])
    assert int(drain[1]) < int(grace[1])


def test_compose_mounts_existing_files(composition):
    services = composition["services"]
    assert binds_of(services["entrepot"]) == {DEPLOY / "docker": "/etc/entrepot"}
    if not any((DEPLOY / name).exists() for name in ("prometheus", "grafana")):
        pytest.skip("what Prometheus and Grafana are given is not here")
    missing = [path for service in services.values() for path in binds_of(service)
               if not path.exists()]
    assert not missing


def test_prometheus_and_grafana_find_each_other(composition):
    """The names in their files are those of compose.yaml."""
    if not any((DEPLOY / name).exists() for name in ("prometheus", "grafana")):
        pytest.skip("what Prometheus and Grafana are given is not here")
    services = composition["services"]
    prometheus, grafana = binds_of(services["prometheus"]), binds_of(services["grafana"])
    assert prometheus == {DEPLOY / "prometheus": "/etc/prometheus"}
    scraped = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    targets = [target for job in scraped["scrape_configs"] for static in job["static_configs"]
               for target in static["targets"]]
    assert targets == [f"entrepot:{ADMIN_PORT}"]
    for rules in scraped["rule_files"]:
        assert (DEPLOY / "prometheus" / rules).is_file(), rules

    provisioning = DEPLOY / "grafana" / "provisioning"
    assert grafana.pop(provisioning) == "/etc/grafana/provisioning"
    [[dashboard, place]] = grafana.items()
    [source] = provisioned(provisioning / "datasources", "datasources")
    assert source["url"] == "http://prometheus:9090"
    [provider] = provisioned(provisioning / "dashboards", "providers")
    assert place == f"{provider['options']['path']}/{dashboard.name}"


def provisioned(folder: Path, what: str) -> list[dict]:
    return [entry for file in folder.glob("*.yaml")
            for entry in yaml.safe_load(file.read_text())[what]]


# --- The service entrepot of compose.yaml, for real: its registry is behind TLS, under a name, and
# wants a password.

REGISTRY, MIRROR = "registry.test", f"http://127.0.0.1:{ENTREPOT_PORT}"


@pytest.fixture(scope="module")
def engine(image):
    with own_network():
        docker = Docker(MIRROR, bridge=True)
        try:
            docker("load", "--input", image.archive)
            yield docker
        finally:
            docker.stop()


class Service:
    """`docker compose up entrepot` with compose.yaml, except for the address of the registry."""

    def __init__(self, docker: Docker, directory: Path, changes: dict):
        self._docker = docker
        self.container = ""
        override = directory / "override.yaml"
        override.write_text(json.dumps({"services": {"entrepot": changes}}))  # JSON is YAML
        self._options = ["--project-name", "entrepot", "--file", COMPOSE, "--file", override]

    def __call__(self, *arguments: str) -> str:
        return self._docker.compose(*self._options, *arguments).stdout

    def up(self) -> None:
        self("up", "--detach", "--no-build", "entrepot")
        self.container = self("ps", "--quiet", "--all", "entrepot").split()[-1]

    def down(self) -> None:
        self("down", "--volumes", "--timeout", "2")

    @property
    def log(self) -> str:
        return self._docker("logs", self.container).stdout

    def state(self) -> dict:
        return json.loads(self._docker("inspect", "--format", "{{json .State}}",
                                       self.container).stdout)

    def health(self) -> str:
        return self.state()["Health"]["Status"]

    def entrepot(self, *arguments: str) -> str:
        return self._docker("exec", self.container, "entrepot", *arguments).stdout


@pytest.fixture
def registry(engine, image_store):
    one = DockerRegistry(image_store)
    yield one
    one.stop()


@pytest.fixture
def front(registry, tmp_path):
    authority = Authority(tmp_path / "ca")
    tls = authority.server(hosts=(f"DNS:{REGISTRY}",))
    one = secured_front(registry, tls, {"robot": "p4ssword"}, host=HERE)
    one.role.realm = f"https://{REGISTRY}:{one.port}/token"
    one.authority = authority
    yield one
    one.stop()
    assert not one.errors, one.errors


@pytest.fixture
def service(engine, front, composition, tmp_path):
    password = tmp_path / "password"
    password.write_text("p4ssword")
    password.chmod(0o400)
    os.chown(password, USER, USER)
    upstream = "upstreams.docker.io."
    one = Service(engine, tmp_path, {
        "command": [*composition["services"]["entrepot"]["command"],
                    "-s", f'{upstream}endpoints=[{{"url":"https://{REGISTRY}:{front.port}"}}]',
                    "-s", f'{upstream}credentials=[{{"username":"robot",'
                          '"password_file":"/run/secrets/registry"}]',
                    # Due at once: pulls must survive a stopped registry even if no tag is fresh.
                    "-s", f"{upstream}tags.fresh_for=1s"],
        "extra_hosts": [f"{REGISTRY}:{HERE}"],
        # The service trusts the authorities of the system.
        "volumes": [f"{front.authority.certificate}:/etc/ssl/certs/ca-certificates.crt:ro",
                    f"{password}:/run/secrets/registry:ro"],
        "healthcheck": {"interval": "1s"},
    })
    one.up()
    yield one
    if one.state()["Status"] != "running" or os.environ.get("ENTREPOT_SHOW_LOG"):
        print(one.log)
    one.down()


def test_service_is_healthy_pulls_and_stops(service, engine, front, registry):
    eventually(lambda: service.health() == "healthy", what="health")
    pull_and_run(engine)
    gets = registry.gets("blobs")
    assert gets and set(gets.values()) == {1}
    assert "docker.io" in service.entrepot("cache", "ls", "--config", "/etc/entrepot/entrepot.json")

    # Requests as from Prometheus, in another container, and as from an operator after a change.
    assert engine("run", "--rm", "--network", "entrepot_default", IMAGE, "health", "--address",
                  f"entrepot:{ADMIN_PORT}").stdout == "ok\n"
    service("kill", "-s", "HUP", "entrepot")
    eventually(lambda: "SIGHUP: nothing has changed" in service.log, what="the reload")

    # A reply in progress at SIGTERM ends whole, and the process ends by itself.
    digest = largest_layer()
    with client.Connection(ENTREPOT_PORT) as connection:
        connection.send_request("GET", f"/v2/{rootfs.DEBIAN}/blobs/{digest}")
        body = connection.read_body(connection.read_head())
        sha = hashlib.sha256(next(body))
        with stopping(engine, service):
            eventually(lambda: "draining" in service.log, what="draining")
            for data in body:
                sha.update(data)
    assert f"sha256:{sha.hexdigest()}" == digest
    state = service.state()
    assert (state["Status"], state["ExitCode"]) == ("exited", 0), service.log
    assert "cutting" not in service.log

    # The next container has the stored objects of this one, without the registry.
    engine("rmi", f"{rootfs.LAYERS}:latest")
    front.go_down()
    service.up()
    eventually(lambda: service.health() == "healthy", what="health")
    pull_and_run(engine)


def pull_and_run(engine) -> None:
    """Only that registry has its name."""
    engine("pull", f"{rootfs.LAYERS}:latest")
    assert engine("run", "--rm", rootfs.LAYERS).stdout == rootfs.BUSYBOX_SAYS + "\n"


class stopping:
    """`docker stop` while the block runs; at the end the exit code must be 0."""

    def __init__(self, docker: Docker, service: Service):
        self._command = ["docker", "--host", docker.address, "stop", service.container]

    def __enter__(self):
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)

    def __exit__(self, *_):
        assert self._process.wait(60) == 0


def largest_layer() -> str:
    manifest = client.get(ENTREPOT_PORT, f"/v2/{rootfs.DEBIAN}/manifests/latest").json()
    layer = max(manifest["layers"], key=lambda layer: layer["size"])
    assert layer["size"] >= LARGEST_LAYER
    return layer["digest"]


def test_health_check_can_fail(engine):
    """No process answers on the admin port: the container runs and is not healthy."""
    container = engine("run", "--detach", "--read-only", "--health-interval", "1s",
                       "--health-retries", "1", "--health-start-period", "1ms", IMAGE,
                       "serve", "-s", "cache.directory=/var/lib/entrepot", "-s",
                       "admin=null").stdout.strip()
    status = ("inspect", "--format", "{{.State.Status}} {{.State.Health.Status}}", container)
    eventually(lambda: engine(*status).stdout.strip() == "running unhealthy", what="unhealthy")
    engine("rm", "--force", "--volumes", container)
