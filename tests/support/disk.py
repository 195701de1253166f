# SPDX-License-Identifier: Apache-2.0
"""Disks of one test: small ext4 file systems that fill up, fail and are repaired, and files that
are not in memory."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

import pytest

from .content import MIB


def run(*command) -> subprocess.CompletedProcess:
    return subprocess.run([str(word) for word in command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)


class Disk:
    """An ext4 file system in a file, mounted at `place`."""

    def __init__(self, directory: Path, size: int, inodes: int | None = None):
        if os.geteuid() != 0:
            pytest.skip("mounting needs root")
        self.image, self.place = directory / "disk.img", directory / "disk"
        self.place.mkdir()
        with self.image.open("wb") as file:
            file.truncate(size)
        options = ["-N", inodes] if inodes else []
        made = run("mkfs.ext4", "-q", "-F", "-m", "0", *options, self.image)
        assert made.returncode == 0, made.stdout
        mounted = self._mount()
        if mounted.returncode != 0:
            pytest.skip(f"no loop mounts here: {mounted.stdout.strip()}")

    def _mount(self) -> subprocess.CompletedProcess:
        return run("mount", "-o", "loop,errors=remount-ro", self.image, self.place)

    @property
    def device(self) -> str:
        return run("findmnt", "-n", "-o", "SOURCE", self.place).stdout.strip().split("/")[-1]

    @property
    def numbers(self) -> str:
        """The numbers of the device, as control groups name it."""
        device = os.stat(self.place).st_dev
        return f"{os.major(device)}:{os.minor(device)}"

    def read_ahead(self, kib: int) -> None:
        """Sets how far ahead the kernel reads; a machine's default is anything from 128 KiB to 8
        MiB."""
        Path(f"/sys/block/{self.device}/queue/read_ahead_kb").write_text(str(kib))

    def fill(self) -> Path:
        """Another writer fills the disk to the last byte."""
        filler = self.place / "filler"
        with filler.open("wb", buffering=0) as file:
            for piece in (MIB, 4096, 1):
                self._until_full(lambda: file.write(b"x" * piece))
            os.fsync(file.fileno())
        return filler

    def take_inodes(self) -> Path:
        """Another writer takes all the inodes; there is room for bytes."""
        folder = self.place / "many"
        folder.mkdir()
        numbers = iter(range(1_000_000))
        self._until_full(lambda: (folder / str(next(numbers))).touch())
        return folder

    @staticmethod
    def _until_full(step) -> None:
        try:
            while True:
                step()
        except OSError as error:
            assert error.errno == errno.ENOSPC, error

    def turn_read_only(self) -> None:
        """Makes ext4 read-only in the way it does itself when the device fails. The kernel refuses
        an operator's remount while files are open for writing."""
        Path(f"/sys/fs/ext4/{self.device}/trigger_fs_error").write_text("a test's")
        try:
            (self.place / "probe").touch()
        except OSError as error:
            assert error.errno == errno.EROFS, error
        else:
            raise AssertionError("still writable")

    def mend(self) -> None:
        """Unmounts, repairs and mounts the disk; no process may have a file open on it."""
        unmounted = run("umount", self.place)
        assert unmounted.returncode == 0, unmounted.stdout
        checked = run("e2fsck", "-f", "-y", self.image)
        assert checked.returncode <= 1, checked.stdout
        assert self._mount().returncode == 0

    def close(self) -> None:
        run("umount", "-l", self.place)
        self.image.unlink()


def forget(file: Path) -> None:
    """Takes a file out of the page cache: the next read goes to the disk."""
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)

