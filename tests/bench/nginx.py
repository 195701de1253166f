# SPDX-License-Identifier: Apache-2.0
"""nginx as the fast upstream and as the peer to compare with. Each instance is a process of our
own in a directory of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from support import ports

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"

_COMMON = """
daemon off;
pid {directory}/nginx.pid;
error_log {directory}/error.log warn;
worker_processes {workers};
worker_rlimit_nofile {files};
events {{ worker_connections {connections}; }}
http {{
  log_format asked "$request_method $uri $status $body_bytes_sent";
  access_log {log};
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000000;
  client_body_temp_path {directory}/t1; proxy_temp_path {directory}/t2;
  fastcgi_temp_path {directory}/t3; uwsgi_temp_path {directory}/t4; scgi_temp_path {directory}/t5;
  {http}
}}
"""

# A registry made of files: <root>/v2/<name>/{blobs,manifests}/<reference>.
_STATIC = """
  server {{
    listen 127.0.0.1:{port} reuseport;
    root {root};
    location = /v2/ {{ default_type application/json; return 200 '{{}}'; }}
    {tags}
    location ~ "/manifests/(sha256:[0-9a-f]+)$" {{
      default_type %(type)s;
      add_header Docker-Content-Digest $1;
    }}
    location ~ /manifests/ {{ default_type %(type)s; }}
    location / {{ default_type application/octet-stream; }}
  }}
""" % {"type": OCI_MANIFEST}

_TAG = """location = {target} {{
      default_type %s;
      add_header Docker-Content-Digest {digest};
    }}
    """ % OCI_MANIFEST

_CACHE = """
  proxy_cache_path {directory}/cache levels=2 keys_zone=all:16m max_size={size} inactive=1d
                   use_temp_path=off;
  upstream origin {{ server {origin}; keepalive 32; }}
  server {{
    listen 127.0.0.1:{port} {listen};
    location / {{
      proxy_pass http://origin;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_cache all;
      {key}
      proxy_cache_lock on;
      proxy_cache_lock_timeout 1h;
      proxy_cache_lock_age 1h;
      proxy_cache_valid 200 206 1d;
      proxy_max_temp_file_size 20480m;
    }}
  }}
"""


# A session cache as nginx's documentation has it; tickets are on by default.
_CACHE_TLS = """
  ssl_certificate {certificate};
  ssl_certificate_key {private_key};
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;  # the one that Entrepot prefers
  ssl_session_cache shared:tls:10m;
  ssl_session_timeout 6h;
""" + _CACHE

_WHOLE = "proxy_cache_key $request_uri;"
_SLICED = """slice 4m;
      proxy_cache_key $request_uri$slice_range;
      proxy_set_header Range $slice_range;"""


class Nginx:
    def __init__(self, directory: Path, http: str, workers: int, connections: int = 4096,
                 log: bool = False, **values):
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.port = ports.keep()
        self._access = directory / "access.log"
        body = http.format(directory=directory, port=self.port, **values)
        config = directory / "nginx.conf"
        # As root the workers would change user and could not read our directories.
        user = "user root;\n" if os.geteuid() == 0 else ""
        config.write_text(user + _COMMON.format(
            directory=directory, workers=workers, connections=connections, files=2 * connections,
            log=f"{self._access} asked" if log else "off", http=body))
        # It ends, with its workers, when the process that started it is killed.
        self._process = subprocess.Popen(["setpriv", "--pdeathsig", "TERM",
                                          "nginx", "-e", str(directory / "error.log"),
                                          "-c", str(config), "-p", str(directory)],
                                         stderr=subprocess.DEVNULL)
        self._wait()

    @classmethod
    def static(cls, directory: Path, root: Path, workers: int = 1,
               tags: dict[str, str] | None = None, log: bool = False) -> "Nginx":
        """`tags`: the digest of each manifest that is requested by a name, by its target. With
        `log`, it counts its requests."""
        locations = "".join(_TAG.format(target=target, digest=digest)
                            for target, digest in (tags or {}).items())
        return cls(directory, _STATIC, workers, log=log, root=root, tags=locations)

    @classmethod
    def cache(cls, directory: Path, origin: str, workers: int = 2, sliced: bool = False,
              size: int = 20 << 30, connections: int = 4096,
              tls: tuple[Path, Path] | None = None) -> "Nginx":
        """`origin` as host:port, or a URL of http; `connections` are each worker's; `tls`: the files
        of a certificate and its key."""
        listen = "reuseport" if tls is None else "reuseport ssl"
        return cls(directory, _CACHE if tls is None else _CACHE_TLS, workers, connections,
                   origin=origin.removeprefix("http://"), key=_SLICED if sliced else _WHOLE,
                   size=size, listen=listen, certificate=tls and tls[0], private_key=tls and tls[1])

    def _wait(self) -> None:
        for _ in range(500):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert self._process.poll() is None, (self.directory / "error.log").read_text()
                time.sleep(0.01)
        raise RuntimeError("nginx does not listen")

    @property
    def pids(self) -> list[int]:
        parent = self._process.pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        return [parent, *map(int, children)]

    def asked(self) -> list[tuple[str, str, int, int]]:
        """Method, path, status and bytes of the body of each reply until now."""
        return [(method, path, int(status), int(sent)) for method, path, status, sent in map(
            str.split, self._access.read_text(encoding="ascii").splitlines())]

    def look_at_size(self) -> None:
        """Makes nginx check the limit of the cache now. Its manager checks at its start, and then
        every ten seconds."""
        for pid in self.pids[1:]:
            if b"cache manager" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGTERM)  # another one is started at once

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(30)


def cpu_seconds(pids: list[int]) -> float:
    """Time on a core of whole processes, all threads: to the nanosecond, where /proc/<pid>/stat
    counts in steps of 10 ms. A thread that has ended is not counted."""
    total = 0
    for pid in pids:  # nginx's cache loader ends after a minute
        for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            try:
                total += int(task.read_text().split()[0])
            except (FileNotFoundError, ProcessLookupError):
                continue
    return total / 1e9
