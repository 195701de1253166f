# SPDX-License-Identifier: Apache-2.0
"""Prints the section of the changelog of a version: the notes of its release.

usage: notes.py CHANGELOG VERSION TAG|HEAD        For HEAD, without such a section, [Unreleased]"""

from __future__ import annotations

import re
import sys
from pathlib import Path


def main() -> None:
    changelog, version, ref = sys.argv[1:]
    sections = dict(re.findall(r"(?ms)^## \[([^\]]+)\][^\n]*\n(.*?)(?=^## \[|\Z)",
                               Path(changelog).read_text(encoding="utf-8")))
    name = "Unreleased" if ref == "HEAD" and version not in sections else version
    if not sections.get(name, "").strip():
        raise SystemExit(f"notes.py: {changelog} has no section [{name}]: rename [Unreleased] before the tag")
    print(f"# Entrepot {version}\n\n{sections[name].strip()}")


main()
