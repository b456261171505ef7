#!/bin/sh
# Installs the peers into a cache folder outside the tree, and prints the folder to run them from as the last line.
# Needs Node 20 or later with npm, Python 3.10 or later with venv, and flock. A second run installs nothing.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/mcp-gateway
hash_of() { cat "$@" | sha256sum | cut -c1-16; }
installed=$cache/peers-$(cd "$here" && hash_of package.json package-lock.json .npmrc requirements.txt)
# Node finds the packages of a script in a parent folder of it; the scripts' own hash keeps two checkouts apart.
scripts=$installed/scripts-$(cd "$here" && hash_of setup.sh servers/* clients/*)

mkdir -p "$cache"
exec 9>"$installed.lock"
flock 9

if [ ! -e "$installed/.complete" ]; then
    rm -rf "$installed"
    mkdir -p "$installed"
    (
        cd "$here"
        cp package.json package-lock.json .npmrc requirements.txt "$installed"
    )
    echo "installing MCP peers of npm into $installed" >&2
    (cd "$installed" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) >&2
    echo "installing MCP peers of PyPI into $installed" >&2
    python3 -m venv "$installed/venv"
    "$installed/venv/bin/pip" install --quiet --disable-pip-version-check -r "$installed/requirements.txt" >&2
    touch "$installed/.complete"
fi

if [ ! -e "$scripts/.complete" ]; then
    rm -rf "$scripts"
    mkdir -p "$scripts/bin"
    cp -R "$here/servers" "$here/clients" "$scripts"
    packages=$installed/node_modules
    wrap() {
        printf '#!/bin/sh\nexec %s "$@"\n' "$2" >"$scripts/bin/$1"
        chmod +x "$scripts/bin/$1"
    }
    wrap python "'$installed/venv/bin/python'"
    # The Inspector asks for a newer Node than the rest; npm has one for these two architectures.
    node=node
    for own in "$packages"/node-linux-*/bin/node; do
        [ ! -x "$own" ] || node="'$own'"
    done
    # It keeps what it remembers of logins in the home folder when not told otherwise.
    wrap inspector "env MCP_STORAGE_DIR='$scripts/inspector' $node '$packages/@modelcontextprotocol/inspector/clients/launcher/build/index.js' --cli"
    touch "$scripts/.complete"
fi

echo "$scripts"
