#!/usr/bin/env bash
# The native tests. Those that need Envoy get the pinned one, and the filter and binary of dist/. With `fast`, those that need
# the test bed (a real Kubernetes and Istio, which need root) are left out: all of them are named kubernetes_*.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$ROOT"

MCP_GATEWAY_ENVOY=$(scripts/setup-envoy.sh)
export MCP_GATEWAY_ENVOY
export MCP_GATEWAY_DIST=$ROOT/dist
# The tests ask for these again; here their installation can be seen.
tests/peers/setup.sh >/dev/null
tests/fixtures/setup.sh >/dev/null
scripts/setup-redis.sh >/dev/null
say "What the filter keeps of streams"
cargo test --manifest-path third_party/proxy-wasm/Cargo.toml --test streams

without_kubernetes() {
  local status=0
  cargo test --workspace --no-fail-fast --lib --bins --test '[!k]*' || status=$?
  cargo test --workspace --no-fail-fast --doc || status=$?
  return "$status"
}

if [[ ${1:-} == fast ]]; then
  say "Native tests, without Kubernetes"
  without_kubernetes
  exit
fi

MCP_GATEWAY_TESTBED=$(scripts/setup-testbed.sh)
export MCP_GATEWAY_TESTBED
# shellcheck disable=SC2034 # for images.sh
PROFILE=dev
source "$ROOT/scripts/images.sh"
arch=${PLATFORMS[0]#linux/}
scripts/build-static.sh "$arch" "$PROFILE" "$CONTEXT/$arch"
say "Building the native tests"
cargo test --workspace --no-run
log=$(mktemp)
# A process group of its own, which is ended along with this script.
set -m
without_kubernetes </dev/null >"$log" 2>&1 &
beside=$!
set +m
trap 'kill -- "-$beside" 2>/dev/null || true; rm -f "$log"' EXIT
status=0
say "Native tests on Kubernetes. The others run beside them, as either mostly wait, and are shown afterwards"
cargo test --workspace --no-fail-fast --test 'kubernetes_*' || status=$?
say "Native tests, without Kubernetes"
wait "$beside" || status=$?
cat "$log"
exit "$status"
