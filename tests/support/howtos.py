# SPDX-License-Identifier: Apache-2.0
"""The code in the documents: configurations and commands that a reader copies."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
HOWTOS = sorted((PROJECT / "docs/howto").glob("*.md"))


def code_blocks(document: Path) -> list[tuple[str, str]]:
    """The language and the text of each block of code, in order, without the indent of a list."""
    found = re.findall(r"(?ms)^( *)```(\w*)\n(.*?)^\1```$", document.read_text())
    return [(language, textwrap.dedent(text)) for _, language, text in found]


def configurations(document: Path) -> list[dict]:
    """Its blocks of JSON: each is a whole configuration."""
    return [json.loads(text) for language, text in code_blocks(document) if language == "json"]


def commands(document: Path) -> list[list[str]]:
    """The words of each `entrepot` command in its blocks of shell."""
    lines = [line for language, text in code_blocks(document) if language == "sh"
             for line in text.replace("\\\n", " ").splitlines()]
    return [line.partition(" #")[0].replace("'", "").removesuffix("&").split()
            for line in lines if line.startswith("entrepot ")]
