#!/usr/bin/env bash
# Installs the gateway into the cluster that kubectl points at, and what it needs: the Gateway API, Istio, the controller, and a
# Gateway with an MCP endpoint. Doing it again changes only what is different. The images and the filter are those that
# scripts/push-images.sh pushed, with the same variables: see scripts/images.sh.
#
#   GATEWAY_API_VERSION  installed where the Gateway API is missing; v1.6.0
#   ISTIO_VERSION        installed with helm where Istio is missing; the newest
#   MODE                 WasmPlugin or EnvoyFilter: docs/istio.md; WasmPlugin
#   PUBLIC_HOST          host of the endpoint; mcp.127-0-0-1.sslip.io, which is a name of 127.0.0.1
#   SERVICE_TYPE         of the Gateway: ClusterIP, NodePort or LoadBalancer; ClusterIP, or NodePort with NODE_PORT
#   NODE_PORT            the nodes' port that leads to the Gateway's 8080, as 30080: docs/kind.md
#   TIMEOUT              how many seconds each step may take; 180
source "$(dirname "${BASH_SOURCE[0]}")/scripts/env.sh"
show_help "$@"
source "$ROOT/scripts/images.sh"
source "$ROOT/scripts/kubernetes.sh"
no_arguments "$@"

[[ ${MODE:=WasmPlugin} == WasmPlugin || $MODE == EnvoyFilter ]] || fail "MODE is $MODE: write WasmPlugin or EnvoyFilter"
SERVICE_TYPE=${SERVICE_TYPE:-${NODE_PORT:+NodePort}}
[[ ${SERVICE_TYPE:=ClusterIP} =~ ^(ClusterIP|NodePort|LoadBalancer)$ ]] ||
  fail "SERVICE_TYPE is $SERVICE_TYPE: write ClusterIP, NodePort or LoadBalancer"
[[ ${NODE_PORT:-1} =~ ^[1-9][0-9]*$ ]] || fail "NODE_PORT is $NODE_PORT: write a port that nodes may have, as 30080"
[[ -n $IMAGE_PREFIX ]] ||
  fail "which images? Set DOCKER_USERNAME to the account that scripts/push-images.sh pushed to, or REGISTRY to another registry"
cluster

if ! exists crd gateways.gateway.networking.k8s.io; then
  version=${GATEWAY_API_VERSION:-v1.6.0}
  say "Installing the Gateway API $version"
  apply -f "https://github.com/kubernetes-sigs/gateway-api/releases/download/$version/standard-install.yaml" ||
    fail "the Gateway API could not be installed: do it by hand, https://gateway-api.sigs.k8s.io/guides, then run this again"
fi
k wait --for=condition=Established --timeout="${TIMEOUT}s" crd/gateways.gateway.networking.k8s.io >/dev/null

if ! exists gatewayclass istio; then
  need helm "Istio is not in the cluster: install it, or helm (https://helm.sh) and let this script do so"
  say "Installing Istio"
  # Proxies pull the filter, and have to be told where no TLS is spoken.
  plain=()
  ((${#PLAIN[@]} == 0)) || plain=(--set "meshConfig.defaultConfig.proxyMetadata.WASM_INSECURE_REGISTRIES=$REGISTRY")
  for chart in base istiod; do
    helm upgrade --install "istio-$chart" "$chart" --repo https://istio-release.storage.googleapis.com/charts \
      --namespace istio-system --create-namespace ${ISTIO_VERSION:+--version "$ISTIO_VERSION"} "${plain[@]}" \
      --wait --timeout "${TIMEOUT}s" >&2 ||
      fail "Istio could not be installed: do it by hand, https://istio.io/latest/docs/setup/install, then run this again"
  done
  wait_for "Istio has its GatewayClass" "$KUBECTL get pods -n istio-system" exists gatewayclass istio
fi

say "Installing the controller: $(image mcp-gateway), $MODULE_URL"
arguments=
((${#PLAIN[@]} == 0)) || arguments="
  - target: { kind: Deployment, name: mcp-gateway-controller }
    patch: |
      - op: add
        path: /spec/template/spec/containers/0/args/-
        value: --insecure-registry=$REGISTRY"
folder=$(overlay controller istio-manifests <<KUSTOMIZATION
images: [{ name: mcp-gateway, newName: "${IMAGE_PREFIX}mcp-gateway", newTag: "$IMAGE_TAG" }]
patches:
  - target: { kind: Deployment, name: mcp-gateway-controller }
    patch: |
      apiVersion: apps/v1
      kind: Deployment
      metadata: { name: mcp-gateway-controller }
      spec:
        template:
          spec:
            containers:
              - name: controller
                env:
                  - { name: MCP_GATEWAY_IMAGE, value: "$(image mcp-gateway)" }
                  - { name: MCP_GATEWAY_MODULE, value: "$MODULE_URL" }$arguments
KUSTOMIZATION
)
apply -k "$folder"
k wait --for=condition=Established --timeout="${TIMEOUT}s" crd/mcpgatewayextensions.mcpgateway.dev >/dev/null
wait_for "the controller runs" "$KUBECTL describe deployment,pods -n mcp-system" \
  rolled_out mcp-system deployment/mcp-gateway-controller

say "Installing the Gateway and its MCP endpoint"
node_port=
[[ -z ${NODE_PORT:-} ]] || node_port="
  - target: { kind: Gateway, name: mcp-gateway }
    patch: |
      - op: add
        path: /spec/infrastructure
        value: { parametersRef: { group: '', kind: ConfigMap, name: mcp-gateway-options } }
configMapGenerator:
  - name: mcp-gateway-options
    namespace: gateway-system
    options: { disableNameSuffixHash: true }
    literals: ['service={spec: {ports: [{port: 8080, nodePort: $NODE_PORT}]}}']"
folder=$(overlay gateway samples/kubernetes/gateway <<KUSTOMIZATION
patches:
  - target: { kind: MCPGatewayExtension, name: mcp-gateway }
    patch: |
      - op: add
        path: /spec/dataPath
        value: { mode: $MODE }
      - op: replace
        path: /spec/publicHost
        value: $PUBLIC_HOST
  - target: { kind: Gateway, name: mcp-gateway }
    patch: |
      - op: replace
        path: /metadata/annotations/networking.istio.io~1service-type
        value: $SERVICE_TYPE$node_port
KUSTOMIZATION
)
apply -k "$folder"
wait_for "the Gateway is programmed" "conditions gateway-system gateway/mcp-gateway" \
  condition gateway-system gateway/mcp-gateway Programmed
wait_for "the endpoint is ready" "conditions mcp-system mcpgatewayextension/mcp-gateway" \
  condition mcp-system mcpgatewayextension/mcp-gateway Ready

k get mcpgatewayextensions -n mcp-system
case $SERVICE_TYPE in
  ClusterIP) reached="\`kubectl port-forward -n gateway-system service/mcp-gateway-istio 8080\` makes it" ;;
  NodePort) reached="with the nodes' port as \`kubectl get service -n gateway-system mcp-gateway-istio\` shows it, it is" ;;
  LoadBalancer) reached="with the address that \`kubectl get gateway -n gateway-system mcp-gateway\` shows in your DNS, it is" ;;
esac
cat <<TEXT

The gateway is ready. Next:
  ./deploy-mcp-servers.sh    # three sample servers
  ./test-servers.sh          # calls them through the gateway
For clients, $reached
  http://$PUBLIC_HOST:8080/mcp
TEXT
