#!/usr/bin/env bash
# build-static.sh ARCH PROFILE FOLDER: builds what images hold, static, for amd64 or arm64, by Cargo's profile release or dev, into
# FOLDER. Any machine builds for both.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$ROOT"

usage="usage: build-static.sh amd64|arm64 release|dev FOLDER"
case ${1:-} in
  amd64) target=x86_64-unknown-linux-musl ;;
  arm64) target=aarch64-unknown-linux-musl ;;
  *) fail "$usage" ;;
esac
case ${2:-} in
  release) built=$CARGO_TARGET_DIR/$target/release ;;
  dev) built=$CARGO_TARGET_DIR/$target/debug ;;
  *) fail "$usage" ;;
esac
folder=${3:?"$usage"}

rust
need rustup "install Rust with rustup, which has the standard library of other targets"
zig=$(scripts/setup-python-tools.sh zig)
rustup target add "$target" 2>/dev/null || rustup target add "$target" >&2
say "Building for $target (some minutes, once)"
PATH=$zig:$PATH XDG_CACHE_HOME=${XDG_CACHE_HOME:-$HOME/.cache} CARGO_PROFILE_DEV_DEBUG=none CARGO_PROFILE_DEV_STRIP=symbols \
  cargo zigbuild --profile "$2" --locked --target "$target" -p mcp-gateway -p mcp-gateway-samples >&2
mkdir -p "$folder"
for binary in mcp-gateway sample-tools sample-features sample-sse; do
  install -m 755 "$built/$binary" "$folder/$binary"
done
