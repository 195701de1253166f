# SPDX-License-Identifier: Apache-2.0
"""The binary has the hardening that the build requests, against attacks on its parsers."""

from __future__ import annotations

import os
import re
import subprocess

import pytest


@pytest.fixture(scope="module")
def readelf():
    if os.environ.get("ENTREPOT_SANITIZE"):
        pytest.skip("sanitizers do without these")

    def read(*flags: str) -> str:
        return subprocess.run(["readelf", "--wide", *flags, os.environ["ENTREPOT_BINARY"]],
                              capture_output=True, text=True, check=True).stdout
    return read


def test_position_independent(readelf):
    assert re.search(r"Type:\s+DYN .*Position-Independent", readelf("--file-header"))


def test_symbols_are_bound_at_the_start(readelf):
    """Full RELRO: the tables of addresses are read-only once it runs."""
    assert "GNU_RELRO" in readelf("--segments")
    flags = " ".join(line for line in readelf("--dynamic").splitlines() if "FLAGS" in line)
    assert "BIND_NOW" in flags and "NOW" in flags and "PIE" in flags


def test_no_segment_is_writable_and_executable(readelf):
    # Type Offset VirtAddr PhysAddr FileSiz MemSiz Flags Align
    segments = re.findall(r"^ +(LOAD|GNU_STACK)(?: +0x[0-9a-f]+){5} (.{3}) ", readelf("--segments"),
                          re.MULTILINE)
    assert {kind for kind, _ in segments} == {"LOAD", "GNU_STACK"}
    assert all(not ("W" in flags and "E" in flags) for _, flags in segments), segments


def test_calls_are_checked(readelf):
    symbols = set(re.findall(r" UND (\w+)", readelf("--dyn-syms")))
    assert "__stack_chk_fail" in symbols, "no stack protector"
    assert any(symbol.endswith("_chk") and symbol != "__stack_chk_fail" for symbol in symbols), (
        "no _FORTIFY_SOURCE")


def test_containers_are_checked(readelf):
    """_GLIBCXX_ASSERTIONS: an index beyond the end ends the process instead of reading on."""
    assert "_ZSt21__glibcxx_assert_fail" in readelf("--dyn-syms")


def test_the_binary_names_no_folder_of_the_builder(readelf):
    assert not re.search(r"(RPATH|RUNPATH)", readelf("--dynamic"))
