# Sourced by the scripts: where things are, and how they speak. Progress goes to stderr, results to stdout.
# shellcheck shell=bash
set -euo pipefail

# shellcheck disable=SC2034 # for those that source this
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/mcp-gateway
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$CACHE/target}
mkdir -p "$CACHE"

say() { printf '==> %s\n' "$*" >&2; }

fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

no_arguments() {
  (($# == 0)) || fail "usage: ${0##*/}, without arguments. It takes variables: \`head -n 20 $0\` lists them"
}

need() { command -v "$1" >/dev/null || fail "$1 is missing: $2"; }

# debian PROGRAM PACKAGE: a program that Debian has.
debian() {
  command -v "$1" >/dev/null && return
  if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
    fail "$1 is missing: install it (Debian and Ubuntu: apt-get install $2)"
  fi
  say "Installing $2"
  # Its service is not wanted, only the program.
  { apt-get update -qq && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2"; } \
    >&2 || fail "apt-get install $2 failed"
}

# only_one NAME: one process at a time sets up NAME; a second waits, then finds it done.
only_one() {
  need flock "install util-linux"
  exec 9>"$CACHE/.$1.lock"
  flock 9
}
