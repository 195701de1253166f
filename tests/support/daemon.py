# SPDX-License-Identifier: Apache-2.0
"""Other programs as background processes: engines and registries."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path

from .entrepot import Log
from .gate import DEADLINE


# Ends a started program when the test is killed, for example by a timeout of CTest.
DIES_WITH_THE_TEST = ["setpriv", "--pdeathsig", "TERM"]


class Daemon:
    """A program that the constructor starts; stop() ends this process and no other."""

    def __init__(self, *command: str | Path, env: dict[str, str] | None = None):
        self.command = [str(word) for word in command]
        self.log = Log()
        self._process = subprocess.Popen(
            [*DIES_WITH_THE_TEST, *self.command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace",
            env={**os.environ, **(env or {})})
        self._reader = threading.Thread(target=self.log.read_from, args=(self._process.stdout,),
                                        daemon=True)
        self._reader.start()

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def stop(self, timeout: float = DEADLINE) -> None:
        if self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None


def run_command(*command: str | Path, timeout: float = 300, check: bool = True,
                env: dict[str, str] | None = None) -> subprocess.CompletedProcess:
    """Runs a command and returns its output and exit code; with `check`, a failure fails the test
    with the output."""
    result = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            errors="replace", timeout=timeout, check=False,
                            env={**os.environ, **(env or {})})
    assert not check or result.returncode == 0, (
        f"{' '.join(map(str, command))}: exit {result.returncode}\n{result.stdout}")
    return result


class ShortDirectory:
    """A directory with a short name, because socket paths end at 107 bytes. It unmounts all that an
    engine left mounted in it before it is removed."""

    def __init__(self, prefix: str):
        self.path = Path(tempfile.mkdtemp(prefix=f"entrepot-{prefix}-", dir="/tmp"))

    def remove(self) -> None:
        mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
        for mount in sorted(mounts, reverse=True):
            if mount.startswith(f"{self.path}/"):
                subprocess.run(["umount", "--lazy", mount], check=False)
        shutil.rmtree(self.path, ignore_errors=True)
