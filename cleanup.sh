#!/usr/bin/env bash
# Removes the sample servers from the cluster that kubectl points at. Doing it again changes nothing.
#
#   cleanup.sh            the sample servers and their namespace, mcp-test
#   cleanup.sh --gateway  the gateway too: its endpoint, the Gateway, the controller, mcp-system and gateway-system. The CRDs, with
#                         which every registration would go, Istio and the Gateway API stay
#   cleanup.sh --cluster  the whole cluster, if kind made it
#   TIMEOUT               how many seconds each step may take; 180
source "$(dirname "${BASH_SOURCE[0]}")/scripts/env.sh"
source "$ROOT/scripts/kubernetes.sh"

[[ $# -le 1 && ${1:-} =~ ^(|--gateway|--cluster)$ ]] || fail "usage: cleanup.sh [--gateway | --cluster]"
cluster

if [[ ${1:-} == --cluster ]]; then
  context=$(k config current-context)
  [[ $context == kind-* ]] ||
    fail "kind did not make the cluster of $context: delete it with what made it, or take the gateway away with ./cleanup.sh --gateway"
  need kind "install kind: https://kind.sigs.k8s.io"
  kind delete cluster --name "${context#kind-}"
  exit
fi

gone() { k delete --ignore-not-found --wait --timeout="${TIMEOUT}s" "$@" >&2; }

say "Removing the sample servers"
gone namespace mcp-test
[[ ${1:-} == --gateway ]] || exit 0

say "Removing the gateway"
# While the controller runs: it takes away what it made in other namespaces.
if exists crd mcpgatewayextensions.mcpgateway.dev; then
  gone mcpgatewayextensions.mcpgateway.dev --all -n mcp-system
fi
if exists crd gateways.gateway.networking.k8s.io; then
  gone gateways.gateway.networking.k8s.io mcp-gateway -n gateway-system
fi
gone namespace gateway-system
for file in namespace cluster-role-binding cluster-role user-roles; do
  gone -f "$ROOT/istio-manifests/$file.yaml"
done
