# SPDX-License-Identifier: Apache-2.0
"""deploy/kubernetes: rendered by kubectl, compared with the API's types, with itself and with the
built binary."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator
from urllib.parse import urlsplit

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from support import client  # noqa: E402
from support import entrepot as process  # noqa: E402
from support.daemon import Daemon, ShortDirectory, run_command  # noqa: E402
from support.gate import eventually  # noqa: E402
from support.kubernetes import (MANIFESTS, ROOT, Objects, container, containers_of,  # noqa: E402
                                may_pass, name_of, pod_of, selects, short_of_restricted,
                                without_comments)
from support.kubernetes_schema import problems_of  # noqa: E402

FOLDERS = sorted(str(file.parent.relative_to(MANIFESTS))
                 for file in MANIFESTS.rglob("kustomization.yaml"))
APPLIED = [".", "nodes", "site"]  # the containers that run Entrepot


@pytest.fixture(scope="module")
def rendered() -> dict[str, Objects]:
    return {folder: Objects.of(folder) for folder in FOLDERS}


@pytest.fixture(params=APPLIED)
def objects(request, rendered) -> Objects:
    return rendered[request.param]


@pytest.fixture
def both(rendered) -> Objects:
    return rendered["."]


def node(objects: Objects) -> dict:
    return objects.one("DaemonSet")


def site(objects: Objects) -> dict:
    return objects.one("StatefulSet")


# --- The API.


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_api_accepts_every_object(rendered, folder):
    documents = rendered[folder].documents
    assert documents
    problems = {name_of(one): found for one in documents if (found := problems_of(one))}
    assert not problems, json.dumps(problems, indent=2)
    names = [name_of(one) for one in documents]
    assert len(set(names)) == len(names)


# Each is a mistake that the check above must find.
BROKEN = [
    ("spec.template.spec.containers[1].imagePullPolice", "IfNotPresent", "unknown"),
    ("spec.template.spec.containers[1].imagePullPolicy", "Sometimes", "is none of"),
    ("spec.template.spec.containers[1].name", None, "missing"),
    ("spec.template.spec.containers[1].ports[0].containerPort", "5000", "is no int"),
    ("spec.template.spec.containers[1].ports[0].name", "a-name-of-17-long", "no such name"),
    ("spec.template.spec.containers[1].livenessProbe.exec", {"command": ["true"]}, "2 handlers"),
    ("spec.template.spec.containers[1].readinessProbe.tcpSocket.port", None, "missing"),
    ("spec.template.spec.containers[1].resources.limits.memory", "512MB", "no quantity"),
    ("spec.template.spec.containers[1].command", "entrepot", "not a list"),
    ("spec.template.spec.securityContext.runAsNonRoot", "true", "is no bool"),
    ("spec.template.spec.securityContext.readOnlyRootFilesystem", True, "unknown"),
    ("spec.template.spec.volumes[0].name", None, "missing"),
    ("spec.template.metadata.labels.x", "not a label", "no label"),
    ("spec.selector", None, "missing"),
    ("spec.updateStrategy.rollingUpdate.maxUnavailable", True, "IntOrString"),
    ("metadata.namespace", None, "missing"),
    ("apiVersion", "extensions/v1beta1", "the API has no"),
    ("kind", "DaemonSets", "the API has no"),
]


@pytest.mark.parametrize("path, value, problem", BROKEN, ids=[one[0] + one[2] for one in BROKEN])
def test_the_check_sees_mistakes(rendered, path, value, problem):
    document = copy.deepcopy(node(rendered["nodes"]))
    *outer, last = re.findall(r"\w+", path)
    place = document
    for step in outer:
        place = place[int(step) if step.isdigit() else step]
    if value is None:
        del place[last]
    else:
        place[last] = value
    assert any(problem in one for one in problems_of(document)), problems_of(document)


def test_the_check_sees_mistakes_in_a_service_monitor(rendered):
    good = rendered["monitoring"].all("ServiceMonitor")[0]
    assert not problems_of(good)
    for change in ({"endpoint": []}, {"endpoints": [{"port": 5080}]}, {"jobLabel": None}):
        assert problems_of({**good, "spec": {**good["spec"], **change}}), change
    assert problems_of({**good, "spec": {"endpoints": good["spec"]["endpoints"]}})


def test_every_file_is_used():
    used = set()
    for kustomization in MANIFESTS.rglob("kustomization.yaml"):
        used.add(kustomization)
        document = yaml.safe_load(kustomization.read_text())
        # The fields that kubectl has known since 1.14: no folders, no patches.
        assert set(document) <= {"apiVersion", "kind", "images", "resources", "configMapGenerator"}
        names = [*document["resources"],
                 *(name.rpartition("=")[2] for generator in document.get("configMapGenerator", [])
                   for name in generator["files"])]
        used |= {kustomization.parent / name for name in names}
    printed = {MANIFESTS / "monitoring" / "objects.sh"}  # by itself
    assert used | printed == {file for file in MANIFESTS.rglob("*") if file.is_file()}


def test_both_holds_the_nodes_and_the_site(rendered):
    """The folder on top lists the same files again; only the nodes' configuration differs."""
    def comparable(objects: Objects) -> dict[str, str]:
        hashes = {one["metadata"]["name"] for one in objects.all("ConfigMap")}
        return {re.sub(r"(entrepot-(node|site))-\w{10}$", r"\1", name_of(one)):
                re.sub("|".join(hashes), "HASHED", json.dumps({**one, "data": None}))
                for one in objects.documents}
    parts = comparable(rendered["nodes"]) | comparable(rendered["site"])
    assert comparable(rendered["."]) == parts
    assert site_files(rendered["."]) == site_files(rendered["site"])
    direct, chained = ({name: text for name, text in objects.config(node(objects)).items()
                        if name != "entrepot.json"} for objects in (rendered["nodes"], rendered["."]))
    assert direct == chained and set(direct) == {"hosts.sh", "registries"}


def site_files(objects: Objects) -> dict[str, str]:
    return objects.config(site(objects))


# --- Names, labels, ports.


def test_images_are_pinned(objects):
    version = re.search(r"project\(entrepot VERSION (\S+)",
                        (ROOT / "CMakeLists.txt").read_text())[1]
    for workload in objects.workloads:
        for one in containers_of(workload):
            registry, _, rest = one["image"].partition("/")
            name, _, tag = rest.rpartition("/")[2].partition(":")
            assert "." in registry and tag and tag != "latest", one["image"]
            assert name in ("entrepot", "busybox"), one["image"]
            assert name != "entrepot" or tag == version, one["image"]


def test_selectors_and_labels(objects):
    for workload in objects.workloads:
        labels = workload["spec"]["template"]["metadata"]["labels"]
        assert selects(workload["spec"]["selector"], labels)
    selectors = {("Service", one["metadata"]["name"]): (one, {"matchLabels": one["spec"]["selector"]})
                 for one in objects.all("Service")}
    for kind, field in (("NetworkPolicy", "podSelector"), ("PodDisruptionBudget", "selector")):
        selectors |= {(kind, one["metadata"]["name"]): (one, one["spec"][field])
                      for one in objects.all(kind)}
    for name, (one, selector) in selectors.items():
        # An empty selector would select every pod of the namespace.
        assert len(pods_selected(objects, one["metadata"]["namespace"], selector)) == 1, name
        assert selector["matchLabels"], name


def pods_selected(objects: Objects, namespace: str, selector: dict) -> list[dict]:
    return [one for one in objects.workloads if one["metadata"]["namespace"] == namespace
            and selects(selector, one["spec"]["template"]["metadata"]["labels"])]


def named_ports(workload: dict) -> dict[str, int]:
    return {port["name"]: port["containerPort"] for one in containers_of(workload)
            for port in one.get("ports", [])}


def test_services_lead_to_ports(objects):
    for service in objects.all("Service"):
        workload, = pods_selected(objects, service["metadata"]["namespace"],
                                  {"matchLabels": service["spec"]["selector"]})
        for port in service["spec"]["ports"]:
            assert named_ports(workload)[port["targetPort"]] == port["port"], service
    for workload in objects.all("StatefulSet"):
        governing = objects.one("Service", workload["spec"]["serviceName"])
        assert governing["spec"]["clusterIP"] == "None"


def test_namespaces_and_priority_classes_exist(objects):
    spaces = {one["metadata"]["name"] for one in objects.all("Namespace")}
    classes = {one["metadata"]["name"] for one in objects.all("PriorityClass")}
    assert {one["metadata"]["namespace"] for one in objects.documents
            if "namespace" in one["metadata"]} == spaces
    assert {pod_of(one)["priorityClassName"] for one in objects.workloads
            if "priorityClassName" in pod_of(one)} == classes


def test_containers_mount_existing_volumes(objects):
    for workload in objects.workloads:
        volumes = {one["name"] for one in pod_of(workload)["volumes"]}
        volumes |= {one["metadata"]["name"]
                    for one in workload["spec"].get("volumeClaimTemplates", [])}
        mounted = {mount["name"] for one in containers_of(workload)
                   for mount in one["volumeMounts"]}
        assert mounted == volumes
        names = [one["name"] for one in containers_of(workload)]
        assert len(set(names)) == len(names)
        assert all(objects.config(workload).values())


def test_service_monitors_find_their_services(rendered):
    for monitor in rendered["monitoring"].all("ServiceMonitor"):
        found = [one for one in rendered["."].all("Service")
                 if one["metadata"]["namespace"] == monitor["metadata"]["namespace"]
                 and selects(monitor["spec"]["selector"], one["metadata"]["labels"])]
        assert len(found) == 1, (name_of(monitor), found)
        labels = found[0]["metadata"]["labels"]
        assert labels[monitor["spec"]["jobLabel"]] == "entrepot"
        ports = {port["name"] for port in found[0]["spec"]["ports"]}
        assert {(one["port"], one["path"]) for one in monitor["spec"]["endpoints"]} == {
            ("admin", "/metrics")}
        assert ports == {"admin"}
        workload, = pods_selected(rendered["."], monitor["metadata"]["namespace"],
                                  {"matchLabels": found[0]["spec"]["selector"]})
        assert set(monitor["spec"]["podTargetLabels"]) <= set(
            workload["spec"]["template"]["metadata"]["labels"])
    assert len(rendered["monitoring"].documents) == len(rendered["."].workloads)


# --- Safety.


def test_every_container_has_resources(objects):
    for workload in objects.workloads:
        for one in containers_of(workload):
            resources = one["resources"]
            assert {"cpu", "memory"} <= set(resources["requests"]), one["name"]
            assert "memory" in resources["limits"], one["name"]


def test_pod_security(both):
    spaces = {one["metadata"]["name"]:
              one["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
              for one in both.all("Namespace")}
    assert short_of_restricted(pod_of(site(both))) == set()
    assert spaces[site(both)["metadata"]["namespace"]] == "restricted"
    # Exactly the exceptions that the comment in daemonset.yaml names.
    assert short_of_restricted(pod_of(node(both))) == {
        "volume cache: hostPath", "volume certs-d: hostPath", "volume containerd: hostPath",
        "entrepot: hostPort 5000", "own-cache: root", "own-cache: CHOWN", "check-containerd: root",
        "write-hosts: root", "remove-hosts: root"}
    assert spaces[node(both)["metadata"]["namespace"]] == "privileged"
    for workload in both.workloads:
        assert pod_of(workload)["automountServiceAccountToken"] is False
        for one in containers_of(workload):
            assert one["securityContext"]["readOnlyRootFilesystem"] is True
    mounts = {mount["name"] for mount in container(node(both), "entrepot")["volumeMounts"]}
    assert mounts == {"config", "cache"}  # and not containerd's folder


def test_the_check_of_pod_security_finds_violations(both):
    good = pod_of(site(both))
    for path, value in (("hostNetwork", True), ("volumes", [{"name": "x", "hostPath": {}}]),
                        ("securityContext", {}), ("containers", [{"name": "x"}])):
        assert short_of_restricted({**good, path: value}), path


def test_network_policies(both):
    nodes, monitoring = "entrepot-nodes", "monitoring"
    a_node, a_site = (one["spec"]["template"]["metadata"]["labels"]
                      for one in (node(both), site(both)))

    def to_site(**peer) -> bool:
        return may_pass(both, site(both), "ingress", **peer)

    def to_node(**peer) -> bool:
        return may_pass(both, node(both), "ingress", **peer)

    # The chain, from both ends.
    assert to_site(port=5000, namespace=nodes, labels=a_node)
    assert may_pass(both, node(both), "egress", 5000, namespace="entrepot", labels=a_site)
    # Only Prometheus reaches the admin port.
    for inwards in (to_site, to_node):
        assert inwards(port=5080, namespace=monitoring)
        assert not inwards(port=5080, namespace="default") and not inwards(port=5080)
        assert not inwards(port=5000, namespace="default") and not inwards(port=5000)
    assert not to_site(port=5080, namespace=nodes, labels=a_node)
    assert not to_node(port=5000, namespace=nodes, labels=a_node)
    for workload in both.workloads:
        for port, protocol in ((53, "UDP"), (53, "TCP"), (443, "TCP")):
            assert may_pass(both, workload, "egress", port, protocol)
        # A redirect leads neither to the cloud's metadata nor to a service of the cluster.
        assert not may_pass(both, workload, "egress", 80)
        assert not may_pass(both, workload, "egress", 6443, namespace="default")


def test_virtual_nodes_are_left_out(rendered):
    """Pods with host paths never start there, and a DaemonSet would wait for them for ever."""
    for objects in (rendered["."], rendered["nodes"], rendered["cleanup"]):
        affinity = pod_of(node(objects))["affinity"]["nodeAffinity"]
        term, = affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
        assert {(one["key"], one["operator"], *one["values"]) for one in term["matchExpressions"]} == {
            ("type", "NotIn", "virtual-kubelet"), ("eks.amazonaws.com/compute-type", "NotIn", "fargate")}


def test_the_disruption_budget_allows_drains(both):
    budget = both.one("PodDisruptionBudget")["spec"]
    replicas = site(both)["spec"]["replicas"]
    assert min(budget["maxUnavailable"], replicas) >= 1 and "minAvailable" not in budget


# --- The configurations.


def configurations(objects: Objects) -> list[tuple[dict, dict]]:
    return [(workload, without_comments(objects.config(workload)["entrepot.json"]))
            for workload in objects.workloads]


def test_the_configuration_is_good(objects, tmp_path):
    for workload in objects.workloads:
        file = tmp_path / "entrepot.json"
        file.write_text(objects.config(workload)["entrepot.json"])
        result = process.run("check", "--config", str(file))
        assert (result.returncode, result.stdout) == (0, f"{file}: good\n"), result.stderr
        assert "warning" not in result.stderr
        config_path = container(workload, "entrepot")["command"][3]
        mounts = {mount["name"]: mount["mountPath"]
                  for mount in container(workload, "entrepot")["volumeMounts"]}
        assert config_path == f"{mounts['config']}/entrepot.json"


def test_configuration_and_manifest_agree(objects):
    defaults = without_comments((ROOT / "conf" / "entrepot.json").read_text())
    for workload, config in configurations(objects):
        ports = named_ports(workload)
        assert [one["address"] for one in config["listen"]] == [f"0.0.0.0:{ports['registry']}"]
        assert config["admin"]["address"] == f"0.0.0.0:{ports['admin']}"
        mounts = {mount["name"]: mount["mountPath"]
                  for mount in container(workload, "entrepot")["volumeMounts"]}
        assert config["cache"]["directory"] == mounts["cache"]
        drain = {**defaults["timeouts"], **config.get("timeouts", {})}["drain"]
        assert int(drain.removesuffix("s")) < pod_of(workload)["terminationGracePeriodSeconds"]
        for claim in workload["spec"].get("volumeClaimTemplates", []):
            volume = gibibytes(claim["spec"]["resources"]["requests"]["storage"])
            assert (gibibytes(config["cache"]["max_size"])
                    + gibibytes(config["cache"]["reserve_free"])) <= volume


@pytest.mark.parametrize("folder", [".", "nodes"])
def test_the_cache_of_a_node_fits_a_small_disk(rendered, folder):
    """Parts of the disk, whatever it has, that leave the kubelet more than the 15 % below which it removes
    images and pods, and most of the rest."""
    objects = rendered[folder]
    cache = without_comments(objects.config(node(objects))["entrepot.json"])["cache"]
    parts = {key: int(re.fullmatch(r"(\d+)%", cache[key])[1]) for key in ("max_size", "reserve_free")}
    assert parts["reserve_free"] > 15 and parts["max_size"] <= 100 - 15 - 50


def gibibytes(text: str) -> int:
    return int(re.fullmatch(r"(\d+)GiB?", text)[1])


@pytest.mark.parametrize("folder", [".", "nodes"])
def test_containerd_gets_every_mirrored_registry(rendered, folder):
    objects = rendered[folder]
    files = objects.config(node(objects))
    config = without_comments(files["entrepot.json"])
    listed = dict(line.split() for line in files["registries"].splitlines()
                  if not line.startswith("#"))
    # The registry itself is the last endpoint here, and `server` in hosts.toml.
    assert listed == {name: upstream["endpoints"][-1]["url"]
                      for name, upstream in config["upstreams"].items()}
    port, = (port for port in container(node(objects), "entrepot")["ports"] if "hostPort" in port)
    for name in ("write-hosts", "remove-hosts"):
        environment = {one["name"]: one["value"] for one in container(node(objects), name)["env"]}
        mounts = {mount["name"]: mount["mountPath"]
                  for mount in container(node(objects), name)["volumeMounts"]}
        assert environment == {"MIRROR": f"http://{port['hostIP']}:{port['hostPort']}",
                               "REGISTRIES": f"{mounts['config']}/registries",
                               "CERTS_D": mounts["certs-d"]}
        assert container(node(objects), name)["command"][1] == f"{mounts['config']}/hosts.sh"


def test_nodes_are_chained(both):
    config = without_comments(both.config(node(both))["entrepot.json"])
    above = without_comments(both.config(site(both))["entrepot.json"])
    # Requests for a registry that the mirror above does not serve would silently go to the registry
    # alone.
    assert set(config["upstreams"]) <= set(above["upstreams"])
    for upstream in config["upstreams"].values():
        first, second = upstream["endpoints"]
        host = urlsplit(first["url"])
        service, namespace, _svc = host.hostname.split(".")
        target = both.one("Service", service)
        assert target["metadata"]["namespace"] == namespace
        assert host.port in [port["port"] for port in target["spec"]["ports"]]
        assert pods_selected(both, namespace, {"matchLabels": target["spec"]["selector"]}) == [
            site(both)]
        assert first["ns"] is True and host.scheme == "http"
        assert not second.get("ns") and second["url"].startswith("https://")


# --- The real process.


@dataclass
class Pod:
    cache: Path
    ports: dict[str, int]


@contextlib.contextmanager
def running(objects: Objects, workload: dict) -> Iterator[Pod]:
    """The container "entrepot" of a workload as its manifest runs it: its command, its user without
    privileges, its configuration. Ports and folder are the test's own."""
    with contextlib.ExitStack() as at_end:
        directory = ShortDirectory("pod")
        at_end.callback(directory.remove)
        path = directory.path
        path.chmod(0o755)
        cache = path / "cache"
        cache.mkdir(mode=0o755)
        give_away(workload, cache)
        # A copy, because the pod's user may not read the folder of the build.
        shutil.copy(process.binary(), path / "entrepot")
        (path / "entrepot.json").write_text(objects.config(workload)["entrepot.json"])
        command = container(workload, "entrepot")["command"]
        assert command[0] == "entrepot" and len(command) == 4
        user = pod_of(workload)["securityContext"]
        daemon = Daemon(
            "setpriv", "--pdeathsig", "TERM", "--reuid", str(user["runAsUser"]),
            "--regid", str(user["runAsGroup"]),
            *(["--groups", str(user["fsGroup"])] if "fsGroup" in user else ["--clear-groups"]),
            "--bounding-set=-all", "--inh-caps=-all",
            "--no-new-privs", path / "entrepot", *command[1:3], path / "entrepot.json",
            "-s", f"cache.directory={cache}", "-s", "admin.address=127.0.0.1:0",
            "-s", 'listen=[{"address":"127.0.0.1:0"}]',
            "-s", "cache.reserve_free=1MiB",  # not the free space of this machine
            env=process.environment())
        at_end.callback(daemon.stop)
        yield Pod(cache, {"registry": int(daemon.log.wait_for(process.LISTENING)["port"]),
                          "admin": int(daemon.log.wait_for(process.ADMIN)["port"])})


def give_away(workload: dict, cache: Path) -> None:
    """Gives the folder its owner as the manifest does: by its own command, or the kubelet's by
    fsGroup."""
    pod = pod_of(workload)
    if "initContainers" not in pod:
        os.chown(cache, 0, pod["securityContext"]["fsGroup"])
        cache.chmod(0o2775)
        return
    first = container(workload, "own-cache")
    folder = first["volumeMounts"][0]["mountPath"]
    kept = [f"+{name.lower()}" for name in first["securityContext"]["capabilities"]["add"]]
    words = [str(cache) if word == folder else word for word in first["command"]]
    for _ in range(2):  # each start of a pod does it again
        run_command("setpriv", f"--bounding-set={','.join(['-all', *kept])}", "--inh-caps=-all",
                    *words)


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes the pod's user")
@pytest.mark.parametrize("folder, kind", [(".", "DaemonSet"), (".", "StatefulSet"),
                                          ("nodes", "DaemonSet")])
def test_it_runs_and_answers_its_probes(rendered, folder, kind):
    objects = rendered[folder]
    workload = objects.one(kind)
    with running(objects, workload) as pod:
        one = container(workload, "entrepot")
        for name in ("startupProbe", "livenessProbe"):
            probe = one[name]["httpGet"]
            assert probe["path"] == "/healthz"
            eventually(lambda p=probe: client.get(pod.ports[p["port"]], p["path"]).status == 200,
                       what=f"{probe['path']} of the admin port")
        # Not /readyz, which also looks at the disk: a cache whose disk fails still serves.
        assert one["readinessProbe"]["tcpSocket"] == {"port": "registry"}
        assert client.get(pod.ports["registry"], "/v2/").status == 200
        assert client.get(pod.ports["admin"], "/metrics").status == 200
        files = list(pod.cache.rglob("*"))
        assert files and {file.stat().st_uid for file in files} == {
            pod_of(workload)["securityContext"]["runAsUser"]}
