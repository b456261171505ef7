#!/usr/bin/env bash
# The tests of protocol/ as wasm32, in Node. The runner has to be of the version of wasm-bindgen in Cargo.lock.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$ROOT"

rust
need node "install Node.js 20 or later"
version=$(awk '/^name = "wasm-bindgen"$/ { getline; gsub(/[^0-9.]/, ""); print }' Cargo.lock)
runner=$(scripts/setup-cargo-tool.sh wasm-bindgen-cli "$version" wasm-bindgen-test-runner)
say "protocol/ in WebAssembly"
CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER=$runner \
  cargo test -p mcp-gateway-protocol --target wasm32-unknown-unknown --no-fail-fast
