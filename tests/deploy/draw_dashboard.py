#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draws the dashboard as an SVG: every panel of deploy/grafana/entrepot.json, in its place, with
the values of a real Prometheus after some minutes of a real mirror's life with faults.

    tests/deploy/draw_dashboard.py docs/dashboard.svg [--duration 4m]

The binary is $ENTREPOT_BINARY, or build/release/entrepot. Needs Debian's prometheus and strace.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import re
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
os.environ.setdefault("ENTREPOT_BINARY", str(HERE.parent.parent / "build/release/entrepot"))

from support import content  # noqa: E402
from support.busy_mirror import BusyMirror  # noqa: E402
from support.checks import blob_target  # noqa: E402
from support.dashboard import Dashboard, Panel, Query, expand  # noqa: E402
from support.prometheus import Prometheus  # noqa: E402

KIB, MIB = content.KIB, content.MIB

# The life.


class Life:
    """Clients that pull from a catalogue by popularity, and the faults meanwhile."""

    def __init__(self, mirror: BusyMirror, seconds: float):
        self._mirror, self._seconds = mirror, seconds
        self._rng = random.Random(42)
        self._targets = [blob_target(mirror.new_blob(int(size))) for size in
                         (math.exp(self._rng.uniform(math.log(4 * KIB), math.log(5 * MIB)))
                          for _ in range(70))]
        self._ended = threading.Event()

    def live(self) -> None:
        clients = [threading.Thread(target=self._pull, args=(random.Random(seed),), daemon=True)
                   for seed in range(3)]
        for client in clients:
            client.start()
        began = time.monotonic()
        events = sorted(self._events().items())
        while time.monotonic() - began < self._seconds:
            if events and time.monotonic() - began >= events[0][0] * self._seconds:
                events.pop(0)[1]()
            self._ended.wait(0.25)
        self._ended.set()
        for client in clients:
            client.join()

    def _events(self) -> dict[float, object]:
        mirror = self._mirror

        def near_becomes_slow():
            mirror.near.delay, mirror.near.rate = 0.12, 2 * MIB

        def near_is_well():
            mirror.near.delay, mirror.near.rate = 0.003, 60 * MIB
        return {0.08: mirror.pull_together, 0.15: mirror.pull_too_large, 0.2: mirror.read_lazily,
                0.25: mirror.pull_together, 0.3: near_becomes_slow, 0.45: near_is_well,
                0.5: mirror.other.go_down, 0.66: mirror.other.come_back,
                0.7: mirror.send_wrong_bytes, 0.74: mirror.be_limited,
                0.78: mirror.break_a_download, 0.82: mirror.slow_a_loop,
                0.86: mirror.fail_the_disk, 0.93: mirror.ask_wrongly}

    def _pull(self, rng: random.Random) -> None:
        """A blob by Zipf, a tag now and then, a release seldom."""
        mirror = self._mirror
        while not self._ended.wait(rng.expovariate(6)):
            kind = rng.random()
            if kind < 0.03:
                mirror.pull_new_image()
            elif kind < 0.2:
                mirror.pull(upstream=rng.choice(("docker.io", "ghcr.io")))
            elif kind < 0.26:
                mirror.log_in()
            elif kind < 0.27:
                mirror.be_refused()
            elif kind < 0.29:
                mirror.entrepot.get(f"/v2/library/app/manifests/new-{rng.random()}?ns=ghcr.io")
            else:
                number = int(len(self._targets) ** rng.random()) - 1 + rng.randrange(2)
                mirror.entrepot.get(self._targets[min(number, len(self._targets) - 1)], keep=False)


# The picture.

COLUMN, CELL, GAP = 50, 24, 6
COLORS = ["#3274d9", "#e0752d", "#56a64b", "#e02f44", "#8f3bb8", "#0a8a8a", "#b8860b", "#777777",
          "#c15c9d", "#2f575e", "#967302", "#5195ce"]
INK, PALE, GRID, PAPER, PAGE = "#222222", "#666666", "#e4e4e4", "#ffffff", "#f4f5f5"
NAMED = {"green": "#56a64b", "orange": "#e0752d", "red": "#e02f44", "blue": "#3274d9",
         "light-blue": "#8ab8ff", "super-light-green": "#b8dca8", "yellow": "#f2cc0c",
         "purple": "#8f3bb8"}
LOWEST_OF_LOG = 1e-4


def paler(color: str) -> str:
    parts = [int(color[at:at + 2], 16) for at in (1, 3, 5)]
    return "#" + "".join(f"{(part + 2 * 255) // 3:02x}" for part in parts)


def figure(value: float, unit: str) -> str:
    """A number as Grafana shows it, or nearly."""
    if unit == "percentunit":
        return f"{100 * value:.3g} %"
    if unit == "s":
        if value == 0 or abs(value) >= 100:
            return f"{value / 60:.3g} min" if value else "0"
        return next(f"{value / size:.3g} {name}" for size, name in
                    ((1, "s"), (1e-3, "ms"), (1e-6, "µs")) if abs(value) >= size or size == 1e-6)
    if unit in ("bytes", "Bps"):
        names = iter(("B", "KiB", "MiB", "GiB", "TiB"))
        name = next(names)
        while abs(value) >= 1024:
            value, name = value / 1024, next(names)
        return f"{value:.{3 if abs(value) < 999 else 4}g} {name}{'/s' if unit == 'Bps' else ''}"
    text = f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return text + {"reqps": " /s", "ops": " /s"}.get(unit, "")


@dataclass
class Curve:
    name: str
    points: list[tuple[float, float]]
    color: str


def legend_of(query: Query, labels: dict[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda match: labels.get(match[1], ""),
                  query.legend) or query.panel


class Picture:
    def __init__(self, prometheus: Prometheus, renamed: dict[str, str], start: float, end: float):
        self._prometheus, self._renamed = prometheus, renamed
        self._start, self._end = start, end
        self._variables = {"__rate_interval": "8s", "__range": f"{int(end - start)}s"}
        self._step = (end - start) / 120
        self._out: list[str] = []

    def draw(self, dashboard: Dashboard) -> str:
        height = max(panel.y + panel.height for panel in dashboard.panels) * CELL + GAP
        width = 24 * COLUMN + GAP
        for panel in dashboard.panels:
            getattr(self, f"_{panel.kind}")(panel)
        return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
                f'font-family="sans-serif" font-size="10" fill="{INK}">\n'
                f'<rect width="100%" height="100%" fill="{PAGE}"/>\n' + "\n".join(self._out)
                + "\n</svg>\n")

    # Pieces.

    def _text(self, x: float, y: float, text: str, **attributes: object) -> None:
        more = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in attributes.items())
        self._out.append(f'<text x="{x:g}" y="{y:g}"{more}>{escape(text)}</text>')

    def _paper(self, panel: Panel, fill: str = PAPER) -> tuple[float, float, float, float]:
        x, y = panel.x * COLUMN + GAP, panel.y * CELL + GAP
        width, height = panel.width * COLUMN - GAP, panel.height * CELL - GAP
        self._out.append(f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="2" '
                         f'fill="{fill}" stroke="{GRID}"/>')
        return x, y, width, height

    def _name(self, text: str) -> str:
        for address, name in self._renamed.items():
            text = text.replace(address, name)
        return text.strip()

    # Kinds of panels, by Grafana's names.

    def _row(self, panel: Panel) -> None:
        self._text(panel.x * COLUMN + GAP, panel.y * CELL + 20, panel.title, font_size=14,
                   font_weight="bold")

    def _stat(self, panel: Panel) -> None:
        query, = panel.queries
        answer = self._prometheus.query(expand(query.expression, **self._variables), self._end)
        value = answer[0][1] if answer else math.nan
        defaults = panel.document["fieldConfig"]["defaults"]
        if "decimals" in defaults and panel.unit == "short":
            value = round(value, defaults["decimals"])
        steps = defaults["thresholds"]["steps"]
        color = [step["color"] for step in steps if step["value"] is None or value >= step["value"]]
        x, y, width, height = self._paper(panel)
        self._text(x + 8, y + 16, panel.title)
        text = legend_of(query, answer[0][0]) if query.legend else figure(value, panel.unit)
        self._text(x + width / 2, y + height / 2 + 18, text, font_size=22, text_anchor="middle",
                   fill=NAMED[color[-1]] if len(steps) > 1 else INK)

    def _table(self, panel: Panel) -> None:
        rows: dict[tuple[str, str], list[str]] = {}
        columns = [query.legend for query in panel.queries]
        units = {one["matcher"]["options"]: prop["value"]
                 for one in panel.document["fieldConfig"]["overrides"]
                 for prop in one["properties"] if prop["id"] == "unit"}
        for number, query in enumerate(panel.queries):
            unit = units.get(f"Value #{query.ref}", "short")
            for labels, value in self._prometheus.query(
                    expand(query.expression, **self._variables), self._end):
                cells = rows.setdefault((labels["upstream"], labels["endpoint"]),
                                        [""] * len(columns))
                if not math.isnan(value):
                    cells[number] = figure(round(value) if unit == "short" else value, unit)
        x, y, width, _ = self._paper(panel)
        self._text(x + 8, y + 16, panel.title)
        at = [x + 8, x + 110, *(x + 200 + n * (width - 210) / len(columns)
                                for n in range(len(columns)))]
        lines = [("upstream", "endpoint", *columns)]
        lines += [(upstream, self._name(endpoint), *cells)
                  for (upstream, endpoint), cells in sorted(rows.items())]
        for number, line in enumerate(lines):
            for left, cell in zip(at, line):
                self._text(left, y + 40 + 22 * number, cell,
                           **({} if number else {"font_weight": "bold"}))

    def _timeseries(self, panel: Panel) -> None:
        x, y, width, height = self._paper(panel)
        self._text(x + 8, y + 16, panel.title)
        curves = self._curves(panel)
        if not curves:
            return self._text(x + width / 2, y + height / 2, "no data", text_anchor="middle",
                              fill=PALE)
        rows = self._legend(curves, x + 8, y + height - 6, width - 16)
        self._chart(panel, curves, x + 62, y + 26, width - 72, height - 36 - 13 * rows - 12)

    def _curves(self, panel: Panel) -> list[Curve]:
        fixed = {one["matcher"]["options"]: prop["value"]["fixedColor"]
                 for one in panel.document["fieldConfig"]["overrides"]
                 for prop in one["properties"] if prop["id"] == "color"}
        curves = []
        for query in panel.queries:
            for labels, points in self._prometheus.query_range(
                    expand(query.expression, **self._variables), self._start, self._end,
                    self._step):
                points = [(at, value) for at, value in points if math.isfinite(value)]
                name = self._name(legend_of(query, labels))
                if points:
                    curves.append(Curve(name, points, NAMED.get(fixed.get(name, ""), "")))
        # Draws only the curves with a value other than zero, if there are any.
        telling = [curve for curve in curves if any(value for _, value in curve.points)]
        curves = (telling or curves[:1])[:len(COLORS)]
        for color, curve in zip(COLORS, curves):
            curve.color = curve.color or color
        return curves

    def _legend(self, curves: list[Curve], x: float, y: float, width: float) -> int:
        """Returns the number of lines."""
        lines: list[list[Curve]] = [[]]
        used = 0.0
        for curve in curves:
            takes = 22 + 5.3 * len(curve.name)
            if used + takes > width and lines[-1]:
                lines.append([])
                used = 0
            used += takes
            lines[-1].append(curve)
        for number, line in enumerate(reversed(lines)):
            left = x
            for curve in line:
                self._out.append(f'<rect x="{left:g}" y="{y - 13 * number - 6:g}" width="10" '
                                 f'height="4" fill="{curve.color}"/>')
                self._text(left + 14, y - 13 * number, curve.name, fill=PALE)
                left += 22 + 5.3 * len(curve.name)
        return len(lines)

    def _chart(self, panel: Panel, curves: list[Curve], x, y, width, height) -> None:
        custom = panel.document["fieldConfig"]["defaults"]["custom"]
        logarithmic = "scaleDistribution" in custom
        stacked = custom["stacking"]["mode"] == "normal"
        if stacked:
            curves = self._stack(curves)
        values = [value for curve in curves for _, value in curve.points]
        scale, marks = (log_scale if logarithmic else linear_scale)(values, panel.unit)
        for mark in marks:
            at = y + height - scale(mark) * height
            self._out.append(f'<line x1="{x:g}" y1="{at:.1f}" x2="{x + width:g}" y2="{at:.1f}" '
                             f'stroke="{GRID}"/>')
            self._text(x - 4, round(at + 3, 1), figure(mark, panel.unit), text_anchor="end",
                       fill=PALE)
        span = self._end - self._start
        for number in range(5):
            self._text(round(x + number * width / 4, 1), y + height + 12,
                       figure(round(number * span / 4, -1 if span > 60 else 0), "s"), fill=PALE,
                       text_anchor="end" if number == 4 else "middle")
        for curve in reversed(curves):
            dashes = ' stroke-dasharray="5 4"' if re.search(r"(^| )(bound|limit|reserve)$",
                                                            curve.name) else ""
            self._path(curve.points, lambda at: x + (at - self._start) / span * width,
                       lambda value: y + height - scale(value) * height,
                       f'stroke="{curve.color}"{dashes} fill="none"',
                       f'fill="{paler(curve.color)}"' if stacked else None, y + height)

    @staticmethod
    def _stack(curves: list[Curve]) -> list[Curve]:
        below: dict[float, float] = {}
        stacked = []
        for curve in curves:
            points = [(at, value + below.get(at, 0)) for at, value in curve.points]
            below.update(points)
            stacked.append(replace(curve, points=points))
        return stacked

    def _path(self, points, to_x, to_y, line: str, area: str | None, floor: float) -> None:
        """Gaps in the data stay gaps in the curve."""
        pieces: list[list[tuple[float, float]]] = []
        last = -math.inf
        for at, value in points:
            if at - last > 1.5 * self._step:
                pieces.append([])
            pieces[-1].append((to_x(at), to_y(value)))
            last = at
        drawn = ["M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in
                                (piece if len(piece) > 1 else [piece[0], piece[0]]))
                 for piece in pieces]
        if area:
            closed = "".join(f"{path}L{piece[-1][0]:.1f} {floor:.1f}L{piece[0][0]:.1f} {floor:.1f}Z"
                             for path, piece in zip(drawn, pieces))
            self._out.append(f'<path d="{closed}" {area}/>')
        self._out.append(f'<path d="{"".join(drawn)}" {line}/>')


def linear_scale(values, unit: str):
    """The axis goes from zero to a round number."""
    top = max(values) if max(values) > 0 and unit != "percentunit" else 1.0
    base = 1024 ** int(math.log(top, 1024)) if unit in ("bytes", "Bps") and top >= 1 else 1
    power = 10 ** math.floor(math.log10(top / base))
    step = next(base * power * factor for factor in (0.25, 0.5, 0.75, 1, 1.5, 2, 2.5)
                if top <= 4 * base * power * factor)
    return (lambda value: value / (4 * step)), [number * step for number in range(5)]


def log_scale(values, unit: str):
    lowest = max(min((value for value in values if value > 0), default=1), LOWEST_OF_LOG)
    low = math.floor(math.log10(lowest))
    high = max(math.ceil(math.log10(max(max(values), lowest))), low + 1)
    return (lambda value: max(0, (math.log10(max(value, lowest)) - low) / (high - low)),
            [10.0 ** power for power in range(low, high + 1)])


def seconds(text: str) -> float:
    match = re.fullmatch(r"(\d+)(s|m)", text)
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is not like 90s or 4m")
    return int(match[1]) * {"s": 1, "m": 60}[match[2]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--duration", type=seconds, default=seconds("4m"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="entrepot-dashboard-") as name:
        directory = Path(name)
        mirror = BusyMirror(directory)
        prometheus = None
        try:
            mirror.start()
            admin = mirror.entrepot.config["admin"]["address"]
            prometheus = Prometheus(directory / "prometheus", admin)
            prometheus.wait_scraped(3)
            start = time.time()
            Life(mirror, arguments.duration).live()
            renamed = {mirror.near.address: "near", mirror.far.address: "far",
                       mirror.other.address: "only", admin: "mirror",
                       str(directory / "authority"): "/etc/entrepot"}
            picture = Picture(prometheus, renamed, start, time.time()).draw(Dashboard())
        finally:
            if prometheus:
                prometheus.stop()
            mirror.close()
    arguments.file.write_text(picture)


if __name__ == "__main__":
    main()
