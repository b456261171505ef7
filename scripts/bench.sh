#!/usr/bin/env bash
# What the filter costs an Envoy, against the same Envoy without it. Arguments go to the benchmark: see --help.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$ROOT"

MCP_GATEWAY_ENVOY=$(scripts/setup-envoy.sh)
export MCP_GATEWAY_ENVOY
say "Building the benchmark"
cargo build --release -p mcp-gateway-bench
say "Measuring for about a minute: leave the machine alone"
exec "$CARGO_TARGET_DIR/release/mcp-gateway-bench" --wasm dist/mcp-gateway.wasm "$@"
