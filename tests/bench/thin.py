# SPDX-License-Identifier: Apache-2.0
"""A registry behind a thin link: nginx with files in a network of its own, from which a pair of
virtual interfaces leads into the caller's, shaped on the registry's side."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from pathlib import Path

from nginx import Nginx
from support.daemon import run_command
from support.network import own_network

HERE, THERE = "10.89.1.1", "10.89.1.2"
# The size of a full segment on the link divided by its payload: Ethernet, IP and TCP with
# timestamps.
FRAME = 1514 / 1448

_REGISTRY = """
  log_format all '$request_method $status $uri';
  server {{
    listen %s:{port};
    listen 127.0.0.1:{port};
    access_log {directory}/access.log all;
    root {root};
    location = /v2/ {{ default_type application/json; return 200 '{{}}'; }}
    location / {{ default_type application/octet-stream; }}
  }}
""" % THERE


class ThinLink:
    """The registry and its end of the link."""

    def __init__(self, root: Path, directory: Path):
        self._registry = Nginx(directory, _REGISTRY, 1, root=root)
        self._log = directory / "access.log"
        self._link_before = 0
        self.port = self._registry.port
        self.origin = f"http://{THERE}:{self.port}"

    def set_rate(self, rate: float) -> None:
        """Sets the rate of the link, in bytes of bodies per second."""
        run_command("nsenter", f"--net=/proc/{self._registry.pids[0]}/ns/net",
                    "tc", "qdisc", "replace", "dev", "there", "root", "tbf",
                    "rate", f"{rate * FRAME:.0f}bps", "burst", "64kb", "latency", "100ms")

    def forget(self) -> None:
        """Counts bytes from here."""
        self._log.write_bytes(b"")
        self._link_before = self._received()

    def link_bytes(self) -> int:
        """The bytes received over the link, with the headers of the kernel's large segments."""
        return self._received() - self._link_before

    @staticmethod
    def _received() -> int:
        counted = Path("/proc/thread-self/net/dev").read_text("ascii")
        return int(re.search(r"^\s*here:\s*(\d+)", counted, re.MULTILINE)[1])

    def gets(self, target: str) -> int:
        """The number of finished GETs of the target, whole or in part."""
        return len(re.findall(rf"(?m)^GET 20\d {re.escape(target)}$", self._log.read_text()))

    def stop(self) -> None:
        self._registry.stop()


@contextmanager
def thin_link(root: Path, directory: Path):
    """While it lasts, the calling thread and all it starts are in a network whose only way out is
    the link. It goes with the registry, the last that holds its other end."""
    with own_network():
        with open("/proc/self/ns/net", "rb") as here:
            way = f"/proc/{os.getpid()}/fd/{here.fileno()}"
            with own_network():
                run_command("ip", "link", "add", "there", "type", "veth", "peer", "name", "here")
                run_command("ip", "link", "set", "here", "netns", way)
                run_command("ip", "address", "add", f"{THERE}/30", "dev", "there")
                run_command("ip", "link", "set", "there", "up")
                link = ThinLink(root, directory)
        try:
            run_command("ip", "address", "add", f"{HERE}/30", "dev", "here")
            run_command("ip", "link", "set", "here", "up")
            yield link
        finally:
            link.stop()
