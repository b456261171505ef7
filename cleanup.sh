#!/usr/bin/env bash
# Removes from the cluster that kubectl points at what setup-mcp-gateway.sh and deploy-mcp-servers.sh put there. Istio and the Gateway
# API stay. Doing it again changes nothing.
#
#   cleanup.sh            the sample servers and the gateway, with the namespaces mcp-test, mcp-system and gateway-system; and its
#                         CRDs, if no resource of them is left and nothing else has applied them too
#   cleanup.sh --servers  the sample servers and their namespace, mcp-test
#   cleanup.sh --cluster  the whole cluster, if kind made it
#   TIMEOUT               how many seconds each step may take; 180
source "$(dirname "${BASH_SOURCE[0]}")/scripts/env.sh"
show_help "$@"
source "$ROOT/scripts/kubernetes.sh"

[[ $# -le 1 && ${1:-} =~ ^(|--servers|--cluster)$ ]] || fail "usage: cleanup.sh [--servers | --cluster]"

if [[ ${1:-} == --cluster ]]; then
  # It may have stopped, or be gone already.
  need "$KUBECTL" "install kubectl: https://kubernetes.io/docs/tasks/tools"
  context=$(k config current-context 2>/dev/null || true)
  if [[ -z $context ]]; then
    say "kubectl points at no cluster: there is none to delete"
    exit
  fi
  [[ $context == kind-* ]] ||
    fail "kind did not make the cluster of $context: delete it with what made it, or take the gateway away with ./cleanup.sh"
  need kind "install kind: https://kind.sigs.k8s.io"
  kind delete cluster --name "${context#kind-}"
  exit
fi
cluster

gone() { k delete --ignore-not-found --wait --timeout="${TIMEOUT}s" "$@" >&2; }

say "Removing the sample servers"
gone namespace mcp-test
[[ ${1:-} != --servers ]] || exit 0

say "Removing the gateway"
# While the controller runs: it takes away what it made in other namespaces.
if exists crd mcpgatewayextensions.mcpgateway.dev; then
  others=$(k get mcpgatewayextensions.mcpgateway.dev -A -o 'jsonpath={range .items[*]}{.metadata.namespace}/{.metadata.name}{"\n"}{end}' |
    grep -v '^mcp-system/' || true)
  [[ -z $others ]] ||
    fail "other gateways need the controller, which stays: ${others//$'\n'/, }. Delete these MCPGatewayExtensions first"
  gone mcpgatewayextensions.mcpgateway.dev --all -n mcp-system
fi
if exists crd gateways.gateway.networking.k8s.io; then
  gone gateways.gateway.networking.k8s.io mcp-gateway -n gateway-system
fi
gone namespace gateway-system
for file in namespace cluster-role-binding cluster-role user-roles; do
  gone -f "$ROOT/istio-manifests/$file.yaml"
done

for file in "$ROOT"/istio-manifests/crds/*.*.yaml; do
  name=$(basename "$file" .yaml)
  crd=${name#*_}.${name%%_*}
  exists crd "$crd" || continue
  others=$(k get crd "$crd" --show-managed-fields -o 'jsonpath={range .metadata.managedFields[*]}{.manager}{"\n"}{end}' |
    grep -vxF -e "$MANAGER" -e kube-apiserver | sort -u || true)
  if [[ -n $others ]]; then
    say "The definition of $crd stays: it is also that of ${others//$'\n'/, }"
  elif [[ -n $(k get "$crd" -A -o name) ]]; then
    say "The definition of $crd stays: there are resources of it, see \`kubectl get $crd -A\`"
  else
    gone crd "$crd"
  fi
done
