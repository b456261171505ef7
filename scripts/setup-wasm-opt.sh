#!/usr/bin/env bash
# Prints the path of wasm-opt (npm package `binaryen`), after installing it into the cache if it is missing.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"

source_dir=$ROOT/scripts/npm
dir=$CACHE/npm-$(cksum <"$source_dir/package-lock.json" | cut -d' ' -f1)
tool=$dir/node_modules/.bin/wasm-opt

if [[ ! -x $tool ]]; then
  only_one npm
  if [[ ! -x $tool ]]; then
    need npm "install Node.js 20 or later"
    say "Installing wasm-opt (once)"
    mkdir -p "$dir"
    cp "$source_dir/package.json" "$source_dir/package-lock.json" "$dir/"
    npm ci --prefix "$dir" --no-audit --no-fund --loglevel=error >&2
  fi
fi
printf '%s\n' "$tool"
