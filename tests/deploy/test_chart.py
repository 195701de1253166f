# SPDX-License-Identifier: Apache-2.0
"""The Helm chart that deploy/release/chart.py makes: it installs the objects of deploy/kubernetes, and its values do what
deploy/kubernetes-options does. Rendered by helm where it is installed, else by its engine (tests/deploy/helm)."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import jsonschema
import pytest
import yaml

from support.daemon import run_command
from support.kubernetes import MANIFESTS, ROOT, Objects, container, name_of, pod_of, render
from support.kubernetes_schema import problems_of

MAKE = ROOT / "deploy/release/chart.py"
VERSION = "1.2.3"
KEPT = {"helm.sh/resource-policy": "keep"}
EVERYTHING = {
    "image": {"repository": "registry.example.com/entrepot", "pullSecrets": ["one", "two"]},
    "nodes": {"certsD": "/var/lib/rancher/k3s/agent/etc/containerd/certs.d",
              "containerd": "/var/lib/rancher/k3s/agent/etc/containerd"},
    "site": {"storage": "1Ti", "maxSize": "90%", "storageClass": "fast",
             "clients": [{"ipBlock": {"cidr": "10.0.0.0/8"}}],
             "loadBalancer": {"enabled": True, "annotations": {"networking.gke.io/load-balancer-type": "Internal"}},
             "ingress": {"enabled": True, "host": "mirror.example.com"}},
    "egress": {"ports": [3128, 5000]},
    "monitoring": {"enabled": True, "namespace": "observe", "labels": {"release": "kube-prometheus"}},
}


def make(sources: Path, directory: Path, check: bool = True) -> subprocess.CompletedProcess:
    return run_command("/usr/bin/python3", "-B", MAKE, sources, VERSION, directory / "chart.tgz", check=check,
                       env={"SOURCE_DATE_EPOCH": "1000000000"})


class Chart:
    def __init__(self, directory: Path):
        self.directory = directory
        make(ROOT, directory)
        with tarfile.open(directory / "chart.tgz") as archive:
            archive.extractall(directory)
        self.folder = directory / "entrepot"
        self._helm = shutil.which("helm")
        if self._helm:
            run_command("helm", "lint", "--strict", self.folder)
        else:
            run_command("go", "build", "-o", directory / "render", ROOT / "tests/deploy/helm/render.go", env={
                "GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOFLAGS": "", "CGO_ENABLED": "0",
                "GOCACHE": str(directory / "go-cache")})

    def render(self, values: dict, check: bool = True) -> subprocess.CompletedProcess:
        file = self.directory / "values.json"
        file.write_text(json.dumps(values))
        if self._helm:
            return run_command("helm", "template", "entrepot", self.folder, "--values", file, check=check)
        return run_command(self.directory / "render", self.folder, file, check=check)

    def objects(self, values: dict) -> Objects:
        jsonschema.validate(values, self.schema)  # as helm does
        return Objects([one for one in yaml.safe_load_all(self.render(values).stdout) if one])

    @property
    def schema(self) -> dict:
        return json.loads((self.folder / "values.schema.json").read_text())

    @property
    def values(self) -> dict:
        return yaml.safe_load((self.folder / "values.yaml").read_text())


@pytest.fixture(scope="module")
def chart(tmp_path_factory) -> Chart:
    return Chart(tmp_path_factory.mktemp("chart"))


def comparable(objects: Objects) -> dict[str, dict]:
    """By name, without the two ways to roll out a changed file (the hash in the name of a config map, and the
    annotation of helm), and without the annotation for `helm uninstall`."""
    text = json.dumps(objects.documents)
    for one in objects.all("ConfigMap"):
        name = one["metadata"]["name"]
        text = text.replace(name, re.sub(r"-[0-9a-z]{10}$", "", name))
    found = {}
    for one in json.loads(text):
        template = one.get("spec", {}).get("template", {}).get("metadata", {})
        template.get("annotations", {}).pop("checksum/files", None)
        if template.get("annotations") == {}:
            del template["annotations"]
        if one["kind"] == "Namespace" and one["metadata"].get("annotations") == KEPT:
            del one["metadata"]["annotations"]
        found[name_of(one)] = one
    return found


# --- The same objects.


@pytest.mark.parametrize("values, folder", [
    ({}, "."), ({"site": {"enabled": False}}, "nodes"), ({"nodes": {"enabled": False}}, "site")])
def test_it_installs_the_objects_of_the_manifests(chart, values, folder):
    version = re.search(r"project\(entrepot VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())[1]
    values = {**values, "image": {"tag": version}}  # the chart here has another
    assert comparable(chart.objects(values)) == comparable(Objects.of(folder))


def test_the_api_accepts_every_option(chart):
    objects = chart.objects(EVERYTHING)
    problems = {name_of(one): found for one in objects.documents if (found := problems_of(one))}
    assert not problems, json.dumps(problems, indent=2)


def test_uninstall_keeps_the_volume(chart):
    """As NOTES.txt says: the namespace stays, which has the claim of the StatefulSet, no object of the release."""
    objects = chart.objects({})
    holds = [one for one in objects.all("Namespace") if one["metadata"]["name"] == "entrepot"]
    assert [one["metadata"].get("annotations") for one in holds] == [KEPT]
    assert not objects.all("PersistentVolumeClaim") and objects.one("StatefulSet")["metadata"]["namespace"] == "entrepot"


def test_options_arrive(chart):
    objects = chart.objects(EVERYTHING)
    for workload in objects.workloads:
        assert pod_of(workload)["imagePullSecrets"] == [{"name": "one"}, {"name": "two"}]
        assert container(workload, "entrepot")["image"] == f"registry.example.com/entrepot:{VERSION}"
    paths = [volume["hostPath"]["path"] for volume in pod_of(objects.one("DaemonSet"))["volumes"]
             if volume["name"] == "certs-d"]
    assert paths == [EVERYTHING["nodes"]["certsD"]]
    # The same folders as with the patch for k3s.
    patched = Objects(render(ROOT / "deploy/kubernetes-options")).one("DaemonSet")
    for one in (objects.one("DaemonSet"), patched):
        check = container(one, "check-containerd")
        assert set(check["command"]) >= {
            "--check-folder=" + EVERYTHING["nodes"]["certsD"],
            "--containerd-config=" + EVERYTHING["nodes"]["containerd"] + "/config.toml"}
        assert [mount["mountPath"] for mount in check["volumeMounts"]] == ["/host" + EVERYTHING["nodes"]["containerd"]]
    site = objects.one("StatefulSet")
    assert container(site, "entrepot")["command"][-2:] == ["-s", "cache.max_size=90%"]
    claim = site["spec"]["volumeClaimTemplates"][0]["spec"]
    assert (claim["storageClassName"], claim["resources"]["requests"]["storage"]) == ("fast", "1Ti")
    for policy in objects.all("NetworkPolicy"):
        assert [port["port"] for port in policy["spec"]["egress"][-1]["ports"]] == [443, 3128, 5000]
        prometheus = policy["spec"]["ingress"][-1]
        assert [port["port"] for port in prometheus["ports"]] == [5080]
        assert prometheus["from"][0]["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "observe"}
    clients = objects.one("NetworkPolicy", "entrepot-site")["spec"]["ingress"][1]
    assert clients["from"] == EVERYTHING["site"]["clients"]
    assert [port["port"] for port in clients["ports"]] == [5000]  # never the admin port


def test_the_ways_from_outside(chart):
    objects = chart.objects(EVERYTHING)
    outside = objects.one("Service", "entrepot-outside")
    assert outside["metadata"]["annotations"] == EVERYTHING["site"]["loadBalancer"]["annotations"]
    assert outside["spec"]["loadBalancerSourceRanges"] == ["10.0.0.0/8"]
    ingress = objects.one("Ingress")
    assert ingress["spec"]["rules"][0]["host"] == "mirror.example.com"
    assert ingress["spec"]["tls"] == [{"hosts": ["mirror.example.com"], "secretName": "entrepot-ingress"}]
    shipped = yaml.safe_load((ROOT / "deploy/kubernetes-options/ingress.yaml").read_text())
    assert ingress["metadata"]["annotations"] == shipped["metadata"]["annotations"]


def test_the_monitoring_is_the_printed_one(chart):
    objects = chart.objects(EVERYTHING)
    printed = Objects(list(yaml.safe_load_all(run_command(
        MANIFESTS / "monitoring/objects.sh", "--namespace", "observe", "--label",
        "release=kube-prometheus").stdout)))
    ours = comparable(objects)
    for name, one in comparable(printed).items():
        assert ours[name] == one, name
    assert len(chart.objects({"monitoring": {"enabled": True}, "nodes": {"enabled": False}}).all("ServiceMonitor")) == 1
    assert not chart.objects({}).all("ServiceMonitor")


def test_own_files_reach_the_pods(chart):
    own = '{ "log": { "level": "warn" } } // <&>\n'
    before, after = (chart.objects({"nodes": {"config": config, "registries": registries}})
                     for config, registries in (("", ""), (own, "docker.io https://registry-1.docker.io\n")))
    files = after.config(after.one("DaemonSet"))
    assert files["entrepot.json"] == own and files["registries"].startswith("docker.io ")
    sums = [one.one("DaemonSet")["spec"]["template"]["metadata"]["annotations"]["checksum/files"]
            for one in (before, after)]
    assert sums[0] != sums[1], "a changed file rolls out"


def test_another_volume_needs_another_size(chart):
    done = chart.render({"site": {"storage": "1Ti"}}, check=False)
    assert done.returncode != 0 and "site.maxSize" in done.stdout


# --- The values.


def keys_of(value, path: str = "") -> set[str]:
    if not isinstance(value, dict) or path.endswith("annotations") or not value and path:
        return {path}
    return {found for key, inner in value.items() for found in keys_of(inner, f"{path}.{key}")}


def keys_of_schema(schema: dict, path: str = "") -> set[str]:
    if "properties" not in schema:
        return {path}
    return {found for key, inner in schema["properties"].items() for found in keys_of_schema(inner, f"{path}.{key}")}


def test_values_schema_and_templates_know_the_same_keys(chart):
    keys = keys_of(chart.values)
    assert keys_of_schema(chart.schema) - {".global"} == keys
    templates = "".join(file.read_text() for file in (chart.folder / "templates").iterdir())
    used = set(re.findall(r"\.Values((?:\.\w+)+)", templates))
    assert used == keys
    jsonschema.validate(chart.values, chart.schema)


@pytest.mark.parametrize("values", [
    {"images": {}}, {"image": {"tag": 1.2}}, {"nodes": {"certsD": "etc/containerd"}}, {"site": {"maxSize": "much"}},
    {"egress": {"ports": ["3128"]}}, {"site": {"loadBalancer": {"sourceRanges": []}}}, {"namespaces": {"create": "no"}}])
def test_wrong_values_are_refused(chart, values):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(values, chart.schema)


# --- The script.


def changed_sources(directory: Path, file: str, before: str, after: str) -> Path:
    sources = directory / "sources"
    for folder in ("kubernetes", "kubernetes-options", "helm", "prometheus", "grafana"):
        shutil.copytree(ROOT / "deploy" / folder, sources / "deploy" / folder)
    shutil.copy(ROOT / "LICENSE", sources)
    text = (sources / file).read_text()
    assert before in text
    (sources / file).write_text(text.replace(before, after))
    return sources


@pytest.mark.parametrize("file, before, after, problem", [
    ("nodes/daemonset.yaml", "path: /etc/containerd/certs.d", "path: /etc/other", "has 0 times"),
    ("nodes/daemonset.yaml", "name: own-cache", "name: '{{ x }}'", "begins an expression"),
    ("kustomization.yaml", "  - nodes/service.yaml", "  - nodes/service.yaml\n  - nodes/more.yaml", "nodes/more.yaml")])
def test_a_changed_manifest_is_told(tmp_path, file, before, after, problem):
    done = make(changed_sources(tmp_path, f"deploy/kubernetes/{file}", before, after), tmp_path, check=False)
    assert done.returncode == 1 and problem in done.stdout
