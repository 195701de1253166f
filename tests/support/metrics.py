# SPDX-License-Identifier: Apache-2.0
"""The text exposition format, as far as tests read it."""

from __future__ import annotations

import re

_SAMPLE = re.compile(r"^(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)$")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


class Samples:
    def __init__(self, text: str):
        self.text = text
        self.samples: list[tuple[str, dict[str, str], float]] = []
        self.types: dict[str, str] = {}
        self.helps: dict[str, str] = {}
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ", 3)
                self.types[name] = kind
            elif line.startswith("# HELP "):
                _, _, name, *words = line.split(" ", 3)
                self.helps[name] = words[0] if words else ""
            elif line and not line.startswith("#"):
                match = _SAMPLE.match(line)
                assert match, f"not a sample: {line!r}"
                labels = dict(_LABEL.findall(match["labels"] or ""))
                self.samples.append((match["name"], labels, float(match["value"])))

    def named(self, name: str, **labels: str) -> list[tuple[dict[str, str], float]]:
        """Samples of entrepot_<name> whose labels include the given ones."""
        return [(have, value) for full, have, value in self.samples
                if full == f"entrepot_{name}"
                and all(have.get(key) == str(want) for key, want in labels.items())]

    def sum(self, name: str, **labels: str) -> float:
        return sum(value for _, value in self.named(name, **labels))
