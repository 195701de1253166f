# SPDX-License-Identifier: Apache-2.0
"""Faults of each kind, one at a time: a person finds the cause from the log alone, from `entrepot status`
alone, or from the alert; clients get what they can get. Each row of the tables names what is to be
seen."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import machine_drills  # noqa: F401
import registry_drills  # noqa: F401
from drill import DRILLS, Drill
from support.alerts import fired
from support.gate import eventually
from typos import TYPOS

OPERATIONS = Path(__file__).resolve().parents[2] / "docs" / "operations.md"


def patterns(scene, texts: tuple[str, ...]) -> list[str]:
    # A pattern may have {3}, so format() cannot be used.
    def filled(text: str) -> str:
        return re.sub(r"\{([a-z]+)\}", lambda match: scene.words[match[1]], text)
    return [filled(text) for text in texts]


def missing(text: str, wanted: list[str]) -> list[str]:
    return [one for one in wanted if not re.search(one, text, re.M)]


def check_log(drill: Drill, scene) -> None:
    if scene.said:
        assert not missing(scene.said, patterns(scene, drill.log)), scene.said
        return
    for pattern in patterns(scene, drill.log):
        scene.entrepot.log.wait_for(pattern)


def exit_code_is(drill: Drill, code: int) -> bool:
    if not drill.runs:
        return code == 75
    return code in (0, 1) if drill.well is None else code == (0 if drill.well else 1)


def check_status(drill: Drill, scene) -> None:
    """The log thread hands its lines on a moment after the client has its answer."""
    wanted = patterns(scene, drill.status)
    code, text = scene.screen() if drill.runs else scene.screen_of_none()
    if drill.runs:
        def complete() -> bool:
            nonlocal code, text
            code, text = scene.screen()
            return not missing(text, wanted) and exit_code_is(drill, code)
        try:
            eventually(complete, timeout=5, what="the status")
        except AssertionError:
            pass
    assert not missing(text, wanted), text
    assert exit_code_is(drill, code), text


def check_api(drill: Drill, scene) -> None:
    assert drill.well in (None, scene.status()["well"])
    endpoint = scene.endpoint()
    error = endpoint["last_error"]
    assert endpoint["state"] == drill.state, endpoint
    if drill.error:
        assert error and error["reason"] == drill.error and not error["over"], endpoint


def check_metric(drill: Drill, scene, during) -> None:
    metric = drill.metric
    if metric is None:
        return
    value = during.sum(metric.name, **metric.labels)
    if metric.value is None:
        assert value > scene.before.sum(metric.name, **metric.labels), metric
    else:
        assert value == metric.value, metric


@pytest.mark.parametrize("drill", DRILLS, ids=lambda drill: re.sub(r"\W+", "-", drill.name).strip("-"))
def test_drill(drill, scene):
    drill.act(scene)
    check_log(drill, scene)
    check_status(drill, scene)
    during = None
    if drill.runs:
        check_api(drill, scene)
        during = scene.entrepot.metrics()
        check_metric(drill, scene, during)
    assert fired(scene.before, during) - set(drill.perhaps) == set(drill.alerts)


def rows() -> dict[str, str]:
    """The table of docs/operations.md."""
    section = OPERATIONS.read_text().split("\n## Drills\n")[1].split("\n## ")[0]
    return dict(re.findall(r"^\| ([^|]+) \| (.+) \|$", section, re.M))


def test_each_drill_is_documented():
    """With its alerts, and no others."""
    documented = rows()
    assert set(documented) - {"fault", "---"} == {drill.name for drill in DRILLS}
    for drill in DRILLS:
        assert set(re.findall(r"Entrepot[A-Z]\w+", documented[drill.name])) == {
            *drill.alerts, *drill.perhaps}, drill.name


def test_there_are_thirteen_typos():
    assert len(TYPOS) == 13
