# Sourced by the scripts: where things are, and how they speak. Progress goes to stderr, results to stdout.
# shellcheck shell=bash
set -euo pipefail

# macOS has 3.2.
if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404)); then
  printf 'error: this is bash %s: 4.4 or newer is needed (macOS: brew install bash)\n' "$BASH_VERSION" >&2
  exit 1
fi

# shellcheck disable=SC2034 # for those that source this
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/mcp-gateway
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$CACHE/target}
mkdir -p "$CACHE"

# Cargo tells tests of their package. Build scripts that look at these variables would run anew under a test, and everything that
# depends on them would be compiled twice.
unset CARGO_MANIFEST_DIR CARGO_MANIFEST_PATH "${!CARGO_PKG_@}"

say() { printf '==> %s\n' "$*" >&2; }

fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# show_help ARGUMENTS…: with --help what stands at the top of the script, and the variables of the parts that it sources, and nothing else.
show_help() {
  [[ ${1:-} == --help || ${1:-} == -h ]] || return 0
  local text part line name
  text=$(sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0")
  printf '%s\n' "$text"
  while read -r part; do
    while IFS= read -r line; do
      read -r name _ <<<"$line"
      [[ $text == *"  $name "* ]] || printf '%s\n' "$line"
    done < <(sed -n '/^#   [A-Z]/s/^# //p' "$ROOT/scripts/$part")
  done < <(sed -n 's|^source "[^(]*/scripts/\(.*\)"$|\1|p' "$0")
  exit 0
}

no_arguments() {
  (($# == 0)) || fail "usage: ${0##*/}, without arguments. It takes variables: \`$0 --help\` lists them"
}

need() { command -v "$1" >/dev/null || fail "$1 is missing: $2"; }

# rust: the toolchain of rust-toolchain.toml, with its components and targets. rustup does that by itself only where it is left to
# (RUSTUP_AUTO_INSTALL=0), and not for a toolchain that is there without them.
rust() {
  need cargo "install Rust with rustup"
  # Whoever has Rust from elsewhere is told by cargo what is missing.
  command -v rustup >/dev/null || return 0
  local file=$ROOT/rust-toolchain.toml channel profile components targets installed part
  channel=$(sed -nE 's/^channel *= *"(.*)"/\1/p' "$file")
  profile=$(sed -nE 's/^profile *= *"(.*)"/\1/p' "$file")
  components=$(sed -nE 's/^components *= *\[(.*)\]/\1/p' "$file" | tr -d '" ')
  targets=$(sed -nE 's/^targets *= *\[(.*)\]/\1/p' "$file" | tr -d '" ')
  # Names of components end with the machine's own target.
  installed=$(rustup target list --installed --toolchain "$channel" 2>/dev/null | sed 's/^/ /; s/$/-/') &&
    installed+=$(rustup component list --installed --toolchain "$channel" 2>/dev/null | sed 's/^/ /') || installed=
  for part in ${components//,/ } ${targets//,/ }; do
    if [[ $installed != *" $part-"* ]]; then
      say "Installing Rust $channel with $components for $targets"
      (
        only_one rust
        rustup toolchain install "$channel" --profile "$profile" --component "$components" --target "$targets" \
          --no-self-update >&2
      ) || fail "Rust $channel cannot be installed"
      return
    fi
  done
}

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
