# SPDX-License-Identifier: Apache-2.0
"""Mirrors that an operator would run instead, each set up as a cache of registries that its users
would call well tuned. All have the same life: made for an origin, started with an empty cache,
queried, stopped."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from harness import Site
from nginx import Nginx, cpu_seconds
from support import client, ports
from support.daemon import Daemon

GIB = 1 << 30
DEADLINE = 30


class Peer:
    """`port` answers on `host`."""

    name = ""
    host, port = "127.0.0.1", 0

    def pids(self) -> list[int]:
        raise NotImplementedError

    def stop(self) -> None:
        raise NotImplementedError

    def setup(self) -> str:
        """The configuration that its user would have to write for the same setup."""
        raise NotImplementedError

    def stored(self) -> list[Path]:
        """The files of its cache that hold large bodies."""
        raise NotImplementedError

    def cache(self) -> Path:
        """The path of its whole cache: a directory or a file."""
        raise NotImplementedError

    def disk(self) -> int:
        """The bytes that its cache takes on the disk."""
        if self.cache().is_file():
            return on_disk(self.cache())
        return sum(on_disk(Path(directory, name)) for directory, _, files in os.walk(self.cache())
                   for name in [".", *files])

    def cpu(self) -> float:
        return cpu_seconds(self.pids())

    def memory(self) -> dict[str, int]:
        """Bytes by kind, the sum over its processes."""
        total: dict[str, int] = {}
        for pid in self.pids():
            status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
            for kind, value in re.findall(r"^(VmRSS|Rss\w+):\s+(\d+) kB$", status, re.MULTILINE):
                total[kind] = total.get(kind, 0) + 1024 * int(value)
        return total


def wait_for_answer(port: int, process: Daemon) -> None:
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline and process.running:
        try:
            client.get(port, "/v2/")
            return
        except (ConnectionError, TimeoutError):
            time.sleep(0.02)
    raise RuntimeError(f"no answer on port {port}: {process.log.text[-2000:]}")


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [pid, *map(int, found)]


class Entrepot(Peer):
    def __init__(self, site: Site, origin: str, loops: int = 0, **changes):
        self.name = "Entrepot" if not loops else f"Entrepot, {loops} loop{'s' if loops > 1 else ''}"
        changes.setdefault("threads", {"serve": loops, "fetch": 1, "store": 4})
        self._site = site
        self.process = site.entrepot(origin, **changes)
        self.port = self.process.port

    def pids(self) -> list[int]:
        return [self.process.pid]

    def stop(self) -> None:
        self._site.close(self.process)
        shutil.rmtree(self.process.directory)

    def setup(self) -> str:
        return json.dumps(self.process.config, indent=2)

    def stored(self) -> list[Path]:
        return files_below(self.cache() / "blobs")

    def cache(self) -> Path:
        return Path(self.process.config["cache"]["directory"])


class NginxCache(Peer):
    """proxy_cache with its lock, two workers. With `slice`, as recipes against its slow first byte of
    large bodies have it: bodies are fetched and kept in pieces."""

    def __init__(self, site: Site, origin: str, sliced: bool = False, size: int = 20 * GIB,
                 connections: int = 4096):
        self.name = "nginx, slices" if sliced else "nginx"
        self._directory = new_directory(site, "nginx")
        self._server = Nginx.cache(self._directory, origin, sliced=sliced, size=size,
                                   connections=connections)
        self.port = self._server.port

    def pids(self) -> list[int]:
        return self._server.pids

    def stop(self) -> None:
        self._server.stop()
        shutil.rmtree(self._directory)

    def setup(self) -> str:
        return (self._directory / "nginx.conf").read_text()

    def stored(self) -> list[Path]:
        return files_below(self.cache())

    def cache(self) -> Path:
        return self._directory / "cache"

    def look_at_size(self) -> None:
        self._server.look_at_size()


class ProcessPeer(Peer):
    """A peer that is a command of Debian's."""

    def __init__(self, site: Site, kind: str):
        self.directory = new_directory(site, kind)
        self.port = ports.keep()
        self._process: Daemon | None = None

    def launch(self, *command: object) -> None:
        self._process = Daemon(*command)
        wait_for_answer(self.port, self._process)

    def pids(self) -> list[int]:
        return children(self._process.pid)

    def cache(self) -> Path:
        return self.directory / "cache"

    def stop(self) -> None:
        self._process.stop()
        shutil.rmtree(self.directory, ignore_errors=True)


class Distribution(ProcessPeer):
    """docker-registry as a pull-through cache."""

    name = "distribution"

    def __init__(self, site: Site, origin: str):
        super().__init__(site, "distribution")
        self._config = {
            "version": 0.1, "log": {"level": "error", "accesslog": {"disabled": True}},
            "storage": {"filesystem": {"rootdirectory": str(self.directory / "cache")},
                        "cache": {"blobdescriptor": "inmemory"}, "delete": {"enabled": True}},
            "http": {"addr": f"{self.host}:{self.port}"},
            "proxy": {"remoteurl": origin}}
        file = self.directory / "config.yml"
        file.write_text(json.dumps(self._config, indent=2))  # JSON is YAML
        self.launch("docker-registry", "serve", file)

    def setup(self) -> str:
        return json.dumps(self._config, indent=2)

    def stored(self) -> list[Path]:
        return files_below(self.cache())


class Varnish(ProcessPeer):
    """Its cache is a file, as memory would not hold layers."""

    name = "varnish"

    def __init__(self, site: Site, origin: str, size: int = 8 * GIB, **parameters: object):
        """`parameters` as its option -p has them."""
        super().__init__(site, "varnish")
        parameters = {"thread_pool_min": 100, "thread_pool_max": 2000, **parameters}
        host, port = origin.removeprefix("http://").split(":")
        self._vcl = f"""vcl 4.1;
backend origin {{ .host = "{host}"; .port = "{port}"; .first_byte_timeout = 1h; }}
sub vcl_backend_response {{
  set beresp.ttl = 1d;
  set beresp.do_stream = true;
}}
"""
        file = self.directory / "cache.vcl"
        file.write_text(self._vcl)
        self._command = ["varnishd", "-F", "-j", "none", "-n", self.directory / "work",
                         "-a", f"{self.host}:{self.port}", "-T", "none", "-f", file,
                         "-s", f"file,{self.cache()},{size}",
                         *(f"-p{name}={value}" for name, value in parameters.items())]
        self.launch(*self._command)

    def setup(self) -> str:
        return f"{' '.join(map(str, self._command))}\n\n{self._vcl}"

    def stored(self) -> list[Path]:
        return [self.cache()]


def new_directory(site: Site, kind: str) -> Path:
    number = 0
    while (made := site.directory / f"{kind}-{number}").exists():
        number += 1
    made.mkdir()
    return made


def on_disk(path: Path) -> int:
    try:
        return 512 * path.lstat().st_blocks
    except FileNotFoundError:  # it has just been evicted
        return 0


def files_below(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]


ALL = {"Entrepot": Entrepot, "nginx": NginxCache, "varnish": Varnish, "distribution": Distribution}


@contextmanager
def fresh(lab, made: Callable[..., Peer], origin: str) -> Iterator[Peer]:
    """Runs a peer with an empty cache, which has answered a first request, while the block runs."""
    peer = made(lab, origin)
    try:
        lab.note_setup(peer)
        client.get(peer.port, "/v2/", host=peer.host)
        yield peer
    finally:
        peer.stop()


def versions() -> dict[str, str]:
    """The version of each compared program and of each measuring one, as it reports it."""
    def first(pattern: str, *command: str) -> str:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False)
        found = re.search(pattern, done.stdout)
        return found[1] if found else "unknown"
    return {
        "Entrepot": first(r"entrepot (\S+)", os.environ["ENTREPOT_BINARY"], "version"),
        "nginx": first(r"nginx/(\S+)", "nginx", "-v"),
        "varnish": first(r"varnish-([\d.]+)", "varnishd", "-V"),
        "distribution": first(r"distribution (\S+)", "docker-registry", "--version"),
        "docker": first(r"version ([\w.+~-]+)", "docker", "--version"),
        "wrk": first(r"wrk (\S+)", "wrk", "-v"),
    }
