#!/usr/bin/env bash
# Builds dist/mcp-gateway and the sample servers, optimised.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$ROOT"

rust
say "Building mcp-gateway (the first time takes some minutes)"
cargo build --release -p mcp-gateway -p mcp-gateway-samples
mkdir -p dist
for binary in mcp-gateway sample-tools sample-features sample-sse; do
  # Renamed into place: the old one may be running.
  cp "$CARGO_TARGET_DIR/release/$binary" "dist/.$binary.new"
  mv "dist/.$binary.new" "dist/$binary"
done
