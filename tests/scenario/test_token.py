# SPDX-License-Identifier: Apache-2.0
"""`entrepot token …` on a file of the test's."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from support.entrepot import EXIT_CONFIG, EXIT_USAGE, binary, environment, run
from support.gate import DEADLINE

EXIT_FOUND = 1
TOKEN = re.compile(r"entrepot_[A-Za-z0-9_-]{43}\n")


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "tokens.json"


def token(*words, code=0) -> subprocess.CompletedProcess:
    done = run("token", *map(str, words))
    assert done.returncode == code, (done.stdout, done.stderr)
    return done


def create(file: Path, name: str, *words) -> str:
    done = token("create", "--file", file, "--name", name, *words)
    assert TOKEN.fullmatch(done.stdout)
    return done.stdout.strip()


def entries(file: Path) -> dict[str, dict]:
    return {entry["name"]: entry for entry in json.loads(file.read_text())["tokens"]}


def time(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")


def test_create_prints_the_token_and_stores_its_hash(file):
    done = token("create", "--file", file, "--name", "ci", "--expires", "90d")
    text = done.stdout.strip()
    assert TOKEN.fullmatch(done.stdout)
    assert text not in file.read_text() and text not in done.stderr
    entry = entries(file)["ci"]
    assert entry["sha256"] == hashlib.sha256(text.encode()).hexdigest()
    assert time(entry["expires"]) - time(entry["created"]) == timedelta(days=90)
    assert f"token ci is in {file}, valid until {entry['expires']}" in done.stderr


def test_a_new_file_is_private_whatever_the_umask(file):
    umask = os.umask(0)
    try:
        create(file, "ci")
    finally:
        os.umask(umask)
    assert file.stat().st_mode & 0o7777 == 0o600
    assert "expires" not in entries(file)["ci"]


def test_an_existing_file_keeps_its_mode_and_its_tokens(file):
    first = create(file, "zoe")
    file.chmod(0o640)
    second = create(file, "ci", "--expires", "1h")
    assert first != second
    assert list(entries(file)) == ["ci", "zoe"]  # in the order of the names
    assert file.stat().st_mode & 0o7777 == 0o640
    assert [path.name for path in file.parent.iterdir()] == [file.name]  # no backup


def test_a_link_remains_a_link(file):
    target = file.parent / "real.json"
    create(target, "ci")
    file.symlink_to(target)
    create(file, "zoe")
    assert file.is_symlink() and sorted(entries(target)) == ["ci", "zoe"]


def test_a_second_token_of_one_name_is_refused(file):
    create(file, "ci")
    before = file.read_bytes()
    done = token("create", "--file", file, "--name", "ci", code=EXIT_FOUND)
    assert done.stdout == ""
    assert "has a token ci already; revoke it first, or choose another name" in done.stderr
    assert file.read_bytes() == before


def test_list_tells_which_tokens_have_expired(file):
    create(file, "ci", "--expires", "2h")
    create(file, "zoe")
    content = json.loads(file.read_text())
    content["tokens"].append({"name": "old", "sha256": "0" * 64, "created": "2020-01-01T00:00:00Z",
                              "expires": "2020-01-02T00:00:00Z"})
    file.write_text(json.dumps(content))
    rows = [line.split() for line in token("list", "--file", file).stdout.splitlines()]
    ci, zoe = entries(file)["ci"], entries(file)["zoe"]
    assert rows == [["NAME", "CREATED", "EXPIRES", "STATE"],
                    ["ci", ci["created"], ci["expires"], "valid"],
                    ["old", "2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z", "expired"],
                    ["zoe", zoe["created"], "never", "valid"]]


def test_a_token_that_cannot_be_printed_is_reported(file):
    with open("/dev/full", "w") as full:
        done = subprocess.run([binary(), "token", "create", "--file", file, "--name", "ci"],
                              stdout=full, stderr=subprocess.PIPE, text=True, timeout=DEADLINE,
                              env=environment(), check=False)
    assert done.returncode == EXIT_CONFIG
    assert "the token cannot be printed; revoke ci, and create it again" in done.stderr


def test_revoke_removes_one_token(file):
    create(file, "ci")
    create(file, "zoe")
    done = token("revoke", "--file", file, "--name", "ci")
    assert f"token ci is revoked in {file}" in done.stderr
    assert list(entries(file)) == ["zoe"]
    again = token("revoke", "--file", file, "--name", "ci", code=EXIT_FOUND)
    assert f"{file} has no token ci" in again.stderr


def test_a_file_that_is_no_file_of_tokens_is_left_as_it_is(file):
    file.write_text('{"tokens": [{"name": "ci", "expiry": "never"}]}')
    before = file.read_bytes()
    for words in (("create", "--name", "zoe"), ("list",), ("revoke", "--name", "ci")):
        done = token(*words, "--file", file, code=EXIT_CONFIG)
        assert f"{file} is not used:" in done.stderr
        assert 'tokens[0] ("ci"): unknown key "expiry"' in done.stderr
        assert done.stdout == ""
    assert file.read_bytes() == before


def test_list_of_an_absent_file(file):
    assert f"{file} does not exist" in token("list", "--file", file, code=EXIT_CONFIG).stderr


@pytest.mark.parametrize("words", [
    ("create", "--name", "ci"),
    ("create", "--file", "FILE"),
    ("create", "--file", "FILE", "--name", "a:b"),
    ("create", "--file", "FILE", "--name", ""),
    ("create", "--file", "FILE", "--name", "x" * 256),
    ("create", "--file", "FILE", "--name", "ci", "--expires", "90"),
    ("create", "--file", "FILE", "--name", "ci", "--expires", "5ms"),
    ("list",),
    ("list", "--file", "FILE", "--name", "ci"),
    ("revoke", "--file", "FILE"),
    (),
])
def test_wrong_usage(file, words):
    token(*(str(file) if word == "FILE" else word for word in words), code=EXIT_USAGE)
    assert not file.exists()


def test_calls_at_once_lose_no_change(file):
    """Twenty processes create a token each; all of them are in the file."""
    calls = [subprocess.Popen([binary(), "token", "create", "--file", str(file), "--name",
                               f"t{n}"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
             for n in range(20)]
    for call in calls:
        _, said = call.communicate(timeout=DEADLINE)
        assert call.returncode == 0, said
    assert set(entries(file)) == {f"t{n}" for n in range(20)}


def test_a_number_out_of_range(file):
    file.write_text('{"tokens":[{"name":"ci","sha256":1e999}]}')
    done = token("list", "--file", file, code=EXIT_CONFIG)
    assert "out of range" in done.stderr
