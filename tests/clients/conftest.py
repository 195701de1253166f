# SPDX-License-Identifier: Apache-2.0
"""Real engines pull real images through the built binary from a real registry."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from support import rootfs  # noqa: E402
from support.config import settings  # noqa: E402
from support.docker_registry import DockerRegistry, secured_front  # noqa: E402
from support.entrepot import Entrepot  # noqa: E402
from support.tls import Authority  # noqa: E402

USER, PASSWORD = "robot", "p4ssword"


def pytest_collection_modifyitems(items):
    if os.geteuid() != 0:
        for item in items:
            item.add_marker(pytest.mark.skip(reason="container engines need root"))


@pytest.fixture(scope="session")
def image_store() -> Path:
    build = os.environ.get("ENTREPOT_BUILD_DIR")
    assert build, "ENTREPOT_BUILD_DIR is not set: run the tests by ctest or tests/run.sh"
    return rootfs.store(Path(build))


@dataclass
class Site:
    """A registry, its address for clients, and the mirror before it."""

    registry: DockerRegistry
    entrepot: Entrepot
    front: object = None

    def upstream_goes_down(self) -> None:
        if self.front:
            self.front.go_down()
        self.registry.stop()

    def assert_fetched_once(self) -> None:
        """Each blob came from the registry by one GET, each manifest by one as well."""
        for kind in ("blobs", "manifests"):
            gets = self.registry.gets(kind)
            assert gets, f"the mirror was bypassed: no {kind} requested"
            assert set(gets.values()) == {1}, gets

    def engines_seen(self) -> set[str]:
        """The programs of clients that the mirror has recognised."""
        return {labels["engine"] for name, labels, value in self.entrepot.metrics().samples
                if name == "entrepot_last_request_timestamp_seconds" and value > 0}

    @property
    def mirror(self) -> str:
        return f"http://{self.entrepot.address}"


@pytest.fixture
def registry(image_store):
    one = DockerRegistry(image_store)
    yield one
    one.stop()


@pytest.fixture(params=["plain", "secured"])
def site(request, registry, tmp_path):
    """The mirror of a plain registry, and of one behind TLS and tokens."""
    front = None
    upstream = {"endpoint": registry.url}
    if request.param == "secured":
        authority = Authority(tmp_path / "ca")
        password = tmp_path / "password"
        password.write_text(PASSWORD)
        password.chmod(0o600)
        front = secured_front(registry, authority.server(), {USER: PASSWORD})
        upstream = {"endpoint": front, "ca_file": str(authority.certificate),
                    "credentials": [{"username": USER, "password_file": str(password)}]}
    entrepot = start(tmp_path, upstream)
    yield Site(registry, entrepot, front)
    stop(request, entrepot)
    if front:
        front.stop()
        assert not front.errors, front.errors


@pytest.fixture
def plain_site(request, registry, tmp_path):
    entrepot = start(tmp_path, {"endpoint": registry.url})
    yield Site(registry, entrepot)
    stop(request, entrepot)


def start(directory: Path, upstream: dict) -> Entrepot:
    # Due at once: pulls must survive a stopped upstream even if no tag is fresh.
    upstream["tags"] = {"fresh_for": "1s", "stale_for": "1d"}
    config = settings(directory / "cache", {"docker.io": upstream},
                      timeouts={"first_byte": "60s", "stall": "60s", "drain": "2s"})
    return Entrepot(directory, config).start()


def stop(request, entrepot: Entrepot) -> None:
    entrepot.close()
    if getattr(request.node, "failed", False):
        print(entrepot.log.text)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when == "call":
        item.failed = outcome.get_result().failed
