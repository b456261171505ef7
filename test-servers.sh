#!/usr/bin/env bash
# Calls a tool of each sample server through the gateway in the cluster that kubectl points at, as clients of both eras do.
#
#   GATEWAY_ADDRESS  HOST:PORT of the gateway; one is made with `kubectl port-forward` when it is not set
#   PUBLIC_HOST      host of the endpoint, if setup-mcp-gateway.sh was told one
#   TIMEOUT          how many seconds the port-forward may take; 180
source "$(dirname "${BASH_SOURCE[0]}")/scripts/env.sh"
show_help "$@"
source "$ROOT/scripts/kubernetes.sh"
no_arguments "$@"

need curl "install curl"
work=$(mktemp -d)
forward=
# shellcheck disable=SC2329 # called by the trap
end() {
  [[ -z $forward ]] || kill "$forward" 2>/dev/null || true
  rm -rf "$work"
}
trap end EXIT

# shellcheck disable=SC2329 # called by wait_for
forwarded() { grep -q '^Forwarding from 127' "$work/forward" || ! kill -0 "$forward" 2>/dev/null; }
if [[ -z ${GATEWAY_ADDRESS:-} ]]; then
  cluster
  exists service -n gateway-system mcp-gateway-istio ||
    fail "there is no service mcp-gateway-istio in gateway-system: run ./setup-mcp-gateway.sh first"
  k port-forward -n gateway-system service/mcp-gateway-istio :8080 >"$work/forward" 2>&1 &
  forward=$!
  wait_for "the gateway can be reached" "cat $work/forward" forwarded
  GATEWAY_ADDRESS=$(sed -n 's/^Forwarding from \(127[^ ]*\).*/\1/p' "$work/forward" | head -n 1)
  [[ -n $GATEWAY_ADDRESS ]] || {
    cat "$work/forward" >&2
    fail "kubectl port-forward ended, see above: set GATEWAY_ADDRESS to the gateway's HOST:PORT, or try again when its pod is ready"
  }
fi

url=http://$PUBLIC_HOST:8080/mcp
failures=0

# post BODY HEADERS…: the answer's JSON, from an event stream too; its headers are in $work/headers.
post() {
  local body=$1 header headers=(-H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream')
  shift
  for header in "$@"; do headers+=(-H "$header"); done
  # No DNS is asked for the host: the connection goes to the gateway.
  curl -sS --max-time 30 --connect-to "::$GATEWAY_ADDRESS" -D "$work/headers" "${headers[@]}" -d "$body" "$url" |
    sed 's/^data: //; /^\(event\|id\|retry\):/d; /^$/d' | tail -n 1 || true
}

# check WHAT TEXT ANSWER: whether the answer holds the text.
check() {
  if [[ $3 == *"$2"* ]]; then
    printf '  ok      %s\n' "$1"
  else
    printf '  FAILED  %s: no %s in: %.500s\n' "$1" "$2" "${3:-no answer}"
    failures=$((failures + 1))
  fi
}

# call NAME ARGUMENTS MORE: a tools/call; MORE are further members of its parameters.
call() {
  printf '{"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "%s", "arguments": %s%s}}' "$1" "$2" "$3"
}

printf 'Clients with sessions (2024-11-05 to 2025-11-25):\n'
answer=$(post '{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-06-18", "capabilities": {},
  "clientInfo": {"name": "test-servers", "version": "1"}}}')
[[ -n $answer ]] ||
  fail "no MCP endpoint answers at $url by $GATEWAY_ADDRESS: compare PUBLIC_HOST and GATEWAY_ADDRESS to \`kubectl get mcpge,gateway -A\`"
check "initialize" '"protocolVersion"' "$answer"
session=$(tr -d '\r' <"$work/headers" | sed -n 's/^[Mm]cp-[Ss]ession-[Ii]d: //p')
answer=$(post '{"jsonrpc": "2.0", "id": 2, "method": "tools/list"}' "Mcp-Session-Id: $session")
for tool in http_base64_encode demo_slow_task sse_word_count; do
  check "tools/list has $tool" "\"$tool" "$answer"
done
answer=$(post "$(call http_base64_encode '{"text": "Hello, MCP Gateway!"}' '')" "Mcp-Session-Id: $session")
check "http_base64_encode" SGVsbG8sIE1DUCBHYXRld2F5IQ== "$answer"
answer=$(post "$(call demo_slow_task '{"steps": 3, "delay_ms": 1}' '')" "Mcp-Session-Id: $session")
check "demo_slow_task" "completed 3 steps" "$answer"
answer=$(post "$(call sse_word_count '{"text": "one two three"}' '')" "Mcp-Session-Id: $session")
check "sse_word_count" '"3"' "$answer"

printf 'Clients without (2026-07-28):\n'
meta='"_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientInfo":
  {"name": "test-servers", "version": "1"}, "io.modelcontextprotocol/clientCapabilities": {}}'
version='MCP-Protocol-Version: 2026-07-28'
answer=$(post "{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"server/discover\", \"params\": {$meta}}" "$version" 'Mcp-Method: server/discover')
check "server/discover" 2026-07-28 "$answer"
answer=$(post "$(call http_base64_encode '{"text": "Hello, MCP Gateway!"}' ", $meta")" "$version" \
  'Mcp-Method: tools/call' 'Mcp-Name: http_base64_encode')
check "http_base64_encode" SGVsbG8sIE1DUCBHYXRld2F5IQ== "$answer"
answer=$(post "$(call demo_slow_task '{"steps": 3, "delay_ms": 1}' ", $meta")" "$version" \
  'Mcp-Method: tools/call' 'Mcp-Name: demo_slow_task')
check "demo_slow_task" "completed 3 steps" "$answer"
answer=$(post "$(call sse_word_count '{"text": "one two three"}' ", $meta")" "$version" \
  'Mcp-Method: tools/call' 'Mcp-Name: sse_word_count')
check "sse_word_count" '"3"' "$answer"

((failures == 0)) || fail "$failures of these failed: look at \`kubectl get mcpsr,mcpge -A\`, then at \`kubectl describe\` of what is not ready"
printf 'All is well.\n'
