# SPDX-License-Identifier: Apache-2.0
"""Archives whose bits depend on their contents alone: sorted names, the time of the commit
(SOURCE_DATE_EPOCH), owners and modes by rule."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from pathlib import Path

EPOCH = int(os.environ["SOURCE_DATE_EPOCH"])


class Archive:
    """A tar file in memory, of some 50 MB at most. Names have no leading slash."""

    def __init__(self):
        self._entries: dict[str, tuple[tarfile.TarInfo, bytes]] = {}

    def _add(self, name: str, kind: bytes, mode: int, owner: int) -> tarfile.TarInfo:
        parent = name.rpartition("/")[0]
        if parent and parent not in self._entries:
            self.add_folder(parent)
        info = tarfile.TarInfo(name)
        info.type, info.mode, info.mtime, info.uid, info.gid = kind, mode, EPOCH, owner, owner
        return info

    def add_folder(self, name: str, owner: int = 0) -> None:
        self._entries[name] = (self._add(name, tarfile.DIRTYPE, 0o755, owner), b"")

    def add_link(self, name: str, target: str) -> None:
        info = self._add(name, tarfile.SYMTYPE, 0o777, 0)
        info.linkname = target
        self._entries[name] = (info, b"")

    def add_file(self, name: str, data: bytes, executable: bool = False) -> None:
        info = self._add(name, tarfile.REGTYPE, 0o755 if executable else 0o644, 0)
        info.size = len(data)
        self._entries[name] = (info, data)

    def add_tree(self, folder: Path, prefix: str = "") -> None:
        """Everything below a folder, below a prefix that ends with a slash."""
        for path in sorted(folder.rglob("*")):
            name = prefix + path.relative_to(folder).as_posix()
            if path.is_symlink():
                self.add_link(name, os.readlink(path))
            elif path.is_dir():
                self.add_folder(name)
            else:
                self.add_file(name, path.read_bytes(), bool(path.stat().st_mode & 0o100))

    def tar(self) -> bytes:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
            for name in sorted(self._entries):
                info, data = self._entries[name]
                tar.addfile(info, io.BytesIO(data))
        return out.getvalue()


def gzipped(data: bytes) -> bytes:
    return gzip.compress(data, 6, mtime=EPOCH)


def fields(text: str) -> dict[str, str]:
    """The first line of each field of a Debian control file."""
    return dict(line.split(": ", 1) for line in text.splitlines() if ": " in line and line[0] != " ")
