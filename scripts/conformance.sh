#!/usr/bin/env bash
# The official conformance suites, directly and through the gateway of dist/. The tables go to stdout; the status is 0 if
# every scenario is as it has to be.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$ROOT"

MCP_GATEWAY_ENVOY=$(scripts/setup-envoy.sh)
export MCP_GATEWAY_ENVOY
export MCP_GATEWAY_DIST=${MCP_GATEWAY_DIST:-$ROOT/dist}
tests/fixtures/setup.sh >/dev/null
say "Conformance suites"
cargo test --quiet -p mcp-gateway-tests --test conformance -- --nocapture
