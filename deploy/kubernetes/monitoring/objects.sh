#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Prints the objects of the monitoring: ServiceMonitors, the alerts as a PrometheusRule and the dashboard as a
# ConfigMap, made from deploy/prometheus and deploy/grafana. For Prometheus' operator, whose resource types the
# cluster must have, and for the sidecar of Grafana that loads config maps with the label grafana_dashboard.
#
#   deploy/kubernetes/monitoring/objects.sh [OPTION]… | kubectl apply --server-side -f -
#
#   --label KEY=VALUE     a label of all objects, by which the operator finds them (kube-prometheus-stack: release=NAME)
#   --namespace NAME      that of the rule and of the dashboard; "monitoring" without it
#   --docs URL            the folder in which docs/operations.md can be read, for runbook_url
#
# kubectl apply -k deploy/kubernetes/monitoring applies the ServiceMonitors alone.
set -eu

usage() { printf 'usage: objects.sh [--label KEY=VALUE] [--namespace NAME] [--docs URL]\n' >&2; exit 64; }

label='' namespace=monitoring docs=
while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || usage
  case $1 in
    --label) label="${2%%=*}: \"${2#*=}\"" ;;
    --namespace) namespace=$2 ;;
    --docs) docs=${2%/} ;;
    *) usage ;;
  esac
  shift 2
done

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
deploy=$here/../..

metadata() {  # <name> [<line of a label>]
  printf 'metadata:\n  name: %s\n  namespace: %s\n  labels:\n    app.kubernetes.io/name: entrepot\n' "$1" "$namespace"
  [ -z "$label" ] || printf '    %s\n' "$label"
  [ $# -lt 2 ] || printf '    %s\n' "$2"
}

# The labels of each object itself, which have two spaces before them; those of selectors have more.
sed -e '' ${label:+-e "/^  labels:\$/a\\    $label"} "$here/servicemonitors.yaml"
printf -- '---\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\n'
metadata entrepot
printf 'spec:\n'
sed -e 's/^./  &/' ${docs:+-e "s|https://example.com/entrepot/docs|$docs|"} "$deploy/prometheus/entrepot.rules.yml"
printf -- '---\napiVersion: v1\nkind: ConfigMap\n'
metadata entrepot-dashboard 'grafana_dashboard: "1"'
printf 'data:\n  entrepot.json: |\n'
sed -e 's/^./    &/' "$deploy/grafana/entrepot.json"
