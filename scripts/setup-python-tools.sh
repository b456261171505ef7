#!/usr/bin/env bash
# setup-python-tools.sh NAME: prints the folder with the programs of scripts/NAME-requirements.txt, after installing them into
# the cache if they are missing.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"

name=$1
requirements=$ROOT/scripts/$name-requirements.txt
hash=$(sha256sum "$requirements" | cut -c1-16)
venv=$CACHE/$name-$hash

if [[ ! -e $venv/.complete ]]; then
  only_one "$name"
  if [[ ! -e $venv/.complete ]]; then
    need python3 "install Python 3.9 or later"
    say "Installing $name (once)"
    rm -rf "$venv"
    python3 -m venv "$venv" >&2 || fail "Python's venv module is missing: apt-get install python3-venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
      -r "$requirements" >&2
    touch "$venv/.complete"
  fi
fi
printf '%s\n' "$venv/bin"
