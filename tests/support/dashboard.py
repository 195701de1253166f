# SPDX-License-Identifier: Apache-2.0
"""Reads the panels and their queries of deploy/grafana/entrepot.json."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).resolve().parents[2] / "deploy" / "grafana" / "entrepot.json"

# The values of Grafana's variables when everything is selected, and intervals that fit a quick
# test.
VARIABLES = {"job": ".*", "instance": ".*", "upstream": ".*",
             "__rate_interval": "1m", "__range": "5m"}

_SELECTOR = re.compile(r"\b((?:entrepot|process)_\w+|up|ALERTS)\b(\{[^}]*\})?")


@dataclass(frozen=True)
class Query:
    panel: str
    ref: str
    expression: str
    legend: str

    @property
    def name(self) -> str:
        return f"{self.panel} {self.ref}"


@dataclass(frozen=True)
class Panel:
    title: str
    kind: str
    unit: str
    x: int
    y: int
    width: int
    height: int
    queries: list[Query]
    document: dict


def expand(text: str, **variables: str) -> str:
    """Puts in values for the dashboard's variables; an unknown variable is an error of the
    dashboard."""
    values = {**VARIABLES, **variables}
    return re.sub(r"\$(\w+|\{\w+\})", lambda match: values[match[1].strip("{}")], text)


def selectors(expression: str) -> list[str]:
    """The metric names that an expression reads, with their matchers."""
    # Labels in by (…), on (…) are no metrics, but `up` might be among the words.
    bare = re.sub(r"\b(by|on|without|ignoring) \([^)]*\)", "", expression)
    return [name + (matchers or "") for name, matchers in _SELECTOR.findall(bare)]


def metric_names(expression: str) -> set[str]:
    return {selector.partition("{")[0] for selector in selectors(expression)}


class Dashboard:
    def __init__(self, file: Path = FILE):
        self.document = json.loads(file.read_text())
        self.panels = [self._panel(panel) for panel in self.document["panels"]]

    @staticmethod
    def _panel(panel: dict) -> Panel:
        at = panel["gridPos"]
        return Panel(panel["title"], panel["type"],
                     panel.get("fieldConfig", {}).get("defaults", {}).get("unit", "short"),
                     at["x"], at["y"], at["w"], at["h"],
                     [Query(panel["title"], target["refId"], target["expr"],
                            target["legendFormat"]) for target in panel.get("targets", [])], panel)

    @property
    def queries(self) -> list[Query]:
        return [query for panel in self.panels for query in panel.queries]

    @property
    def variables(self) -> dict[str, dict]:
        return {one["name"]: one for one in self.document["templating"]["list"]}
