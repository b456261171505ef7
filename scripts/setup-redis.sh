#!/usr/bin/env bash
# Prints where Redis is, after installing Debian's if it is missing: for the tests of the session store.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"

only_one redis
debian redis-server redis-server
debian redis-cli redis-tools
command -v redis-server
