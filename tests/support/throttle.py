# SPDX-License-Identifier: Apache-2.0
"""A control group whose processes read a disk slowly. The block layer delays their reads, so that
only a reader of data that is not in memory waits."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path("/sys/fs/cgroup")


class Throttle:
    def __init__(self):
        self._version_2 = (ROOT / "cgroup.controllers").exists()
        self._group = (ROOT if self._version_2 else ROOT / "blkio") / f"entrepot-{os.getpid()}"
        try:
            if self._version_2:
                (ROOT / "cgroup.subtree_control").write_text("+io")
            self._group.mkdir()
        except OSError as error:
            pytest.skip(f"no control group that slows a disk can be made here: {error}")

    def add(self, pid: int) -> None:
        (self._group / "cgroup.procs").write_text(str(pid))

    def reads(self, device: str, bytes_per_second: int) -> None:
        """`device` is "major:minor"."""
        if self._version_2:
            (self._group / "io.max").write_text(f"{device} rbps={bytes_per_second}")
        else:
            (self._group / "blkio.throttle.read_bps_device").write_text(
                f"{device} {bytes_per_second}")

    def stop_reads(self, device: str) -> None:
        """A page takes an hour, until reads() sets another rate."""
        self.reads(device, 1)

    def close(self) -> None:
        """Removes the group after its processes have ended."""
        self._group.rmdir()
