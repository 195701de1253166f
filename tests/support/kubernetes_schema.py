# SPDX-License-Identifier: Apache-2.0
"""Finds the errors that the Kubernetes API would report for an object, without an API server.

The types are those of Debian's python3-kubernetes, which is generated from the API's OpenAPI document.
"""

from __future__ import annotations

import re

import kubernetes.client as api

_NUMBER = r"[0-9]+(\.[0-9]+)?"
_QUANTITY = re.compile(rf"{_NUMBER}(m|[kMGTPE]|[KMGTPE]i)?")
_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_DNS_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_LABEL = re.compile(r"([a-z0-9.-]+/)?[A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?")
_PORT_NAME = re.compile(r"(?=.*[a-z])[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?")

# Values that the types do not define: by the name of model and field.
_VALUES = {
    ("V1ContainerPort", "protocol"): {"TCP", "UDP", "SCTP"},
    ("V1ServicePort", "protocol"): {"TCP", "UDP", "SCTP"},
    ("V1NetworkPolicyPort", "protocol"): {"TCP", "UDP", "SCTP"},
    ("V1NetworkPolicySpec", "policyTypes"): {"Ingress", "Egress"},
    ("V1Container", "imagePullPolicy"): {"Always", "IfNotPresent", "Never"},
    ("V1PodSpec", "restartPolicy"): {"Always", "OnFailure", "Never"},
    ("V1PodSpec", "dnsPolicy"): {"ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"},
    ("V1PodSecurityContext", "fsGroupChangePolicy"): {"OnRootMismatch", "Always"},
    ("V1SeccompProfile", "type"): {"RuntimeDefault", "Localhost", "Unconfined"},
    ("V1HostPathVolumeSource", "type"): {"", "DirectoryOrCreate", "Directory", "FileOrCreate",
                                         "File", "Socket", "CharDevice", "BlockDevice"},
    ("V1PersistentVolumeClaimSpec", "accessModes"): {"ReadWriteOnce", "ReadOnlyMany",
                                                     "ReadWriteMany", "ReadWriteOncePod"},
    ("V1DaemonSetUpdateStrategy", "type"): {"RollingUpdate", "OnDelete"},
    ("V1StatefulSetUpdateStrategy", "type"): {"RollingUpdate", "OnDelete"},
    ("V1Toleration", "operator"): {"Exists", "Equal"},
    ("V1Toleration", "effect"): {"NoSchedule", "PreferNoSchedule", "NoExecute"},
    ("V1NodeSelectorRequirement", "operator"): {"In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"},
    ("V1HTTPIngressPath", "pathType"): {"Exact", "Prefix", "ImplementationSpecific"},
    ("V1ServiceSpec", "externalTrafficPolicy"): {"Cluster", "Local"},
    ("V1ServiceSpec", "type"): {"ClusterIP", "NodePort", "LoadBalancer", "ExternalName"},
    ("V1PriorityClass", "preemptionPolicy"): {"PreemptLowerPriority", "Never"},
}
_FORMS = {
    ("V1Container", "name"): _DNS_LABEL,
    ("V1ContainerPort", "name"): _PORT_NAME,
    ("V1ServicePort", "name"): _DNS_LABEL,
    ("V1Volume", "name"): _DNS_LABEL,
    ("V1ObjectMeta", "name"): _DNS_NAME,
    ("V1ObjectMeta", "namespace"): _DNS_LABEL,
}
# Fields that are IntOrString; the models call them "object".
_INT_OR_STRING = {"port", "targetPort", "maxUnavailable", "minAvailable", "maxSurge"}
_PLAIN = {"str": str, "int": int, "bool": bool}

# Prometheus' operator: the used part of monitoring.coreos.com_servicemonitors.yaml and
# …_prometheusrules.yaml. A leaf is a type, a list has one form for each item, "!" marks a required one.
_STRINGS = {"*": str}
_CUSTOM = {
    ("monitoring.coreos.com/v1", "ServiceMonitor"): {
        "jobLabel": str, "targetLabels": [str], "podTargetLabels": [str],
        "selector!": {"matchLabels": _STRINGS},
        "namespaceSelector": {"any": bool, "matchNames": [str]},
        "endpoints!": [{
            "port": str, "path": str, "interval": str, "scrapeTimeout": str, "scheme": str,
            "honorLabels": bool,
            "relabelings": [{"sourceLabels": [str], "separator": str, "targetLabel": str,
                             "regex": str, "replacement": str, "action": str}],
        }],
    },
    ("monitoring.coreos.com/v1", "PrometheusRule"): {
        "groups!": [{
            "name!": str, "interval": str,
            "rules!": [{"alert": str, "record": str, "expr!": str, "for": str, "keep_firing_for": str,
                        "labels": _STRINGS, "annotations": _STRINGS}],
        }],
    },
}


def problems_of(document: dict) -> list[str]:
    """The errors that the API server would report for an object."""
    version, kind = document.get("apiVersion"), document.get("kind")
    if (form := _CUSTOM.get((version, kind))) is not None:
        found = _against_form(document.get("spec"), form, "spec")
        found += _against_model(document.get("metadata"), "V1ObjectMeta", "metadata")
        return found + _namespace_problems(document, True)
    group, _, _ = (version or "").rpartition("/")
    calls = getattr(api, f"{group.split('.')[0].capitalize() or 'Core'}V1Api", None)
    snake = re.sub(r"(?<!^)(?=[A-Z])", "_", kind or "").lower()
    namespaced = hasattr(calls, f"create_namespaced_{snake}")
    if not (version or "").endswith("v1") or not (namespaced or hasattr(calls, f"create_{snake}")):
        return [f"the API has no {version} {kind}"]
    return (_against_model(document, f"V1{kind}", "") + _namespace_problems(document, namespaced))


def _namespace_problems(document: dict, namespaced: bool) -> list[str]:
    if ("namespace" in document.get("metadata", {})) == namespaced:
        return []
    return ["metadata.namespace: " + ("missing" if namespaced else "of an object that has none")]


def _against_model(value, model: str, path: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{path}: not an object"]
    cls = getattr(api, model)
    names = {name: attribute for attribute, name in cls.attribute_map.items()}
    found = []
    for key, one in value.items():
        where = f"{path}.{key}".lstrip(".")
        if key not in names:
            found.append(f"{where}: unknown")
        elif one is None:
            found.append(f"{where}: empty")
        else:
            found += _against_type(one, cls.openapi_types[names[key]], where)
            found += _against_rules(one, model, key, where)
    missing = _missing(cls, {names[key]: one for key, one in value.items() if key in names})
    return found + [f"{path}.{cls.attribute_map[one]}: missing".lstrip(".") for one in missing]


def _missing(cls, values: dict) -> list[str]:
    """The models refuse None where something is required."""
    found = []
    while True:
        try:
            cls(**values)
            return found
        except ValueError as error:
            match = re.search(r"Invalid value for `(\w+)`, must not be `None`", str(error))
            if not match or match[1] in found:
                return [*found, str(error)]
            found.append(match[1])
            values = {**values, match[1]: "present"}


def _against_type(value, kind: str, path: str) -> list[str]:
    if match := re.fullmatch(r"list\[(.+)\]", kind):
        if not isinstance(value, list):
            return [f"{path}: not a list"]
        return [problem for n, one in enumerate(value)
                for problem in _against_type(one, match[1], f"{path}[{n}]")]
    if match := re.fullmatch(r"dict[(\[]str, (.+)[)\]]", kind):
        if not isinstance(value, dict):
            return [f"{path}: not an object"]
        return [problem for key, one in value.items()
                for problem in _against_type(one, match[1], f"{path}.{key}")]
    if kind == "object":  # only IntOrString is in use here
        fits = path.rpartition(".")[2] in _INT_OR_STRING and isinstance(value, (int, str))
        return [] if fits and not isinstance(value, bool) else [f"{path}: not an IntOrString"]
    if kind in _PLAIN:
        return [] if type(value) is _PLAIN[kind] else [f"{path}: {value!r} is no {kind}"]
    return _against_model(value, kind, path)


def _against_rules(value, model: str, key: str, path: str) -> list[str]:
    allowed = _VALUES.get((model, key))
    form = _FORMS.get((model, key))
    if (model, key) in {("V1ResourceRequirements", "requests"), ("V1ResourceRequirements", "limits")}:
        return [f"{path}.{name}: {one!r} is no quantity" for name, one in value.items()
                if not _QUANTITY.fullmatch(str(one))]
    if key in ("labels", "matchLabels"):
        return [f"{path}: {name}={one!r} is no label" for name, one in value.items()
                if not _LABEL.fullmatch(name) or (one and not _LABEL.fullmatch(str(one)))]
    if allowed is not None:
        return [f"{path}: {one!r} is none of {sorted(allowed)}"
                for one in (value if isinstance(value, list) else [value]) if one not in allowed]
    if form is not None and not form.fullmatch(str(value)):
        return [f"{path}: {value!r} is no such name"]
    if key.endswith("Probe"):
        handlers = {"httpGet", "tcpSocket", "exec", "grpc"} & set(value)
        return [] if len(handlers) == 1 else [f"{path}: {len(handlers)} handlers"]
    return []


def _against_form(value, form, path: str) -> list[str]:
    if isinstance(form, list):
        if not isinstance(value, list):
            return [f"{path}: not a list"]
        return [problem for n, one in enumerate(value)
                for problem in _against_form(one, form[0], f"{path}[{n}]")]
    if isinstance(form, type):
        return [] if type(value) is form else [f"{path}: {value!r} is no {form.__name__}"]
    if not isinstance(value, dict):
        return [f"{path}: not an object"]
    known = {key.rstrip("!"): one for key, one in form.items()}
    found = []
    for key, one in value.items():
        inner = known.get(key, known.get("*"))
        where = f"{path}.{key}"
        found += [f"{where}: unknown"] if inner is None else _against_form(one, inner, where)
    return found + [f"{path}.{key[:-1]}: missing" for key in form
                    if key.endswith("!") and key[:-1] not in value]
