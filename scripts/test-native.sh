#!/usr/bin/env bash
# The native tests. Those that need Envoy get the pinned one, and the filter and binary of dist/.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$ROOT"

MCP_GATEWAY_ENVOY=$(scripts/setup-envoy.sh)
export MCP_GATEWAY_ENVOY
export MCP_GATEWAY_DIST=$ROOT/dist
# The tests ask for these again; here their installation can be seen.
tests/peers/setup.sh >/dev/null
tests/fixtures/setup.sh >/dev/null
say "Native tests"
cargo test --workspace --no-fail-fast
