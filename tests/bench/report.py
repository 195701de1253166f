# SPDX-License-Identifier: Apache-2.0
"""Figures of a comparison: taken in turns, kept with their spread, written as a document."""

from __future__ import annotations

import html
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

OURS = "Entrepot"


@dataclass(frozen=True)
class Column:
    """The presentation of a metric: its name in the results, the heading, its factor, digits."""

    metric: str
    heading: str
    scale: float = 1
    digits: int = 2
    more_is_better: bool = False


@dataclass
class Results:
    """Samples of each metric of each side, and the sides that failed with their reason."""

    samples: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def add(self, side: str, figures: dict[str, float]) -> None:
        of_side = self.samples.setdefault(side, {})
        for metric, value in figures.items():
            of_side.setdefault(metric, []).append(value)

    def fail(self, side: str, error: BaseException) -> None:
        reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
        self.failures[side] = reason[:160]
        print(f"  {side} failed: {reason}", flush=True)

    def only(self, *sides: str) -> "Results":
        return Results(*({side: of[side] for side in sides if side in of}
                         for of in (self.samples, self.failures)))

    def sides(self) -> list[str]:
        return list(dict.fromkeys([*self.samples, *self.failures]))

    def text(self, side: str, column: Column) -> str:
        values = self.samples.get(side, {}).get(column.metric)
        if not values:
            return "failed" if side in self.failures else "–"
        low, mid, high = (f"{column.scale * value:.{column.digits}f}" for value in (
            min(values), statistics.median(values), max(values)))
        return mid if low == high else f"{mid} ({low}–{high})"

    def ratio(self, metric: str, to: str, of: str = OURS) -> float | None:
        """The median of the ratios round by round."""
        ours, theirs = (self.samples.get(side, {}).get(metric, []) for side in (of, to))
        pairs = [a / b for a, b in zip(ours, theirs) if b]
        return statistics.median(pairs) if pairs else None


def in_turns(sides: dict[str, Callable[[], dict[str, float]]], rounds: int,
             warm_up: bool = True, into: Results | None = None) -> Results:
    """Each side once a round, so that a machine whose speed drifts drifts for all. A round before them
    warms up and is not counted; a single round (--quick) has none. A side that fails is not asked
    again. With `into`, the rounds follow those that it has."""
    results = into or Results()
    warm_up = warm_up and rounds > 1
    for number in range(rounds + warm_up):
        for side, measure in sides.items():
            if side in results.failures:
                continue
            try:
                figures = measure()
            except Exception as error:  # pylint: disable=broad-exception-caught
                results.fail(side, error)
                continue
            if number or not warm_up:
                results.add(side, figures)
    return results


class Report:
    """The document and the pictures beside it. It is rewritten as a whole, so that all its figures
    are of one run."""

    def __init__(self, file: Path):
        self._file = file
        self._pictures = file.with_suffix("")
        self._parts: list[str] = []

    def text(self, markdown: str) -> None:
        self._parts.append(markdown.strip() + "\n")

    def table(self, title: str, results: Results, columns: list[Column]) -> None:
        """The last column is the ratio of our first metric to that of each side."""
        headings = ["", *(column.heading for column in columns), f"{OURS} to it"]
        lines = [f"**{title}**\n", "| " + " | ".join(headings) + " |",
                 "|" + "---|" * len(headings)]
        for side in results.sides():
            ratio = results.ratio(columns[0].metric, side)
            cells = [side, *(results.text(side, column) for column in columns),
                     f"{ratio:.2f} ×" if ratio is not None and side != OURS else ""]
            lines.append("| " + " | ".join(cells) + " |")
        self._parts.append("\n".join(lines) + "\n")
        for side, reason in results.failures.items():
            self._parts.append(f"{side} failed: {reason}\n")
        print(self._parts[-1 - len(results.failures)], flush=True)

    def bar(self, what: str, value: float | None, limit: float, at_least: bool = False) -> None:
        """A bar of this project, and whether this run reaches it."""
        sign = "≥" if at_least else "≤"
        if value is None:
            line = f"- not measured: {what} ({sign} {limit:g})"
        else:
            held = value >= limit if at_least else value <= limit
            line = f"- {'held' if held else '**missed**'}: {what} {value:.3g} ({sign} {limit:g})"
        self._parts.append(line + "\n")
        print(f"  {line}", flush=True)

    def chart(self, name: str, title: str, results: Results, column: Column) -> None:
        """Bars of the medians with their spread."""
        self._pictures.mkdir(parents=True, exist_ok=True)
        file = self._pictures / f"{name}.svg"
        file.write_text(bars(title, results, column))
        self._parts.append(f"![{title}]({self._pictures.name}/{file.name})\n")

    def write(self) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text("\n".join(self._parts))


ROW, LEFT, WIDTH, RIGHT = 26, 150, 420, 150


def bars(title: str, results: Results, column: Column) -> str:
    """A drawing that is legible on light and on dark ground."""
    rows = [(side, [column.scale * value for value in results.samples[side][column.metric]])
            for side in results.sides() if results.samples.get(side, {}).get(column.metric)]
    most = max((max(values) for _, values in rows), default=1) or 1
    height = 40 + ROW * len(rows)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + RIGHT}" '
             f'height="{height}" font-family="sans-serif" font-size="12" fill="#888">',
             f'<text x="{LEFT}" y="18" font-weight="bold">{html.escape(title)}</text>']
    for number, (side, values) in enumerate(rows):
        top = 30 + ROW * number
        low, mid, high = (WIDTH * value / most for value in (
            min(values), statistics.median(values), max(values)))
        colour = "#2a7de1" if side.startswith(OURS) else "#b0b0b0"
        middle = top + (ROW - 8) / 2
        parts += [
            f'<text x="{LEFT - 8}" y="{top + 13}" text-anchor="end">{html.escape(side)}</text>',
            f'<rect x="{LEFT}" y="{top}" width="{max(mid, 1):.1f}" height="{ROW - 8}" fill="{colour}"/>',
            f'<path d="M{LEFT + low:.1f} {middle}H{LEFT + high:.1f}" stroke="#444" stroke-width="2"/>',
            f'<text x="{LEFT + high + 8:.1f}" y="{top + 13}">'
            f'{statistics.median(values):.{column.digits}f}</text>']
    return "\n".join([*parts, "</svg>"]) + "\n"
