# SPDX-License-Identifier: Apache-2.0
"""`entrepot completion`: what a shell offers at a place is what the program knows there."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess

import pytest

from support.entrepot import EXIT_USAGE, run


@functools.cache
def script(shell: str) -> str:
    done = run("completion", shell)
    assert done.returncode == 0 and not done.stderr
    return done.stdout


def bash(words: list[str], directory=None) -> list[str]:
    """The words that bash offers for the last one."""
    program = script("bash") + """
COMP_WORDS=(entrepot "$@")
COMP_CWORD=$#
_entrepot
((${#COMPREPLY[@]})) && printf '%s\\n' "${COMPREPLY[@]}"
exit 0
"""
    done = subprocess.run(["bash", "--norc", "-c", program, "bash", *words], capture_output=True,
                          text=True, check=True, timeout=60, cwd=directory)
    assert not done.stderr, done.stderr
    return done.stdout.splitlines()


@functools.cache
def help_of(*place: str) -> tuple[set[str], set[str]]:
    """The commands and the options that the help of a command names."""
    text = run("help", *place).stdout
    commands = text.partition("Subcommands:")[2]
    return (set(re.findall(r"(?m)^  ([a-z][a-z-]+)", commands)),
            set(re.findall(r"(?m)^  (?:-\w,)?(--[a-z-]+)", text)))


def places() -> list[tuple[str, ...]]:
    """Every command with its words, from the help."""
    found = [()]
    for place in found:
        if place != ("help",):
            found += [(*place, name) for name in sorted(help_of(*place)[0])]
    return found


def test_every_command_and_option_is_offered():
    known = places()
    assert ("cache", "verify") in known and ("images",) in known and len(known) > 20
    fish, zsh = script("fish"), script("zsh")
    for place in known:
        commands, options = help_of(*place)
        offered = set(bash([*place, ""]))
        assert commands | options <= offered, place
        for name in commands:
            assert f"-n '__entrepot_at \\'{' '.join(place)}\\'' -a {name} -d " in fish
            assert f"commands+=('{name}:" in zsh
        for name in options:
            assert re.search(f"(?m)^complete .*{re.escape(' '.join(place))}.* -l {name[2:]} ", fish), name
            assert f"options+=('{name}:" in zsh


@pytest.mark.parametrize("words,offered", [
    (["ca"], ["cache"]),
    (["cache", "ve"], ["verify"]),
    (["cache", "ls", "--sort", ""], ["size", "age", "hits"]),
    (["cache", "ls", "--sort", "a"], ["age"]),
    (["client-config", "podman", "--store", ""], ["graphdriver", "containerd"]),
    (["client-config", "ap"], ["apptainer"]),
    (["completion", ""], ["bash", "zsh", "fish", "--help", "-h"]),
    (["status", "--user", ""], []),
    (["status", "--js"], ["--json"]),
    (["cache", "ls", "--config", "x", "--so"], ["--sort"]),
    (["token", "create", "--file", "serve", "--na"], ["--name"]),
])
def test_bash_offers(words, offered):
    assert sorted(bash(words)) == sorted(offered)


def test_bash_offers_files(tmp_path):
    (tmp_path / "my file.json").write_text("{}")
    (tmp_path / "my folder").mkdir()
    assert sorted(bash(["check", "--config", "my"], tmp_path)) == ["my file.json", "my folder"]
    assert bash(["client-config", "docker", "--root", "my"], tmp_path) == ["my folder"]


def test_another_shell_is_refused():
    done = run("completion", "tcsh")
    assert done.returncode == EXIT_USAGE and "bash, zsh, fish" in done.stderr


@pytest.mark.skipif(not shutil.which("zsh"), reason="zsh is not installed")
def test_zsh_reads_its_script(tmp_path):
    file = tmp_path / "_entrepot"
    file.write_text(script("zsh"))
    subprocess.run(["zsh", "-n", str(file)], check=True, timeout=60)


@pytest.mark.skipif(not shutil.which("fish"), reason="fish is not installed")
@pytest.mark.parametrize("line,offered", [
    ("entrepot cache ls --sort ", {"size", "age", "hits"}),
    ("entrepot cache ve", {"verify"}),
    ("entrepot status --js", {"--json"}),
    ("entrepot token create --file serve --na", {"--name"}),
])
def test_fish_offers(tmp_path, line, offered):
    file = tmp_path / "entrepot.fish"
    file.write_text(script("fish"))
    done = subprocess.run(["fish", "--no-config", "-c", f"source {file}; complete -C {line!r}"],
                          capture_output=True, text=True, check=True, timeout=60,
                          env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"})
    assert {one.split("\t")[0] for one in done.stdout.splitlines()} == offered, done.stderr
