#!/usr/bin/env bash
# setup-cargo-tool.sh CRATE VERSION BINARY: prints the path of a binary from crates.io, after building it into the cache
# if it is missing.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"

crate=$1 version=$2 binary=$3
dir=$CACHE/tools/$crate-$version
tool=$dir/bin/$binary

if [[ ! -x $tool ]]; then
  only_one "$crate"
  if [[ ! -x $tool ]]; then
    rust
    say "Building $crate $version (some minutes, once)"
    # Built for a quick build: these tools run for seconds.
    export CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
    export CARGO_TARGET_DIR=$CACHE/tools/build-$crate
    (cd "$ROOT" && cargo install --quiet --locked --root "$dir" --version "$version" "$crate") >&2
    rm -rf "$CARGO_TARGET_DIR"
  fi
fi
printf '%s\n' "$tool"
