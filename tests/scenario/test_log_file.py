# SPDX-License-Identifier: Apache-2.0
"""Access lines in a file of their own, which is opened again on SIGUSR1, and one of several of them; and the priorities of the journal of systemd."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading

import pytest

from support import client, content
from support.checks import (REPOSITORY, assert_hit, assert_whole, blob_target, manifest_target)
from support.entrepot import EXIT_CONFIG, binary, environment, run
from support.gate import eventually

LATEST = manifest_target("latest")


@pytest.fixture
def image(upstream):
    return upstream.add_image(REPOSITORY, content.image((1000,)), "latest")


@pytest.fixture
def with_file(start, tmp_path):
    """Starts with the access lines in `access.log`."""
    def make(**fields):
        log = {"level": "debug", "access_file": str(tmp_path / "access.log"), **fields}
        return start(log=log), tmp_path / "access.log"
    return make


def lines_of(path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def test_access_lines_go_to_their_file_alone(with_file, image):
    entrepot, file = with_file()
    assert_whole(entrepot.get(LATEST), image.manifest)
    eventually(lambda: len(lines_of(file)) == 1, what="a line")
    assert re.fullmatch(
        r'\S+Z info  access 127\.0\.0\.1:\d+ "GET \S+/manifests/latest" 200 miss absent docker\.io '
        r"manifest bytes=\d+ ms=\d+\.\d{3} first_ms=\d+\.\d{3}", lines_of(file)[0])
    entrepot.terminate()
    assert entrepot.log.search("listening on") and not entrepot.log.search(r" access \d")


def test_a_json_file(with_file, image):
    entrepot, file = with_file(format="json")
    assert_whole(entrepot.get(LATEST), image.manifest)
    eventually(lambda: len(lines_of(file)) == 1, what="a line")
    assert json.loads(lines_of(file)[0])["access"]["status"] == 200


def test_a_renamed_file_gets_a_successor(with_file, image):
    entrepot, file = with_file()
    assert_whole(entrepot.get(LATEST), image.manifest)
    eventually(lambda: len(lines_of(file)) == 1, what="a line")
    older = file.with_suffix(".log.1")
    file.rename(older)
    os.kill(entrepot.pid, signal.SIGUSR1)
    eventually(file.exists, what="a new file")
    assert_whole(entrepot.get(LATEST), image.manifest)
    eventually(lambda: len(lines_of(file)) == 1, what="a line in the new file")
    assert len(lines_of(older)) == 1
    entrepot.log.wait_for(rf"info  the access log {file} is opened again")


def test_the_signal_without_a_file_is_harmless(start, image):
    entrepot = start()
    os.kill(entrepot.pid, signal.SIGUSR1)
    entrepot.log.wait_for(r"warn  SIGUSR1: there is no access log .*log\.access_file")
    assert_whole(entrepot.get(LATEST), image.manifest)


def test_a_full_disk_costs_lines_and_no_request(start, image):
    entrepot = start(log={"access_file": "/dev/full"})
    for _ in range(3):
        assert_whole(entrepot.get(LATEST), image.manifest)
    entrepot.log.wait_for(r"error the access log /dev/full does not take all lines \(No space left on device\)")
    eventually(lambda: entrepot.metrics().sum("log_dropped_total") == 3, what="three counted lines")


@pytest.mark.parametrize("path,fault", [
    ("missing/access.log", 'log.access_file: there is no folder ".*/missing"; make it'),
    ("", 'log.access_file: ".*" is a directory; name a file in it'),
    ("fifo", r"the access log .*/fifo cannot be opened: No such device or address; correct log\.access_file"),
])
def test_a_file_that_cannot_be_opened(prepare, tmp_path, path, fault):
    os.mkfifo(tmp_path / "fifo")  # nobody reads it
    entrepot = prepare(log={"access_file": f"{tmp_path}/{path}"})
    entrepot.config_path.write_text(json.dumps(entrepot.config))
    result = run("serve", "--config", str(entrepot.config_path))
    assert result.returncode == EXIT_CONFIG
    assert re.search(fault, result.stderr), result.stderr


def test_one_of_several_hits_and_all_the_rest(with_file, image):
    entrepot, file = with_file(access_sample=10)
    blob = image.blobs[0]
    assert_whole(entrepot.get(blob_target(blob)), blob)
    with entrepot.connect() as connection:  # one connection: one thread counts them
        for _ in range(40):
            connection.send_request("GET", blob_target(blob))
            assert_hit(connection.read_response(), blob)
    assert entrepot.get(manifest_target("absent")).status == 404
    entrepot.terminate()
    # Two loops write the lines, each in its own order.
    words = sorted(re.search(r'" (\d+) (\S+) ', line).groups() for line in lines_of(file))
    assert words[:-1] == [("200", "hit")] * 4 + [("200", "miss")] and words[-1][0] == "404"


def journal_lines(prepare, fields: dict, ask) -> list[str]:
    """Returns the lines that the process writes to a pipe that JOURNAL_STREAM names."""
    entrepot = prepare(log=fields)
    entrepot.config_path.write_text(json.dumps(entrepot.config))
    read_end, write_end = os.pipe()
    status = os.fstat(write_end)
    process = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", binary(), "serve", "--config", str(entrepot.config_path)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=write_end,
        env=environment() | {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"})
    os.close(write_end)
    lines: list[str] = []
    listening = threading.Event()

    def read() -> None:
        with os.fdopen(read_end, errors="replace") as stream:
            for line in stream:
                lines.append(line.rstrip("\n"))
                if "listening on " in line:
                    listening.set()
        listening.set()
    reader = threading.Thread(target=read)
    reader.start()
    try:
        listening.wait(60)
        ask(process, lines)
    finally:
        process.terminate()
        process.wait(60)
        reader.join(60)
    return lines


def port_in(lines: list[str]) -> int:
    return next(int(found[1]) for line in lines if (found := re.search(r"listening on \S+:(\d+);", line)))


def test_the_journal_gets_priorities_and_no_second_time(prepare, image):
    def ask(process, lines):
        assert client.get(port_in(lines), LATEST).status == 200
        os.kill(process.pid, signal.SIGUSR1)
        eventually(lambda: any("SIGUSR1" in line for line in lines), what="a warning")
    lines = journal_lines(prepare, {"level": "debug"}, ask)
    assert all(re.match(r"<[3467]>", line) for line in lines), lines
    assert any(line.startswith("<6>listening on ") for line in lines), lines
    assert any(line.startswith("<4>SIGUSR1: ") for line in lines), lines
    assert any(re.match(r'<6>access 127\.0\.0\.1:\d+ "GET ', line) for line in lines), lines


def test_json_lines_in_the_journal_have_the_same_level(prepare, image):
    lines = journal_lines(prepare, {"format": "json", "level": "debug"}, lambda *_: None)
    priorities = {"debug": "<7>", "info": "<6>", "warn": "<4>", "error": "<3>"}
    assert lines
    for line in lines:
        assert line[:3] == priorities[json.loads(line[3:])["level"]]


def test_an_error_before_the_log_has_its_priority(prepare, tmp_path):
    lines = journal_lines(prepare, {"level": "loud"}, lambda *_: None)
    assert lines and all(line.startswith("<3>entrepot: ") for line in lines), lines
