# SPDX-License-Identifier: Apache-2.0
"""The how-tos agree with the product: `entrepot check` accepts each configuration in them, and the
product knows each command and option."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from support.howtos import HOWTOS, code_blocks, commands, configurations
from support.tls import Authority


def entrepot(*arguments: str, directory: Path | None = None) -> subprocess.CompletedProcess:
    return subprocess.run([os.environ["ENTREPOT_BINARY"], *arguments], cwd=directory,
                          capture_output=True, text=True, timeout=60, check=False)


CONFIGURATIONS = [pytest.param(config, id=f"{document.stem}-{number}")
                  for document in HOWTOS for number, config in enumerate(configurations(document))]
COMMANDS = sorted({tuple(words) for document in HOWTOS for words in commands(document)})


def values_of(value, key: str) -> set[str]:
    """All texts that stand under this key, at any depth."""
    if isinstance(value, list):
        return set().union(*(values_of(one, key) for one in value))
    if not isinstance(value, dict):
        return set()
    here = {value[key]} if isinstance(value.get(key), str) else set()
    return here.union(*(values_of(one, key) for one in value.values()))


def make_named_files(directory: Path, config: dict) -> None:
    """The files that the configuration names, beside it."""
    for name in values_of(config, "password_file"):
        (directory / name).parent.mkdir(exist_ok=True)
        (directory / name).write_text("secret\n")
        (directory / name).chmod(0o600)
    for name in values_of(config, "tokens"):
        done = entrepot("token", "create", "--file", str(directory / name), "--name", "ci")
        assert done.returncode == 0, done.stderr
    certificates, keys = values_of(config, "certificate"), values_of(config, "key")
    if certificates or keys:
        certificate, key = Authority(directory / "authority").leaf()
        for names, file in ((certificates, certificate), (keys, key)):
            for name in names:
                (directory / name).parent.mkdir(exist_ok=True)
                (directory / name).write_bytes(file.read_bytes())
                (directory / name).chmod(0o600)


@pytest.mark.parametrize("config", CONFIGURATIONS)
def test_check_accepts_the_configuration(tmp_path, config):
    make_named_files(tmp_path, config)
    # A folder that every machine has.
    config = {**config, "cache": {**config.get("cache", {}), "directory": str(tmp_path / "cache")}}
    file = tmp_path / "entrepot.json"
    file.write_text(json.dumps(config))
    done = entrepot("check", "--config", str(file))
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_product_knows_the_command(words):
    _, command, *rest = words
    names = [command]
    help_text = entrepot(command, "--help").stdout
    while rest and re.search(rf"(?m)^  {re.escape(rest[0])} ", help_text.partition("Subcommands:")[2]):
        names.append(rest.pop(0))
        help_text = entrepot(*names, "--help").stdout
    assert f"entrepot {' '.join(names)} " in help_text, f"no command {' '.join(names)}"
    for option in (word for word in rest if word.startswith("-")):
        assert re.search(rf"(?m)^  (?:-\w,)?{re.escape(option)}\b|^  {re.escape(option)},", help_text), option


@pytest.mark.parametrize("document", HOWTOS, ids=lambda document: document.stem)
def test_blocks_of_code_can_be_read(document):
    """Also those for other programs."""
    blocks = code_blocks(document)
    assert blocks and {language for language, _ in blocks} <= {"", "json", "sh", "toml", "yaml"}
    for language, text in blocks:
        if language == "toml":
            tomllib.loads(text)
        elif language == "yaml":
            assert all(isinstance(one, dict) for one in yaml.safe_load_all(text))
        elif language == "sh":
            done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, timeout=60, check=False)
            assert done.returncode == 0, done.stderr
