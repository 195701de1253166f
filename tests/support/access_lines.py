# SPDX-License-Identifier: Apache-2.0
"""The lines of the access log in text form, and the fields that explain one (docs/operations.md)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .gate import eventually

_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_LINE = re.compile(rf"access (\S+) {_QUOTED} (\d+) (\S+) (\S+) (\S+) (\S+)(.*)$")
_FIELD = re.compile(rf" (\w+)=(?:{_QUOTED}|(\S+))")


@dataclass
class AccessLine:
    method: str
    path: str
    outcome: str
    fields: dict[str, str]

    def number(self, name: str) -> float:
        """The value of a count or a time; 0 if the line does not have it."""
        return float(self.fields.get(name, 0))

    @property
    def endpoints(self) -> list[str]:
        return [name for name in self.fields.get("endpoints", "").split(",") if name]

    @property
    def moved(self) -> list[tuple[str, str, str]]:
        """(from, to, reason)"""
        moves = [move for move in self.fields.get("moved", "").split(",") if move]
        return [(*move.split(" ")[0].split(">"), move.split(" ")[1]) for move in moves]


def parse(line: str) -> AccessLine | None:
    found = _LINE.search(line)
    if found is None:
        return None
    method, _, path = found[2].partition(" ")
    return AccessLine(method, path, found[4],
                      {name: quoted or plain for name, quoted, plain in _FIELD.findall(found[8])})


def wait_lines(entrepot, target: str, count: int = 1) -> list[AccessLine]:
    """Waits for so many lines of requests for `target`, in the order of their ends."""
    path = target.partition("?")[0]

    def lines() -> list[AccessLine]:
        parsed = (parse(line) for line in entrepot.log.lines)
        return [line for line in parsed if line is not None and line.path == path]
    eventually(lambda: len(lines()) >= count, what=f"{count} access lines of {path}")
    return lines()
