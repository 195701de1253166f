# SPDX-License-Identifier: Apache-2.0
"""A file system of its own in an image file, whose power can be cut.

The cut is FS_IOC_SHUTDOWN without a flush of the log: from then on nothing reaches the image, and
the next mount finds the state that a loss of power leaves. The image is a disk that keeps all that
it reported as written; test_power_cut.py tests a disk that does not, by a process without sync.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path

from .gate import DEADLINE, eventually

FS_IOC_SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = 2

MAKE = {"ext4": ["mkfs.ext4", "-q", "-F"], "xfs": ["mkfs.xfs", "-q"]}
SIZE = 320 << 20  # mkfs.xfs refuses less than 300 MiB; the file is sparse


class DiskImage:
    def __init__(self, directory: Path, kind: str, options: str = ""):
        directory.mkdir(parents=True)
        self.image = directory / "image"
        self.mountpoint = directory / "disk"
        self.mountpoint.mkdir()
        self._options = ",".join(filter(None, ["loop", "noatime", options]))
        with self.image.open("wb") as file:
            file.truncate(SIZE)
        self._run(*MAKE[kind], str(self.image))
        self.mount()

    def mount(self) -> None:
        self._run("mount", "-o", self._options, str(self.image), str(self.mountpoint))

    def cut_power(self) -> None:
        disk = os.open(self.mountpoint, os.O_RDONLY)
        try:
            fcntl.ioctl(disk, FS_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(disk)

    def unmount(self) -> None:
        """Waits for the last file to be closed: a killed process takes a moment for that."""
        eventually(lambda: subprocess.run(["umount", str(self.mountpoint)], check=False,
                                          capture_output=True).returncode == 0,
                   DEADLINE, f"{self.mountpoint} is unmounted")

    def power_again(self) -> None:
        self.unmount()
        self.mount()

    def remove(self) -> None:
        if self.mountpoint.is_mount():
            subprocess.run(["umount", "--lazy", str(self.mountpoint)], check=False)
        self.image.unlink(missing_ok=True)

    @staticmethod
    def _run(*command: str) -> None:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise OSError(f"{' '.join(command)}: {result.stderr.strip()}")


def why_not(kind: str) -> str | None:
    """The reason why this system cannot mount such a disk; None if it can."""
    if os.geteuid() != 0:
        return "mounting needs root"
    if not shutil.which(MAKE[kind][0]):
        return f"{MAKE[kind][0]} is not installed"
    with tempfile.TemporaryDirectory(prefix="disk-image-") as place:
        disk = None
        try:
            disk = DiskImage(Path(place) / "try", kind)
            disk.cut_power()
            disk.power_again()
        except OSError as error:  # containers: no loop devices, no right to mount
            return f"no {kind} image can be mounted and cut off here: {error}"
        finally:
            if disk:
                disk.unmount()
    return None
