#!/usr/bin/env bash
# Formatting, lints (native, WebAssembly and shell) and dependencies.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$ROOT"

rust
say "Formatting"
cargo fmt --all --check
say "Clippy"
cargo clippy --workspace --all-targets -- -D warnings
cargo clippy -p mcp-gateway-filter --target wasm32-wasip1 -- -D warnings
cargo clippy -p mcp-gateway-protocol --target wasm32-unknown-unknown --all-targets -- -D warnings
say "ShellCheck"
shellcheck=$(scripts/setup-python-tools.sh shellcheck)/shellcheck
git ls-files -z --cached --others --exclude-standard '*.sh' | xargs -0 "$shellcheck"
say "Dependencies"
deny=$(scripts/setup-cargo-tool.sh cargo-deny 0.20.2 cargo-deny)
"$deny" --log-level error check bans licenses sources
