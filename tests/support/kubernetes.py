# SPDX-License-Identifier: Apache-2.0
"""The manifests in deploy/kubernetes as `kubectl apply -k` would send them, and their meaning."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
MANIFESTS = ROOT / "deploy" / "kubernetes"


def render(folder: Path) -> list[dict]:
    """All objects of a folder; a warning is an error."""
    result = subprocess.run(["kubectl", "kustomize", str(folder)], stdin=subprocess.DEVNULL,
                            capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0 and not result.stderr, (folder, result.stderr)
    return [document for document in yaml.safe_load_all(result.stdout) if document]


@dataclass
class Objects:
    """The objects that one folder renders to."""

    documents: list[dict]

    @classmethod
    def of(cls, folder: str) -> "Objects":
        return cls(render(MANIFESTS / folder))

    def all(self, kind: str) -> list[dict]:
        return [one for one in self.documents if one["kind"] == kind]

    def one(self, kind: str, name: str | None = None) -> dict:
        found = [one for one in self.all(kind) if name in (None, one["metadata"]["name"])]
        assert len(found) == 1, (kind, name, [name_of(one) for one in self.documents])
        return found[0]

    @property
    def workloads(self) -> list[dict]:
        return [one for one in self.documents if "template" in one.get("spec", {})]

    def config(self, workload: dict) -> dict[str, str]:
        """The files of the config map that the workload mounts."""
        name, = (volume["configMap"]["name"] for volume in pod_of(workload)["volumes"]
                 if "configMap" in volume)
        return self.one("ConfigMap", name)["data"]


def name_of(document: dict) -> str:
    metadata = document["metadata"]
    return f"{document['kind']} {metadata.get('namespace', '')}/{metadata['name']}"


def pod_of(workload: dict) -> dict:
    return workload["spec"]["template"]["spec"]


def containers_of(workload: dict) -> list[dict]:
    pod = pod_of(workload)
    return [*pod.get("initContainers", []), *pod["containers"]]


def container(workload: dict, name: str) -> dict:
    found, = (one for one in containers_of(workload) if one["name"] == name)
    return found


def environment_of(one: dict) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in one.get("env", [])}


def selects(selector: dict, labels: dict) -> bool:
    """A LabelSelector with matchLabels only; an empty one selects everything."""
    assert set(selector) <= {"matchLabels"}, selector
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())


_STRING_OR_COMMENT = re.compile(r'("(?:\\.|[^"\\])*")|//[^\n]*')


def without_comments(text: str) -> dict:
    """JSON with comments, as Entrepot reads it."""
    return json.loads(_STRING_OR_COMMENT.sub(lambda match: match[1] or "", text))


# --- Pod Security.

_RESTRICTED_VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral",
                       "persistentVolumeClaim", "projected", "secret"}


def short_of_restricted(pod: dict) -> set[str]:
    """The settings of a pod that the profile "restricted" of Pod Security forbids (Kubernetes
    1.30)."""
    found = {key for key in ("hostNetwork", "hostPID", "hostIPC") if pod.get(key)}
    for volume in pod.get("volumes", []):
        kinds = set(volume) - {"name"}
        found |= {f"volume {volume['name']}: {kind}" for kind in kinds - _RESTRICTED_VOLUMES}
    shared = pod.get("securityContext", {})
    for one in [*pod.get("initContainers", []), *pod["containers"]]:
        own = one.get("securityContext", {})
        both = {**shared, **own}
        capabilities = own.get("capabilities", {})
        wrong = {
            "privileged": own.get("privileged", False),
            "allowPrivilegeEscalation": own.get("allowPrivilegeEscalation") is not False,
            "root": both.get("runAsNonRoot") is not True or both.get("runAsUser") == 0,
            "capabilities kept": "ALL" not in capabilities.get("drop", []),
            "seccomp": both.get("seccompProfile", {}).get("type") not in ("RuntimeDefault",
                                                                          "Localhost"),
            "procMount": own.get("procMount", "Default") != "Default",
        }
        found |= {f"{one['name']}: {what}" for what, is_so in wrong.items() if is_so}
        found |= {f"{one['name']}: {name}" for name in capabilities.get("add", [])
                  if name != "NET_BIND_SERVICE"}
        found |= {f"{one['name']}: hostPort {port['hostPort']}" for port in one.get("ports", [])
                  if port.get("hostPort")}
    return found


# --- Network policies.


def may_pass(objects: Objects, workload: dict, direction: str, port: int, protocol: str = "TCP",
             namespace: str | None = None, labels: dict | None = None) -> bool:
    """Whether the policies of a workload's pods let a connection pass: `direction` is "ingress" from,
    or "egress" to, pods with `labels` in `namespace`; without one, an address outside."""
    own = workload["spec"]["template"]["metadata"]["labels"]
    policies = [one["spec"] for one in objects.all("NetworkPolicy")
                if one["metadata"]["namespace"] == workload["metadata"]["namespace"]
                and selects(one["spec"]["podSelector"], own)
                and direction.capitalize() in one["spec"]["policyTypes"]]
    if not policies:
        return True
    rules = [rule for policy in policies for rule in policy.get(direction, [])]
    return any(_fits_port(rule, port, protocol)
               and _fits_peer(rule.get("from" if direction == "ingress" else "to"), namespace,
                              labels or {})
               for rule in rules)


def _fits_port(rule: dict, port: int, protocol: str) -> bool:
    return not rule.get("ports") or any(
        one["port"] == port and one.get("protocol", "TCP") == protocol for one in rule["ports"])


def _fits_peer(peers: list[dict] | None, namespace: str | None, labels: dict) -> bool:
    if not peers:
        return True
    if namespace is None:
        return False
    return any(selects(peer["namespaceSelector"], {"kubernetes.io/metadata.name": namespace})
               and selects(peer.get("podSelector", {}), labels) for peer in peers)
