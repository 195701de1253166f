# SPDX-License-Identifier: Apache-2.0
"""Real container engines, each on directories and sockets of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import tempfile
import uuid
from pathlib import Path

from .daemon import Daemon, ShortDirectory, run_command

# The address that engines reach when they bypass the mirror: no process listens on it.
NOWHERE = "127.0.0.1:1"


class Containerd:
    """A containerd and its command line, ctr."""

    def __init__(self):
        self._directory = ShortDirectory("ctrd")
        path = self._directory.path
        self.address = path / "c.sock"
        config = path / "config.toml"
        config.write_text('version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n')
        self._daemon = Daemon("containerd", "--config", config, "--address", self.address,
                              "--root", path / "root", "--state", path / "state")
        self._daemon.log.wait_for("containerd successfully booted")

    def ctr(self, *arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess:
        return run_command("ctr", "--address", self.address, *arguments, check=check)

    def hosts(self, **options: str) -> Path:
        """A hosts.toml for docker.io: `mirror` is the URL, `override_path` as in the file. A
        request that the mirror does not answer fails."""
        directory = self._directory.path / f"hosts-{len(list(self._directory.path.iterdir()))}"
        (directory / "docker.io").mkdir(parents=True)
        lines = [f'server = "http://{NOWHERE}"', f'[host."{options["mirror"]}"]',
                 '  capabilities = ["pull", "resolve"]']
        if options.get("override_path"):
            lines.append("  override_path = true")
        (directory / "docker.io" / "hosts.toml").write_text("\n".join(lines) + "\n")
        return directory

    def pull(self, reference: str, hosts: Path, check: bool = True):
        return self.ctr("images", "pull", "--hosts-dir", hosts, reference, check=check)

    def run(self, reference: str) -> str:
        """The output of a container. Its name is unique, because the folder and the control group that runc
        makes for it are the same for every containerd of this machine."""
        return self.ctr("run", "--rm", "--net-host", reference, f"test-{uuid.uuid4().hex}").stdout

    def remove(self, reference: str) -> None:
        self.ctr("images", "remove", "--sync", reference)
        # The garbage collection that --sync waits for removes the content.
        assert reference not in self.ctr("images", "list", "--quiet").stdout.split()

    def content(self) -> set[str]:
        return set(self.ctr("content", "list", "--quiet").stdout.split())

    def stop(self) -> None:
        self._daemon.stop()
        self._directory.remove()


class Docker:
    """A dockerd with the given mirrors, or the given daemon.json, on a containerd of its own. With
    `bridge`, its containers may have networks of their own: for a test that has one, see
    support.network."""

    def __init__(self, *mirrors: str, config: Path | None = None, bridge: bool = False):
        self.containerd = Containerd()
        self._directory = ShortDirectory("docker")
        path = self._directory.path
        if config is None:
            config = path / "daemon.json"
            config.write_text(json.dumps({"registry-mirrors": list(mirrors)}))
        self.address = f"unix://{path / 'd.sock'}"
        self._daemon = Daemon(
            "dockerd", "--config-file", config, "--host", self.address,
            "--containerd", self.containerd.address, "--data-root", path / "data",
            "--exec-root", path / "exec", "--pidfile", path / "pid", "--storage-driver", "overlay2",
            "--iptables=false", "--ip-masq=false", *(() if bridge else ("--bridge=none",)))
        self._daemon.log.wait_for("API listen on", timeout=60)
        self._config = path / "client"

    def __call__(self, *arguments: str | Path, **options) -> subprocess.CompletedProcess:
        return run_command("docker", "--config", self._config, "--host", self.address, *arguments,
                           **options)

    def compose(self, *arguments: str | Path) -> subprocess.CompletedProcess:
        return run_command(*compose_command(), *arguments, env={"DOCKER_HOST": self.address})

    def reload(self) -> None:
        """Reloads the configuration, as `systemctl reload docker` does."""
        self._daemon.signal(signal.SIGHUP)
        self._daemon.log.wait_for("Reloaded configuration")

    def run(self, reference: str) -> str:
        return self("run", "--rm", "--network", "host", reference).stdout

    def remove_all(self) -> None:
        """Requires that no layer is left."""
        self("system", "prune", "--all", "--force")
        assert self("images", "--quiet", "--all").stdout == ""

    def stop(self) -> None:
        self._daemon.stop(60)
        self.containerd.stop()
        self._directory.remove()


def compose_command() -> list[str]:
    """A plugin of docker on newer systems, a program of its own on older ones."""
    plugin = run_command("docker", "compose", "version", check=False).returncode == 0
    return ["docker", "compose"] if plugin else ["docker-compose"]


class Podman:
    """podman and skopeo with a registries.conf in which docker.io has the given mirror, or with the
    given registries.conf."""

    def __init__(self, mirror: str = "", registries: Path | None = None):
        self._directory = ShortDirectory("podman")
        path = self._directory.path
        self.path = path
        conf = registries or path / "registries.conf"
        if registries is None:
            conf.write_text(f"""
unqualified-search-registries = []
[[registry]]
prefix = "docker.io"
location = "{NOWHERE}"
insecure = true
  [[registry.mirror]]
  location = "{mirror}"
  insecure = true
""")
        policy = path / "policy.json"
        policy.write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
        # podman pulls only the missing files of a layer in zstd:chunked.
        storage = path / "storage.conf"
        storage.write_text(f"""
[storage]
driver = "overlay"
graphroot = "{path}/root"
runroot = "{path}/run"
[storage.options]
pull_options = {{enable_partial_images = "true", use_hard_links = "false", ostree_repos = ""}}
""")
        self._policy, self._registries = policy, conf
        # The default locks are in /dev/shm, the same for every podman of this machine.
        (path / "containers.conf").write_text('[engine]\nlock_type = "file"\n')
        # The default file is in /run: a login there would be another test's as well, whose mirror
        # has the same port.
        logins = path / "auth.json"
        logins.write_text("{}")
        self._environment = {"CONTAINERS_REGISTRIES_CONF": str(conf),
                             "CONTAINERS_STORAGE_CONF": str(storage),
                             "CONTAINERS_CONF": str(path / "containers.conf"),
                             "REGISTRY_AUTH_FILE": str(logins),
                             "TMPDIR": str(path), "HOME": str(path)}

    def podman(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess:
        return run_command(
            "podman", "--tmpdir", self.path / "tmp",
            # crun, the default, refuses systems with cgroups of both versions.
            "--runtime", "runc", "--cgroup-manager", "cgroupfs", "--events-backend", "file",
            *arguments,
            env=self._environment, check=check)

    def pull(self, reference: str, *more: str, check: bool = True) -> subprocess.CompletedProcess:
        return self.podman("pull", "--signature-policy", str(self._policy), *more, reference,
                           check=check)

    def push(self, reference: str, to: str, *more: str) -> None:
        self.podman("push", "--signature-policy", str(self._policy), "--tls-verify=false", *more,
                    reference, f"docker://{to}")

    def run(self, reference: str) -> str:
        # Its default limits are higher than ours, and not every system allows it to raise them.
        return self.podman("run", "--rm", "--network", "host", "--ulimit", "nofile=1024:1024",
                           "--ulimit", "nproc=1024:1024",
                           "--pull", "never", reference).stdout

    def skopeo_command(self, *arguments: str | Path) -> list[str]:
        return ["skopeo", "--policy", str(self._policy), "--registries-conf",
                str(self._registries), *map(str, arguments)]

    def skopeo(self, *arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess:
        return run_command(*self.skopeo_command(*arguments), env=self._environment, check=check)

    @property
    def environment(self) -> dict[str, str]:
        return self._environment

    def directory(self, prefix: str) -> Path:
        return Path(tempfile.mkdtemp(prefix=prefix, dir=self.path))

    def stop(self) -> None:
        # podman itself ends a stopped pause or conmon of a failed test.
        self.podman("rm", "--all", "--force", check=False)
        self._directory.remove()


def stored_blobs(directory: Path) -> set[str]:
    """Digests of the blobs in files of an Entrepot's cache."""
    return {f"sha256:{file.name}" for file in (directory / "blobs" / "sha256").rglob("*")
            if file.is_file()}
