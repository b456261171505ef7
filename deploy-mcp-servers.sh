#!/usr/bin/env bash
# Deploys the sample servers into the cluster that kubectl points at, and registers them: samples/kubernetes/servers. Doing it
# again changes only what is different. The image is the one that scripts/push-images.sh pushed, with the same variables.
#
#   TIMEOUT          how many seconds each step may take; 180
source "$(dirname "${BASH_SOURCE[0]}")/scripts/env.sh"
show_help "$@"
source "$ROOT/scripts/images.sh"
source "$ROOT/scripts/kubernetes.sh"
no_arguments "$@"

[[ -n $IMAGE_PREFIX ]] ||
  fail "which image? Set DOCKER_USERNAME to the account that scripts/push-images.sh pushed to, or REGISTRY to another registry"
cluster
exists crd mcpserverregistrations.mcpgateway.dev || fail "the gateway is not in this cluster: run ./setup-mcp-gateway.sh first"

say "Deploying the sample servers: $(image mcp-gateway-samples)"
folder=$(overlay servers samples/kubernetes/servers <<KUSTOMIZATION
images: [{ name: mcp-gateway-samples, newName: "${IMAGE_PREFIX}mcp-gateway-samples", newTag: "$IMAGE_TAG" }]
KUSTOMIZATION
)
apply -k "$folder"

for server in sample-tools sample-features sample-sse; do
  wait_for "$server runs" "$KUBECTL describe pods -n mcp-test -l app=$server" rolled_out mcp-test "deployment/$server"
done
for registration in mcpserverregistrations.mcp.kagenti.com/sample-tools mcpserverregistrations.mcpgateway.dev/sample-features \
  mcpserverregistrations.mcpgateway.dev/sample-sse; do
  wait_for "${registration#*/} can be called" "conditions mcp-test $registration" \
    condition mcp-test "$registration" Ready
done
k get -n mcp-test mcpserverregistrations.mcp.kagenti.com,mcpserverregistrations.mcpgateway.dev
printf '\nThe servers are registered. Next: ./test-servers.sh\n'
