# SPDX-License-Identifier: Apache-2.0
"""The alerts that a fault raises: the shipped rules, judged by promtool over what a process has shown
before and during the fault, as if the fault went on."""

from __future__ import annotations

import math
import re
import tempfile
from pathlib import Path

import yaml

from .daemon import run_command
from .dashboard import metric_names
from .metrics import Samples

RULES = Path(__file__).resolve().parents[2] / "deploy" / "prometheus" / "entrepot.rules.yml"
TARGET = {"job": "entrepot", "instance": "mirror:5080"}
QUIET, FAULT = 30, 20  # minutes; longer than the `for` of each alert
# Its histogram tells how busy the machine of the tests is.
NOT_JUDGED = {"EntrepotLoopLag"}
FIRING = 'group by (alertname) (ALERTS{alertstate="firing"})'


def _rules() -> dict[str, str]:
    """The expressions by alert."""
    return {rule["alert"]: rule["expr"] for group in yaml.safe_load(RULES.read_text())["groups"]
            for rule in group["rules"]}


def _series(samples: Samples | None) -> dict[tuple[str, tuple], float]:
    """The samples that the rules read."""
    read = set().union(*(metric_names(expression) for alert, expression in _rules().items()
                         if alert not in NOT_JUDGED))
    up = {("up", ()): 0.0 if samples is None else 1.0}
    return up | {(name, tuple(sorted(labels.items()))): value
                 for name, labels, value in (samples.samples if samples else ())
                 if name in read and not math.isnan(value)}


def _name(series: tuple[str, tuple]) -> str:
    name, labels = series
    inside = ",".join(f"{key}={_quoted(value)}" for key, value in (*TARGET.items(), *labels))
    return f"{name}{{{inside}}}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _values(counter: bool, before: float | None, during: float | None) -> str:
    """A counter goes on as it has during the fault, once a minute; a gauge stays. A counter that is
    less than before is one of another process."""
    quiet = f"_x{QUIET}" if before is None else f"{before!r}+0x{QUIET - 1}"
    if during is None:
        return f"{quiet} _x{FAULT}"
    step = max(0.0, during - (before or 0.0)) if counter else 0.0
    return f"{quiet} {during!r}+{step!r}x{FAULT - 1}"


def fired(before: Samples, during: Samples | None) -> set[str]:
    """The names of the alerts. `during` None: the process does not run."""
    types = before.types | (during.types if during else {})
    quiet, fault = _series(before), _series(during)
    inputs = [{"series": _name(one), "values": _values(types.get(one[0]) == "counter", quiet.get(one),
                                                       fault.get(one))}
              for one in sorted(quiet.keys() | fault.keys())]
    # promtool compares with what is expected and prints what there is: the quiet time must be
    # without any alert, and nothing else can be expected beforehand.
    test = {"rule_files": [str(RULES)], "evaluation_interval": "1m",
            "tests": [{"interval": "1m", "input_series": inputs, "promql_expr_test": [
                {"expr": FIRING, "eval_time": f"{QUIET - 1}m", "exp_samples": []},
                {"expr": f"{FIRING} or vector(-1)", "eval_time": f"{QUIET + FAULT - 1}m",
                 "exp_samples": []}]}]}
    with tempfile.TemporaryDirectory(prefix="alerts-") as directory:
        file = Path(directory) / "drill.yml"
        file.write_text(yaml.safe_dump(test))
        said = run_command("promtool", "test", "rules", file, check=False).stdout
    assert said.count("expr: ") == 1, f"promtool says before the fault, or of the test itself:\n{said}"
    return set(re.findall(r'alertname="(\w+)"', said.partition("got:")[2])) - NOT_JUDGED
