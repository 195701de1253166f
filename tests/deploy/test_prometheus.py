# SPDX-License-Identifier: Apache-2.0
"""deploy/grafana and deploy/prometheus against a real Prometheus that scrapes the real process
while it works and while everything fails: every panel has data, every alert can fire."""

from __future__ import annotations

import math
import re
import time
import xml.etree.ElementTree as xml
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from draw_dashboard import Picture
from support.busy_mirror import CACHE, BusyMirror
from support.daemon import run_command
from support.dashboard import Dashboard, expand, metric_names, selectors
from support.metrics import Samples
from support.prometheus import Prometheus, Series

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
OPERATIONS = DEPLOY.parent / "docs" / "operations.md"
RULES = DEPLOY / "prometheus" / "entrepot.rules.yml"
DASHBOARD = Dashboard()
QUERIES = {query.name: query for query in DASHBOARD.queries}
ALERTS = {rule["alert"]: rule for group in yaml.safe_load(RULES.read_text())["groups"]
          for rule in group["rules"]}

# Stands for the address under which an operator reads the documents.
HOME = "https://example.com/entrepot"

# Metrics that no panel shows, with the reason.
NOT_SHOWN = {
    "entrepot_request_duration_seconds": "it is the clients' speed; the first byte is ours",
    "process_virtual_memory_bytes": "address space costs nothing",
}
# Made by Prometheus itself.
NOT_OURS = {"up", "ALERTS"}
# Alerts that need more than a minute, or a bug of ours: only promtool's tests let them fire.
TOO_SLOW = {"EntrepotHitRatioCollapse", "EntrepotClientLimited", "EntrepotDescriptors",
            "EntrepotJobFailed", "EntrepotLoginsRefused", "EntrepotReplacementFailed",
            "EntrepotIssuerKeys", "EntrepotForwarding", "EntrepotReloadRefused",
            "EntrepotUnused", "EntrepotCacheNoRoom", "EntrepotDenialsUnreadable"}


@dataclass
class Seen:
    """The samples, alerts and panels of one life, with good days and bad ones."""

    samples: Samples               # /metrics after the trouble
    quiet: Series                  # alerts in the good days
    panels: dict[str, Series]      # by the query's name, after the trouble
    selected: dict[str, Series]    # by selector
    rules: list[dict]
    firing: list[dict]             # alerts that were seen firing, with their annotations
    asked_of_upstreams: int        # bytes of bodies, as the registries count them
    picture: str


def good_days(mirror: BusyMirror) -> None:
    for _ in range(10):
        mirror.pull()
        mirror.pull(upstream="ghcr.io")
    for _ in range(3):
        mirror.pull_new_image()
    mirror.pull_together()
    mirror.read_lazily()
    mirror.ask_wrongly()
    assert mirror.log_in() == 200
    mirror.be_refused()
    mirror.pull_many(CACHE)


def bad_days(mirror: BusyMirror, prometheus: Prometheus) -> list[dict]:
    mirror.pull_too_large()
    mirror.break_a_download()
    mirror.send_wrong_bytes()
    mirror.change_stored_bytes()
    mirror.be_limited()
    mirror.spend_the_budget()
    mirror.lose_an_endpoint()
    mirror.let_a_certificate_end()  # SIGHUP replaces upstreams with accounts
    mirror.lose_the_account()
    mirror.lose_a_registry()
    mirror.fail_the_disk()
    mirror.slow_a_loop()
    held = mirror.take_all_connections()
    prometheus.wait_scraped(2)
    for connection in held:
        connection.close()
    return prometheus.alerts()


def worst_days(mirror: BusyMirror, prometheus: Prometheus) -> list[dict]:
    for _ in range(3):
        mirror.restart()
        prometheus.wait_scraped()
    alerts = prometheus.alerts()
    mirror.entrepot.terminate()
    prometheus.wait_scraped()
    return alerts + prometheus.alerts()


def all_selectors() -> set[str]:
    expressions = [query.expression for query in DASHBOARD.queries]
    expressions += [alert["expr"] for alert in ALERTS.values()]
    return {selector for expression in expressions for selector in selectors(expression)}


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    directory = tmp_path_factory.mktemp("busy")
    mirror = BusyMirror(directory)
    prometheus = None
    try:
        mirror.start()
        prometheus = Prometheus(directory / "prometheus",
                                mirror.entrepot.config["admin"]["address"])
        prometheus.wait_scraped(2)
        began = time.time()
        good_days(mirror)
        prometheus.wait_scraped(2)
        quiet = prometheus.query("ALERTS")
        firing = bad_days(mirror, prometheus)
        samples = mirror.entrepot.metrics()
        asked = sum(request.bytes_sent for upstream in (mirror.near, mirror.far, mirror.other)
                    for request in upstream.requests())
        panels = {name: prometheus.query(expand(query.expression))
                  for name, query in QUERIES.items()}
        selected = {selector: prometheus.query(expand(selector)) for selector in all_selectors()}
        rules = prometheus.rules()
        picture = Picture(prometheus, {}, began, time.time()).draw(DASHBOARD)
        firing += worst_days(mirror, prometheus)
        yield Seen(samples, quiet, panels, selected, rules,
                   [alert for alert in firing if alert["state"] == "firing"], asked, picture)
    finally:
        if prometheus:
            prometheus.stop()
        mirror.close()


# The files by themselves.


@pytest.mark.parametrize("command", [("check", "config", "prometheus.yml"),
                                     ("check", "rules", "entrepot.rules.yml"),
                                     ("test", "rules", "entrepot.rules_test.yml")],
                         ids=lambda command: " ".join(command[:2]))
def test_promtool(command):
    run_command("promtool", *command[:2], DEPLOY / "prometheus" / command[2])


@pytest.mark.parametrize("name", ALERTS)
def test_alert_is_tested_and_explained(name):
    tests = (DEPLOY / "prometheus" / "entrepot.rules_test.yml").read_text()
    assert f'alertname="{name}",alertstate="firing"' in tests, "promtool never sees it fire"
    assert ALERTS[name]["labels"]["severity"] in ("critical", "warning")
    assert ALERTS[name]["annotations"]["runbook_url"] == f"{HOME}/docs/operations.md#{name.lower()}"
    assert f"\n### {name}\n" in OPERATIONS.read_text()


def test_every_runbook_explains_an_alert():
    assert set(re.findall(r"^### (Entrepot\w+)$", OPERATIONS.read_text(), re.M)) == set(ALERTS)


def test_dashboard_is_well_formed():
    panels = DASHBOARD.panels
    ids = Counter(panel.document["id"] for panel in panels)
    assert max(ids.values()) == 1, ids
    assert len({panel.title for panel in panels}) == len(panels), "two panels of one name"
    cells = Counter((x, y) for panel in panels
                    for x in range(panel.x, panel.x + panel.width)
                    for y in range(panel.y, panel.y + panel.height))
    assert max(cells.values()) == 1, "panels lie on each other"
    assert all(0 <= panel.x and panel.x + panel.width <= 24 for panel in panels)
    for panel in panels:
        assert panel.kind == "row" or panel.document["description"], panel.title
        for target in panel.document.get("targets", []):
            assert target["datasource"]["uid"] == "${datasource}", panel.title


def test_dashboard_uses_its_variables():
    """Each query selects the chosen processes, and the chosen upstreams if its metric has that
    label."""
    assert {"datasource", "job", "instance", "upstream"} == set(DASHBOARD.variables)
    for query in DASHBOARD.queries:
        for selector in selectors(query.expression):
            if not selector.startswith("ALERTS"):
                assert 'job=~"$job",instance=~"$instance"' in selector, query.name
    text = str(DASHBOARD.document)
    assert set(re.findall(r"\$\{?([a-z]\w+)", text)) == set(DASHBOARD.variables)


def test_queries_select_the_upstream_if_the_metric_has_it(seen):
    with_upstream = {name for name, labels, _ in seen.samples.samples if "upstream" in labels}
    for query in DASHBOARD.queries:
        for selector in selectors(query.expression):
            if selector.partition("{")[0] in with_upstream:
                assert 'upstream=~"$upstream"' in selector, query.name


def test_provisioning():
    folder = DEPLOY / "grafana" / "provisioning"
    source = yaml.safe_load((folder / "datasources" / "prometheus.yaml").read_text())
    scrapes = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    assert source["datasources"][0]["type"] == "prometheus"
    assert source["datasources"][0]["jsonData"]["timeInterval"] == (
        scrapes["global"]["scrape_interval"])
    provider = yaml.safe_load((folder / "dashboards" / "entrepot.yaml").read_text())
    assert provider["providers"][0]["options"]["path"]


def test_service_monitors_keep_our_label():
    """The Prometheus operator adds a label "endpoint" to targets, which would replace ours."""
    monitors = yaml.safe_load_all(
        (DEPLOY / "kubernetes" / "monitoring" / "servicemonitors.yaml").read_text())
    endpoints = [endpoint for monitor in monitors for endpoint in monitor["spec"]["endpoints"]]
    assert endpoints and all(endpoint.get("honorLabels") for endpoint in endpoints)


# Names: a change of a metric, of a label or of a label's value needs a change here.


def family(samples: Samples, name: str) -> str:
    """The series of a histogram have suffixes."""
    base = re.sub(r"_(bucket|sum|count)$", "", name)
    return base if samples.types.get(base) == "histogram" else name


def used_names() -> set[str]:
    document = DASHBOARD.document
    expressions = [query.expression for query in DASHBOARD.queries]
    expressions += [alert["expr"] for alert in ALERTS.values()]
    expressions += [one["definition"] for one in DASHBOARD.variables.values() if "definition" in one]
    expressions += [one["expr"] for one in document["annotations"]["list"]]
    return {name for expression in expressions for name in metric_names(expression)} - NOT_OURS


def test_queried_metrics_exist(seen):
    missing = {name for name in used_names()
               if family(seen.samples, name) not in seen.samples.types}
    assert not missing


def test_every_metric_is_shown(seen):
    shown = {family(seen.samples, name) for name in used_names()}
    assert set(seen.samples.types) - shown - set(NOT_SHOWN) == set()
    assert not shown & set(NOT_SHOWN), "these are shown"


def label_words(selector: str) -> list[tuple[str, str]]:
    """The labels of a selector with each plain word that they match or exclude."""
    return [(label, word)
            for label, values in re.findall(r'(\w+)(?:=~?|!=|!~)"([^"$]*)"', selector)
            for word in values.split("|") if re.fullmatch(r"[a-z][\w-]*", word)]


@pytest.mark.parametrize("selector", sorted(all_selectors()))
def test_selector_finds_series(seen, selector):
    assert seen.selected[selector], "no series"
    name = selector.partition("{")[0]
    for label, word in label_words(selector) if name not in NOT_OURS else []:
        assert any(word == labels.get(label) for full, labels, _ in seen.samples.samples
                   if full == name), f"no series of {name} has {label} {word!r}"


# Panels.


@pytest.mark.parametrize("name", QUERIES)
def test_panel_has_data(seen, name):
    series = [(labels, value) for labels, value in seen.panels[name] if not math.isnan(value)]
    assert series, QUERIES[name].expression
    for label in re.findall(r"\{\{(\w+)\}\}", QUERIES[name].legend):
        assert all(labels.get(label) for labels, _ in series), f"no label {label} for the legend"


def only_value(seen: Seen, name: str) -> float:
    (_, value), = seen.panels[f"{name} A"]
    return value


def test_shares_are_between_0_and_1(seen):
    for panel in DASHBOARD.panels:
        # A refused client is connected for a moment, so limits in use may exceed 1.
        if panel.unit == "percentunit" and panel.title != "Limits in use":
            for query in panel.queries:
                assert all(0 <= value <= 1 for _, value in seen.panels[query.name]), panel.title


def test_hit_ratio_is_that_of_the_counters(seen):
    def requests(*outcomes: str) -> float:
        return sum(seen.samples.sum("requests_total", kind=kind, outcome=outcome)
                   for kind in ("blob", "manifest") for outcome in outcomes)
    ours = requests("hit", "revalidated", "stale")
    fed = ours + requests("miss", "joined", "bypass")
    assert only_value(seen, "Hit ratio, requests") == pytest.approx(ours / fed, abs=0.02)


def test_savings_are_the_bytes_not_fetched(seen):
    sent = seen.samples.sum("response_bytes_total")
    share = 1 - seen.asked_of_upstreams / sent
    assert only_value(seen, "Saved, of bytes sent") == pytest.approx(share, abs=0.03)
    assert only_value(seen, "Waiting spared") > 0


def test_the_picture_shows_every_panel(seen):
    texts = {element.text for element in xml.fromstring(seen.picture).iter()}
    assert {panel.title for panel in DASHBOARD.panels} <= texts
    assert "no data" not in texts


# Alerts.


def test_rules_are_judged_without_errors(seen):
    assert {rule["name"]: rule["health"] for rule in seen.rules} == dict.fromkeys(ALERTS, "ok")


def test_a_good_day_raises_no_alert(seen):
    """Except the alert of a machine that is busy with other tests."""
    assert {labels["alertname"] for labels, _ in seen.quiet} <= {"EntrepotLoopLag"}


@pytest.mark.parametrize("name", sorted(set(ALERTS) - TOO_SLOW))
def test_alert_fires(seen, name):
    alerts = [alert for alert in seen.firing if alert["labels"]["alertname"] == name]
    assert alerts, f"these did: {sorted({alert['labels']['alertname'] for alert in seen.firing})}"
    for alert in alerts:
        for text in alert["annotations"].values():
            assert "<no value>" not in text and "<error" not in text, text
