#!/usr/bin/env bash
# The gateway over the sample servers, in the foreground. Ctrl-C ends all of it.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$ROOT"

MCP_GATEWAY_ENVOY=$(scripts/setup-envoy.sh)
export MCP_GATEWAY_ENVOY

# Ctrl-C reaches the whole process group: the servers have to outlive the gateway, which ends its sessions with them.
servers=()
# shellcheck disable=SC2329 # called by the trap
end() {
  trap - EXIT
  for pid in "${servers[@]}"; do
    kill -TERM "$pid" 2>/dev/null || true
  done
  wait
}
trap end EXIT

serve() {
  local name=$1 address=$2 log
  log=$(mktemp)
  setsid "dist/$name" --listen "$address" >"$log" 2>&1 </dev/null &
  servers+=($!)
  for _ in {1..100}; do
    if grep -q '^listening' "$log"; then
      rm -f "$log"
      return
    fi
    kill -0 "$!" 2>/dev/null || break
    sleep 0.05
  done
  cat "$log" >&2
  rm -f "$log"
  fail "$name did not start on $address"
}

say "Starting three sample servers"
serve sample-tools 127.0.0.1:9001
serve sample-features 127.0.0.1:9002
serve sample-sse 127.0.0.1:9003

say "Starting the gateway (Ctrl-C ends it)"
gateway=0
trap 'kill -TERM "$gateway" 2>/dev/null || true' INT TERM HUP
setsid dist/mcp-gateway run -f samples/gateway.yaml &
gateway=$!
while :; do
  status=0
  wait "$gateway" || status=$?
  # A signal interrupts `wait` while the gateway is still ending.
  kill -0 "$gateway" 2>/dev/null || break
done
exit "$status"
