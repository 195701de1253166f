# SPDX-License-Identifier: Apache-2.0
"""The systemd unit and the manual page, checked by their own tools and against the binary."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.daemon import run_command
from support.entrepot import EXIT_BUG, EXIT_CONFIG, EXIT_RESTART, EXIT_USAGE, binary, run

PROJECT = Path(__file__).resolve().parent.parent.parent
UNIT = PROJECT / "deploy/systemd/entrepot.service"
MANUAL = PROJECT / "deploy/man/entrepot.8"
MOST_EXPOSED = 2.0  # of 10, as systemd-analyze counts


def keys(name: str) -> list[str]:
    return re.findall(rf"(?m)^{name}=(.*)$", UNIT.read_text())


def test_systemd_understands_the_unit(tmp_path):
    """systemd complains about unknown keys, wrong values and missing programs."""
    unit = tmp_path / "entrepot.service"
    unit.write_text(UNIT.read_text().replace("/usr/bin/entrepot", binary()))
    assert run_command("systemd-analyze", "verify", "--man=no", unit).stdout == ""


def test_the_sandbox_is_tight():
    result = run_command("systemd-analyze", "security", "--offline=true", "--no-pager", UNIT)
    exposed = float(re.search(r"exposure level for \S+: (\S+)", result.stdout)[1])
    print(f"exposure {exposed}")
    assert exposed <= MOST_EXPOSED


def test_a_start_that_cannot_help_is_not_repeated():
    [prevented] = keys("RestartPreventExitStatus")
    assert {int(code) for code in prevented.split()} == {EXIT_USAGE, EXIT_CONFIG}
    assert keys("Restart") == ["on-failure"]
    assert keys("StartLimitIntervalSec") == ["0"], "what goes away by itself may take a while"


def test_the_binary_accepts_the_arguments_of_the_unit(tmp_path):
    """The arguments, against the binary: `check` understands those of `serve`."""
    [command] = keys("ExecStart")
    program, action, *arguments = command.split()
    assert (program, action) == ("/usr/bin/entrepot", "serve")
    config = tmp_path / "entrepot.json"
    config.write_text("{}")
    result = run("check", *(argument.replace("/etc/entrepot/entrepot.json", str(config))
                            for argument in arguments))
    assert (result.returncode, result.stdout) == (0, f"{config}: good\n")


def help_of(*command: str) -> str:
    result = run(*command, "--help")
    assert result.returncode == 0, result.stderr
    return result.stdout


def commands(*above: str) -> list[tuple[str, ...]]:
    """Every command of the binary, those below others too."""
    _, _, listed = help_of(*above).partition("\nSubcommands:\n")
    names = re.findall(r"(?m)^  ([a-z-]+) ", listed.partition("\n\n")[0])
    return [command for name in names for command in [(*above, name), *commands(*above, name)]]


@pytest.fixture(scope="module")
def manual() -> str:
    """The manual as text, without the marks of bold letters."""
    text = run_command("mandoc", "-T", "utf8", "-O", "width=200", MANUAL).stdout
    return re.sub(".\b", "", text)


def test_the_manual_is_well_formed():
    assert run_command("mandoc", "-T", "lint", "-W", "warning", MANUAL).stdout == ""


def test_the_manual_has_every_command_and_option(manual):
    every = commands()
    assert ("serve",) in every and ("cache", "verify") in every
    for command in every:
        assert re.search(rf"(?<![\w-]){' '.join(command)}(?![\w-])", manual), command
        for option in re.findall(r"(?m)^  .*?(--[a-z-]+)", help_of(*command)):
            assert re.search(rf"{option}(?![\w-])", manual), (command, option)


def test_the_manual_has_every_exit_code(manual):
    listed = manual.partition("EXIT STATUS")[2].partition("EXAMPLES")[0]
    codes = [int(code) for code in re.findall(r"(?m)^ {5}(\d+) ", listed)]
    assert codes == [0, 1, EXIT_USAGE, EXIT_BUG, EXIT_RESTART, EXIT_CONFIG]


def test_the_manual_names_the_files_of_the_package(manual):
    for file in ("/etc/entrepot/entrepot.json", "/etc/entrepot/credentials", "/var/lib/entrepot"):
        assert file in manual
        assert file in UNIT.read_text() or f"StateDirectory={Path(file).name}" in UNIT.read_text()
