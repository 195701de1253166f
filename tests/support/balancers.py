# SPDX-License-Identifier: Apache-2.0
"""HAProxy and nginx in front of a mirror, each a process of the test."""

from __future__ import annotations

import socket
from pathlib import Path

from .daemon import Daemon
from .gate import eventually

# They connect to the mirror from here; clients of the tests are 127.0.0.1 and 127.0.0.2.
HAPROXY, NGINX = "127.0.0.9", "127.0.0.10"


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def started(port: int, *command: str | Path) -> Daemon:
    daemon = Daemon(*command)
    try:
        eventually(lambda: listens(port), what=f"{command[0]} listens")
    except BaseException:
        daemon.stop()
        print(daemon.log.text)
        raise
    return daemon


def haproxy(directory: Path, port: int, to: int, mode: str, server: str = "",
            lines: str = "") -> Daemon:
    """HAProxy on `port`; `server`: the options of its server, which is port `to`."""
    file = directory / "haproxy.cfg"
    file.write_text(f"""
global
  maxconn 100
defaults
  mode {mode}
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend clients
  bind 127.0.0.1:{port}
  default_backend mirror
backend mirror
  source {HAPROXY}
  {lines}
  server mirror 127.0.0.1:{to} {server}
""")
    return started(port, "haproxy", "-db", "-f", file)


NGINX_CONFIG = """
daemon off;
pid {directory}/nginx.pid;
error_log stderr;
{modules}
events {{ }}
{body}
"""
TEMPORARY = "".join(f"{kind}_temp_path {{directory}}/{kind};\n" for kind in
                    ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))


def _nginx(directory: Path, port: int, body: str, modules: str = "") -> Daemon:
    file = directory / "nginx.conf"
    file.write_text(NGINX_CONFIG.format(directory=directory, modules=modules, body=body))
    return started(port, "nginx", "-e", "stderr", "-c", file)


def nginx_http(directory: Path, port: int, to: int) -> Daemon:
    """As nginx's documentation has it for a proxy that appends to X-Forwarded-For."""
    return _nginx(directory, port, f"""
http {{
  access_log off;
  {TEMPORARY.format(directory=directory)}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://127.0.0.1:{to};
      proxy_bind {NGINX};
      proxy_buffering off;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }}
  }}
}}""")


def nginx_stream(directory: Path, port: int, to: int) -> Daemon:
    return _nginx(directory, port, f"""
stream {{
  server {{
    listen 127.0.0.1:{port};
    proxy_pass 127.0.0.1:{to};
    proxy_bind {NGINX};
    proxy_protocol on;
  }}
}}""", "load_module /usr/lib/nginx/modules/ngx_stream_module.so;")
