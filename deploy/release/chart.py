# SPDX-License-Identifier: Apache-2.0
"""Makes the Helm chart from deploy/helm and the manifests in deploy/kubernetes, so that both install the same objects.

usage: chart.py SOURCES VERSION OUTPUT

Each manifest becomes a template: CHANGES lists the text in it that a value replaces. A manifest that no longer has
the text ends the script, so that nobody changes one without the other."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from files import Archive, gzipped

KUBERNETES = "deploy/kubernetes"
FILES = {  # in the chart's folder files/
    "chained.json": f"{KUBERNETES}/nodes/chained.json", "direct.json": f"{KUBERNETES}/nodes/entrepot.json",
    "hosts.sh": f"{KUBERNETES}/nodes/hosts.sh", "registries": f"{KUBERNETES}/nodes/registries",
    "site.json": f"{KUBERNETES}/site/entrepot.json",
    "entrepot.rules.yml": "deploy/prometheus/entrepot.rules.yml", "dashboard.json": "deploy/grafana/entrepot.json",
}

IMAGE = ("image: entrepot\n",
         'image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"\n')
SHELL = ("image: busybox\n", 'image: "{{ .Values.shell.repository }}:{{ .Values.shell.tag }}"\n')
NO_TOKEN = "      automountServiceAccountToken: false\n"
PULL_SECRETS = (NO_TOKEN, NO_TOKEN + """\
      {{- with .Values.image.pullSecrets }}
      imagePullSecrets:
        {{- range . }}
        - name: {{ . }}
        {{- end }}
      {{- end }}
""")
EGRESS = ("""\
        - protocol: TCP
          port: 443
""", """\
        - protocol: TCP
          port: 443
        {{- range .Values.egress.ports }}
        - protocol: TCP
          port: {{ . }}
        {{- end }}
""")
PROMETHEUS = ("kubernetes.io/metadata.name: monitoring\n",
              "kubernetes.io/metadata.name: {{ .Values.monitoring.namespace }}\n")
DEFAULT_CONTAINER = "        kubectl.kubernetes.io/default-container: entrepot\n"
MONITOR_LABELS = ("    app.kubernetes.io/component: {0}\nspec:\n", """\
    app.kubernetes.io/component: {0}
    {{{{- with .Values.monitoring.labels }}}}
    {{{{- toYaml . | nindent 4 }}}}
    {{{{- end }}}}
spec:
""")
ANNOTATIONS = """\
  {{{{- with .Values.site.{0}.annotations }}}}
  annotations:
    {{{{- toYaml . | nindent 4 }}}}
  {{{{- end }}}}
"""
# Helm would delete the namespace at the end of the release, and with it the volume of the site mirror.
KEPT = ("  labels:\n", "  annotations:\n    helm.sh/resource-policy: keep\n  labels:\n")
COMPONENT = "    app.kubernetes.io/component: site\n"

# The condition of each manifest, and its changes. An image may be there several times, all else is there once.
CHANGES: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "nodes/namespace.yaml": ("and .Values.nodes.enabled .Values.namespaces.create", []),
    "nodes/priorityclass.yaml": (".Values.nodes.enabled", []),
    "nodes/daemonset.yaml": (".Values.nodes.enabled", [
        IMAGE, SHELL, PULL_SECRETS,
        ("            path: /etc/containerd/certs.d\n", "            path: {{ .Values.nodes.certsD }}\n"),
        ("            - --check-folder=/etc/containerd/certs.d\n",
         "            - --check-folder={{ .Values.nodes.certsD }}\n"),
        ("            - --containerd-config=/etc/containerd/config.toml\n",
         "            - --containerd-config={{ .Values.nodes.containerd }}/config.toml\n"),
        ("              mountPath: /host/etc/containerd\n", "              mountPath: /host{{ .Values.nodes.containerd }}\n"),
        ("            path: /etc/containerd\n", "            path: {{ .Values.nodes.containerd }}\n"),
        (DEFAULT_CONTAINER, DEFAULT_CONTAINER
         + '        checksum/files: {{ include "entrepot.nodeFiles" . | sha256sum }}\n'),
    ]),
    "nodes/service.yaml": (".Values.nodes.enabled", []),
    "nodes/networkpolicy.yaml": (".Values.nodes.enabled", [EGRESS, PROMETHEUS]),
    "site/namespace.yaml": ("and .Values.site.enabled .Values.namespaces.create", [KEPT]),
    "site/statefulset.yaml": (".Values.site.enabled", [
        ("    spec:\n" + NO_TOKEN, "      annotations:\n"
         '        checksum/files: {{ include "entrepot.siteFiles" . | sha256sum }}\n    spec:\n' + NO_TOKEN),
        IMAGE, PULL_SECRETS,
        ("command: [entrepot, serve, --config, /etc/entrepot/entrepot.json]\n",
         "command: [entrepot, serve, --config, /etc/entrepot/entrepot.json"
         '{{ with .Values.site.maxSize }}, -s, "cache.max_size={{ . }}"{{ end }}]\n'),
        ("        accessModes: [ReadWriteOnce]\n", """\
        accessModes: [ReadWriteOnce]
        {{- with .Values.site.storageClass }}
        storageClassName: {{ . }}
        {{- end }}
"""),
        ("            storage: 200Gi\n", "            storage: {{ .Values.site.storage }}\n"),
    ]),
    "site/services.yaml": (".Values.site.enabled", []),
    "site/networkpolicy.yaml": (".Values.site.enabled", [
        EGRESS, PROMETHEUS,
        ("    # The namespace of Prometheus.\n", """\
    {{- with .Values.site.clients }}
    - from:
        {{- toYaml . | nindent 8 }}
      ports:
        - protocol: TCP
          port: 5000
    {{- end }}
    # The namespace of Prometheus.
"""),
    ]),
    "site/poddisruptionbudget.yaml": (".Values.site.enabled", []),
    "monitoring/servicemonitors.yaml": (".Values.monitoring.enabled", [
        tuple(one.format("node") for one in MONITOR_LABELS), tuple(one.format("site") for one in MONITOR_LABELS),
        ("apiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata:\n  name: entrepot-node\n",
         "{{- if .Values.nodes.enabled }}\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\n"
         "metadata:\n  name: entrepot-node\n"),
        ("---\n", "{{- end }}\n{{- if .Values.site.enabled }}\n---\n"),
        (re.compile(r"\Z"), "{{- end }}\n"),
    ]),
    "../kubernetes-options/loadbalancer.yaml": ("and .Values.site.enabled .Values.site.loadBalancer.enabled", [
        (COMPONENT + "spec:\n", COMPONENT + ANNOTATIONS.format("loadBalancer") + "spec:\n"),
        ("loadBalancerSourceRanges: [10.0.0.0/8]\n",
         "loadBalancerSourceRanges: {{ .Values.site.loadBalancer.sourceRanges | toJson }}\n"),
    ]),
    "../kubernetes-options/ingress.yaml": ("and .Values.site.enabled .Values.site.ingress.enabled", [
        (re.compile(r"  annotations:\n(    [^\n]*\n)+"), ANNOTATIONS.format("ingress")),
        ("ingressClassName: nginx\n", "ingressClassName: {{ .Values.site.ingress.className }}\n"),
        ("hosts: [mirror.example.internal]\n", "hosts: [{{ .Values.site.ingress.host }}]\n"),
        ("host: mirror.example.internal\n", "host: {{ .Values.site.ingress.host }}\n"),
        ("secretName: entrepot-ingress\n", "secretName: {{ .Values.site.ingress.tlsSecret }}\n"),
    ]),
}


def changed(name: str, text: str, before: str | re.Pattern, after: str) -> str:
    pattern = before if isinstance(before, re.Pattern) else (
        re.compile(r"(?<![^\s\-])" + re.escape(before)))
    text, count = pattern.subn(lambda _: after, text)
    if count == 0 or count > 1 and not str(before).startswith("image:"):
        raise SystemExit(f"chart.py: {name} has {count} times, not once: {before}")
    return text


def template(sources: Path, name: str) -> str:
    condition, changes = CHANGES[name]
    text = (sources / KUBERNETES / name).read_text(encoding="utf-8")
    if "{{" in text:
        raise SystemExit(f"chart.py: {name} has {{{{, which begins an expression of Helm")
    for before, after in changes:
        text = changed(name, text, before, after)
    return f"{{{{- if {condition} }}}}\n{text}{{{{- end }}}}\n"


def check_complete(sources: Path) -> None:
    """Each manifest that is applied together is in the chart."""
    listed = re.findall(r"(?m)^  - (\S+\.yaml)$", (sources / KUBERNETES / "kustomization.yaml").read_text())
    if missing := set(listed) - set(CHANGES):
        raise SystemExit(f"chart.py: CHANGES lacks {', '.join(sorted(missing))} of {KUBERNETES}/kustomization.yaml")


def main() -> None:
    sources, version, output = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    check_complete(sources)
    archive = Archive()
    archive.add_tree(sources / "deploy/helm", "entrepot/")
    chart = (sources / "deploy/helm/Chart.yaml").read_text() + f'version: {version}\nappVersion: "{version}"\n'
    archive.add_file("entrepot/Chart.yaml", chart.encode())
    for name in CHANGES:
        file = name.rpartition("../")[2].replace("/", "-")
        archive.add_file(f"entrepot/templates/{file}", template(sources, name).encode())
    for name, source in FILES.items():
        archive.add_file(f"entrepot/files/{name}", (sources / source).read_bytes())
    archive.add_file("entrepot/LICENSE", (sources / "LICENSE").read_bytes())
    output.write_bytes(gzipped(archive.tar()))


main()
