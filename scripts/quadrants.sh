#!/usr/bin/env bash
# Every feature by clients of either era at servers of either era, through the gateway of dist/. Writes docs/quadrants.md and
# shows it; the status is 0 if all is as it says there.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$ROOT"

MCP_GATEWAY_ENVOY=$(scripts/setup-envoy.sh)
export MCP_GATEWAY_ENVOY
export MCP_GATEWAY_DIST=${MCP_GATEWAY_DIST:-$ROOT/dist}
tests/peers/setup.sh >/dev/null
tests/fixtures/setup.sh >/dev/null
say "Quadrants"
QUADRANTS_WRITE=1 cargo test --quiet -p mcp-gateway-tests --test quadrants -- --nocapture
