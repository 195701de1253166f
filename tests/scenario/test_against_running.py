# SPDX-License-Identifier: Apache-2.0
"""`entrepot check --against-running`: which keys of a file the running process cannot change."""

from __future__ import annotations

import json

from support import ports
from support.entrepot import run

EXIT_CONFIG = 78


def check(entrepot, *words, code=0) -> list[str]:
    """The lines of the answer for the present configuration, after that about the file."""
    entrepot.config_path.write_text(json.dumps(entrepot.config))
    done = run("check", "--config", str(entrepot.config_path), "--against-running", *words)
    assert done.returncode == code, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == f"{entrepot.config_path}: good"
    return lines[1:]


def test_names_each_key_that_needs_a_restart_and_no_other(start):
    entrepot = start(admin={"address": ports.keep_address()}, threads={"serve": 2})
    assert check(entrepot) == ["the running process can take all of it by SIGHUP"]
    entrepot.config["limits"]["connections"] = 123
    entrepot.config["timeouts"]["idle"] = "3s"
    entrepot.config["upstreams"]["docker.io"]["aliases"] = ["hub.example"]
    assert check(entrepot) == ["the running process can take all of it by SIGHUP"]
    entrepot.config["threads"]["serve"] = 3
    entrepot.config["upstreams"]["new.example"] = {"endpoints": [{"url": "https://new.example"}]}
    entrepot.config["log"]["format"] = "json"
    expected = ["needs a restart: threads.serve: 2 -> 3", "needs a restart: log.format: text -> json"]
    assert check(entrepot, code=EXIT_CONFIG) == expected
    del entrepot.config["log"]["format"]
    # The process has what it has started with, whatever a reload has read.
    entrepot.restart(threads={"serve": 3})
    assert check(entrepot) == ["the running process can take all of it by SIGHUP"]


def test_a_process_that_cannot_be_asked_is_told(start):
    entrepot = start(admin={"address": ports.keep_address()})
    address = entrepot.config["admin"]["address"]
    entrepot.terminate()
    line, = check(entrepot)
    assert line.startswith(f"not compared with the running process: the admin listener on {address}")
    entrepot.config["admin"] = None
    line, = check(entrepot)
    assert line.endswith("the configuration has no admin listener")


def test_a_bad_file_is_not_compared(start):
    entrepot = start()
    entrepot.config_path.write_text("{")
    done = run("check", "--config", str(entrepot.config_path), "--against-running")
    assert done.returncode == EXIT_CONFIG and not done.stdout
