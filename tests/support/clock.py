# SPDX-License-Identifier: Apache-2.0
"""A wall clock of one process that the test moves, by libfaketime."""

from __future__ import annotations

from pathlib import Path

LIBRARY = next(Path("/usr/lib").glob("**/faketime/libfaketimeMT.so.1"), None)


class Clock:
    def __init__(self, path: Path):
        self._path = path
        self._used_by: list[int] = []
        self.step(0)

    def start(self, entrepot):
        self._used_by.append(entrepot.start().pid)
        return entrepot

    def remove(self) -> None:
        """libfaketime makes these by the number of the process and leaves them when the process ends by
        itself; a later process of that number could not start with it."""
        for pid in self._used_by:
            for kind in ("faketime_shm", "sem.faketime_sem"):
                Path(f"/dev/shm/{kind}_{pid}").unlink(missing_ok=True)

    def step(self, seconds: int) -> None:
        """Sets the offset of the clock in seconds, backwards or forwards."""
        new = self._path.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.rename(self._path)

    def environ(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(LIBRARY), "FAKETIME_TIMESTAMP_FILE": str(self._path),
                "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                "DONT_FAKE_MONOTONIC": "1"}
