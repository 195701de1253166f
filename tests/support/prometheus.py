# SPDX-License-Identifier: Apache-2.0
"""Debian's Prometheus with the shipped configuration, made quick: it scrapes one process and
evaluates the alerts without their waiting times."""

from __future__ import annotations

import datetime
import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from .daemon import Daemon
from .gate import eventually
from .ports import Port

SHIPPED = Path(__file__).resolve().parents[2] / "deploy" / "prometheus"

Series = list[tuple[dict[str, str], float]]


def replace_once(text: str, pattern: str, by: str) -> str:
    changed, count = re.subn(pattern, by, text)
    assert count == 1, f"{pattern!r} is there {count} times"
    return changed


def _time(text: str) -> datetime.datetime:
    # Python reads no nanoseconds.
    return datetime.datetime.fromisoformat(re.sub(r"(\.\d{6})\d*", r"\1", text))


class Prometheus:
    """Answers from a directory of its own; stop() ends it."""

    def __init__(self, directory: Path, target: str):
        directory.mkdir()
        self._write_configuration(directory, target)
        self._port = Port()
        port = self._port.number
        self._url = f"http://127.0.0.1:{port}"
        self._daemon = Daemon(
            "prometheus", f"--config.file={directory}/prometheus.yml",
            f"--storage.tsdb.path={directory}/data", f"--web.listen-address=127.0.0.1:{port}",
            # The defaults are for machines that run nothing else.
            "--storage.tsdb.min-block-duration=2h", "--query.max-concurrency=4")
        eventually(self._is_ready, what="Prometheus")

    @staticmethod
    def _write_configuration(directory: Path, target: str) -> None:
        text = (SHIPPED / "prometheus.yml").read_text()
        text = replace_once(text, r"scrape_interval: \S+", "scrape_interval: 1s")
        text = replace_once(text, r"evaluation_interval: \S+", "evaluation_interval: 1s")
        text = replace_once(text, r'targets: \["entrepot:5080"\]', f'targets: ["{target}"]')
        (directory / "prometheus.yml").write_text(text)
        rules = (SHIPPED / "entrepot.rules.yml").read_text()
        (directory / "entrepot.rules.yml").write_text(re.sub(r"(?m)^( *for:) .*$", r"\1 0s", rules))

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self._url}/-/ready", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def _ask(self, path: str, **parameters):
        data = urllib.parse.urlencode(parameters).encode() if parameters else None
        try:
            with urllib.request.urlopen(f"{self._url}/api/v1/{path}", data, timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path} {parameters}: {error.read().decode()}") from None

    def query(self, expression: str, at: float | None = None) -> Series:
        more = {} if at is None else {"time": at}
        data = self._ask("query", query=expression, **more)
        if data["resultType"] == "scalar":
            return [({}, float(data["result"][1]))]
        return [(one["metric"], float(one["value"][1])) for one in data["result"]]

    def query_range(self, expression: str, start: float, end: float,
                    step: float) -> list[tuple[dict[str, str], list[tuple[float, float]]]]:
        data = self._ask("query_range", query=expression, start=start, end=end, step=step)
        return [(one["metric"], [(at, float(value)) for at, value in one["values"]])
                for one in data["result"]]

    def wait_scraped(self, count: int = 1) -> None:
        """Waits for so many scrapes from now on, and for the alerts that they cause."""
        for _ in range(count):
            now = time.time()
            eventually(lambda: all(at > now for _, at in self.query("timestamp(up)") or [({}, 0)]),
                       what="a scrape")
        now = datetime.datetime.now(datetime.timezone.utc)
        eventually(lambda: all(_time(group["lastEvaluation"]) > now
                               for group in self._ask("rules")["groups"]), what="an evaluation")

    def rules(self) -> list[dict]:
        return [rule for group in self._ask("rules")["groups"] for rule in group["rules"]]

    def alerts(self) -> list[dict]:
        return self._ask("alerts")["alerts"]

    def targets(self) -> list[dict]:
        return self._ask("targets")["activeTargets"]

    def stop(self) -> None:
        self._daemon.stop()
        self._port.release()
