# SPDX-License-Identifier: Apache-2.0
"""A start without threads, without standard descriptors, or with a folder that cannot be read to
its end; and such a folder in a running process."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from support import content
from support.checks import REPOSITORY, assert_hit, assert_whole, blob_target
from support.entrepot import EXIT_RESTART, binary, environment
from support.gate import DEADLINE, eventually
from support.keeping import settled

SANITIZED = bool(os.environ.get("ENTREPOT_SANITIZE"))
traced = pytest.mark.skipif(SANITIZED, reason="LeakSanitizer does not work under a tracer")


def cache_of(entrepot) -> Path:
    return Path(entrepot.config["cache"]["directory"])


# --- Threads.

THREADS = {"serve": 2, "fetch": 2, "store": 3}


def traced_start(entrepot, trace: Path, *inject: str) -> subprocess.Popen:
    """The process ends by itself, or after the line that says that it serves."""
    entrepot.config_path.write_text(json.dumps(entrepot.config))
    return subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", "strace", "-D", "-f", "-o", str(trace), "-e",
         "trace=clone,clone3", *inject, binary(), "serve", "--config", str(entrepot.config_path)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env=environment())


@traced
def test_no_thread_can_start(prepare, tmp_path):
    """The first, the second, one of the store pool's or the last thread and all later ones fail:
    one line, and the exit code that requests a restart, which may find threads again."""
    entrepot, trace = prepare(threads=THREADS), tmp_path / "trace"
    process = traced_start(entrepot, trace)
    while "listening on" not in (line := process.stderr.readline()):
        assert line, "it has not begun to serve"
    process.terminate()
    process.communicate(timeout=DEADLINE)
    assert process.returncode == 0
    started = sum(" = -1 " not in line for line in trace.read_text().splitlines()
                  if re.search(r"\bclone3?\(|clone3? resumed", line) and "unfinished" not in line)
    rehearsed = sum(THREADS.values()) + 2 + 20
    for first in (1, 2, 1 + rehearsed + 2, started):
        shutil.rmtree(cache_of(entrepot))  # the files of an index decide how many threads open it
        process = traced_start(entrepot, trace, "-e",
                               f"inject=clone,clone3:error=EAGAIN:when={first}+")
        _, said = process.communicate(timeout=DEADLINE)
        assert process.returncode == EXIT_RESTART, (first, said)
        lines = [line for line in said.splitlines() if "Resource temporarily unavailable" in line]
        cache_of(entrepot).mkdir(parents=True, exist_ok=True)
        assert len(lines) == 1 and "terminate called" not in said, (first, said)


# --- Descriptors.


def test_closed_standard_descriptors(prepare):
    """They are /dev/null, not a socket or a file of the process."""
    entrepot = prepare(log={"level": "debug"})
    entrepot.config_path.write_text(json.dumps(entrepot.config))
    process = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", "sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", binary(),
         "serve", "--config", str(entrepot.config_path)], env=environment())
    try:
        eventually(lambda: (cache_of(entrepot) / "index" / "CURRENT").exists(), what="an index")
        for number in range(3):
            assert os.readlink(f"/proc/{process.pid}/fd/{number}") == "/dev/null"
    finally:
        process.terminate()
        code = process.wait(DEADLINE)
    assert code == 0


# --- Folders of which the disk returns only a part.


def assert_serves(entrepot, upstream, seed: int) -> None:
    blob = upstream.add_blob(REPOSITORY, content.blob(300_000, seed=seed))
    assert_whole(entrepot.get(blob_target(blob)), blob)
    settled(entrepot)
    assert_hit(entrepot.get(blob_target(blob)), blob)


@traced
@pytest.mark.parametrize("folder", ["index", "quarantine"])
def test_folder_that_fails_while_it_serves(start, upstream, failing, folder):
    entrepot = start()
    path = cache_of(entrepot) / folder
    path.mkdir(exist_ok=True)
    (path / "something").write_text("x")
    tracer = failing(entrepot, "getdents64", "error=EIO:when=2+2", path)
    assert entrepot.admin("/api/v1/cache").status == 200
    if folder == "index":
        eventually(lambda: entrepot.metrics().sum("disk_errors_total", operation="read") > 0,
                   what="a counted error")
    assert_serves(entrepot, upstream, 1)
    tracer.stop()
    assert_serves(entrepot, upstream, 2)
    assert entrepot.metrics().sum("job_failures_total") == 0


@traced
@pytest.mark.parametrize("folder", ["fills", "blobs/sha256/ab"])
def test_folder_that_fails_at_the_start(prepare, upstream, folder):
    entrepot = prepare()
    path = cache_of(entrepot) / folder
    path.mkdir(parents=True)
    (path / "something").write_text("x")
    entrepot.start("strace", "-D", "-f", "-o", "/dev/null", "-P", str(path), "-e", "trace=getdents64",
                   "-e", "inject=getdents64:error=EIO:when=2+2")
    entrepot.log.wait_for("cannot be read (to its end|completely)")
    assert_serves(entrepot, upstream, 1)
