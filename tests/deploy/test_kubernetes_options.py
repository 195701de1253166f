# SPDX-License-Identifier: Apache-2.0
"""deploy/kubernetes-options and the objects of the monitoring: what they change, and what they are made from."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from support.daemon import run_command
from support.kubernetes import MANIFESTS, ROOT, Objects, name_of, pod_of, render
from support.kubernetes_schema import problems_of

OPTIONS = ROOT / "deploy" / "kubernetes-options"
PRINTED = MANIFESTS / "monitoring" / "objects.sh"


def kubectl_minor() -> int:
    version = run_command("kubectl", "version", "--client", "-o", "json").stdout
    return int(re.match(r"\d+", json.loads(version)["clientVersion"]["minor"])[0])


@pytest.fixture(scope="module")
def before() -> Objects:
    return Objects.of(".")


@pytest.fixture(scope="module")
def after() -> Objects:
    if kubectl_minor() < 21:
        pytest.skip("this kubectl knows no folders among the resources")
    return Objects(render(OPTIONS))


def without(document: dict, *path: str) -> dict:
    """A copy without one field."""
    key, *rest = path
    return {name: without(value, *rest) if rest and name == key else value
            for name, value in document.items() if rest or name != key}


# --- The options.


def test_the_api_accepts_the_options(after):
    problems = {name_of(one): found for one in after.documents if (found := problems_of(one))}
    assert not problems, json.dumps(problems, indent=2)


def test_every_option_is_used():
    document = yaml.safe_load((OPTIONS / "kustomization.yaml").read_text())
    used = {*document["resources"], *(patch["path"] for patch in document["patches"])}
    assert used - {"../kubernetes"} == {file.name for file in OPTIONS.iterdir()} - {"kustomization.yaml"}


def test_options_change_only_their_fields(before, after):
    """Everything else is as in deploy/kubernetes."""
    added = {name_of(one) for one in after.documents} - {name_of(one) for one in before.documents}
    assert added == {"Service entrepot/entrepot-outside", "Ingress entrepot/entrepot"}
    changed = {name_of(one): one for one in after.documents}
    for old in before.documents:
        new = changed[name_of(old)]
        if old["kind"] in ("DaemonSet", "StatefulSet"):
            assert pod_of(new)["imagePullSecrets"] == [{"name": "entrepot-image"}]
            new = without(new, "spec", "template", "spec", "imagePullSecrets")
        if old["kind"] == "DaemonSet":
            # The folder of containerd is another one wherever it is named, and nothing else.
            text = json.dumps(new).replace("/var/lib/rancher/k3s/agent/etc/containerd", "/etc/containerd")
            new = json.loads(text)
            for one in (old, new):
                for part in ("volumes", "initContainers"):
                    pod_of(one)[part].sort(key=lambda each: each["name"])
        if old["kind"] == "NetworkPolicy":
            assert new["spec"]["egress"][:-1] == old["spec"]["egress"]
            assert [port["port"] for port in new["spec"]["egress"][-1]["ports"]] == [3128, 5000]
            rules = new["spec"]["ingress"]
            if "site" in old["metadata"]["name"]:
                *rules, clients = rules
                assert clients["from"][0] == {"ipBlock": {"cidr": "10.0.0.0/8"}}
                assert [port["port"] for port in clients["ports"]] == [5000]  # never the admin port
            assert rules == old["spec"]["ingress"]
            old, new = (without(without(one, "spec", "egress"), "spec", "ingress") for one in (old, new))
        assert new == old


def test_the_ways_from_outside_lead_to_clients_only(after):
    """Neither the load balancer nor the ingress leads to the admin port."""
    outside = after.one("Service", "entrepot-outside")["spec"]
    inside = after.one("Service", "entrepot")
    assert outside["selector"] == inside["spec"]["selector"]
    assert [(one["port"], one["targetPort"]) for one in outside["ports"]] == [(5000, "registry")]
    assert outside["externalTrafficPolicy"] == "Local" and outside["loadBalancerSourceRanges"]
    ingress = after.one("Ingress")
    path, = ingress["spec"]["rules"][0]["http"]["paths"]
    assert path["backend"]["service"] == {"name": "entrepot", "port": {"name": "registry"}}
    assert ingress["metadata"]["namespace"] == inside["metadata"]["namespace"]
    assert ingress["spec"]["tls"][0]["hosts"] == [ingress["spec"]["rules"][0]["host"]]


# --- The monitoring.


def printed(*options: str) -> dict[str, list[dict]]:
    documents = list(yaml.safe_load_all(run_command(PRINTED, *options).stdout))
    assert not {name_of(one): found for one in documents if (found := problems_of(one))}
    kinds: dict[str, list[dict]] = {}
    for one in documents:
        kinds.setdefault(one["kind"], []).append(one)
    return kinds


def test_the_objects_are_made_from_the_files_themselves():
    objects = printed()
    assert set(objects) == {"ServiceMonitor", "PrometheusRule", "ConfigMap"}
    rules = yaml.safe_load((ROOT / "deploy/prometheus/entrepot.rules.yml").read_text())
    assert objects["PrometheusRule"][0]["spec"] == rules
    dashboard = objects["ConfigMap"][0]
    assert dashboard["data"] == {"entrepot.json": (ROOT / "deploy/grafana/entrepot.json").read_text()}
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert sorted(objects["ServiceMonitor"], key=name_of) == sorted(
        Objects.of("monitoring").documents, key=name_of)


def test_the_options_of_the_objects():
    objects = printed("--label", "release=kube-prometheus", "--namespace", "observe",
                      "--docs", "https://wiki.example/entrepot/docs/")
    for one in (one for kind in objects.values() for one in kind):
        assert one["metadata"]["labels"]["release"] == "kube-prometheus", name_of(one)
        assert one["metadata"]["labels"]["app.kubernetes.io/name"] == "entrepot"
        assert "release" not in json.dumps(one.get("spec", {}))
    for kind in ("PrometheusRule", "ConfigMap"):
        assert objects[kind][0]["metadata"]["namespace"] == "observe"
    for rule in objects["PrometheusRule"][0]["spec"]["groups"][0]["rules"]:
        assert rule["annotations"]["runbook_url"] == (
            f"https://wiki.example/entrepot/docs/operations.md#{rule['alert'].lower()}")


@pytest.mark.parametrize("options", [("--label",), ("--other", "x"), ("x",)])
def test_wrong_options_are_refused(options):
    done = run_command(PRINTED, *options, check=False)
    assert done.returncode == 64 and done.stdout.startswith("usage: ")
