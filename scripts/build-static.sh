#!/usr/bin/env bash
# build-static.sh ARCH: builds what images hold, static, for amd64 or arm64, into dist/images/ARCH. Any machine builds for both.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$ROOT"

arch=$1
case $arch in
  amd64) target=x86_64-unknown-linux-musl ;;
  arm64) target=aarch64-unknown-linux-musl ;;
  *) fail "usage: build-static.sh amd64|arm64" ;;
esac

need cargo "install Rust with rustup"
need rustup "install Rust with rustup, which has the standard library of other targets"
zig=$(scripts/setup-python-tools.sh zig)
rustup target add "$target" 2>/dev/null || rustup target add "$target" >&2
say "Building for $target (some minutes, once)"
PATH=$zig:$PATH XDG_CACHE_HOME=${XDG_CACHE_HOME:-$HOME/.cache} \
  cargo zigbuild --release --locked --target "$target" -p mcp-gateway -p mcp-gateway-samples >&2
mkdir -p "dist/images/$arch"
for binary in mcp-gateway sample-tools sample-features sample-sse; do
  install -m 755 "$CARGO_TARGET_DIR/$target/release/$binary" "dist/images/$arch/$binary"
done
