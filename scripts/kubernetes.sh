# Sourced by the scripts that work on a cluster: the one that kubectl points at.
# shellcheck shell=bash
#
#   KUBECTL          the program; kubectl
#   TIMEOUT          how many seconds anything may take; 180
#   PUBLIC_HOST      host of the endpoint; mcp.127-0-0-1.sslip.io, which is a name of 127.0.0.1

KUBECTL=${KUBECTL:-kubectl}
TIMEOUT=${TIMEOUT:-180}
PUBLIC_HOST=${PUBLIC_HOST:-mcp.127-0-0-1.sslip.io}
[[ $PUBLIC_HOST =~ ^[a-z0-9.-]+$ ]] || fail "PUBLIC_HOST is $PUBLIC_HOST: write a host alone, as mcp.example.com"
# Who has applied what these scripts apply.
MANAGER=mcp-gateway-scripts

k() { "$KUBECTL" "$@"; }

# Server-side, so that applying the same again changes nothing.
apply() { k apply --server-side --force-conflicts --field-manager="$MANAGER" "$@" >&2; }

cluster() {
  need "$KUBECTL" "install kubectl: https://kubernetes.io/docs/tasks/tools"
  [[ $TIMEOUT =~ ^[1-9][0-9]*$ ]] || fail "TIMEOUT is $TIMEOUT: write a number of seconds"
  local said
  said=$(k get --raw /version --request-timeout=10s 2>&1) ||
    fail "kubectl reaches no cluster: choose one with \`kubectl config use-context\`. It says: ${said##*$'\n'}"
  say "Cluster: $(k config current-context 2>/dev/null || printf 'the one of this pod')"
}

exists() { k get "$@" >/dev/null 2>&1; }

# wait_for WHAT HINT COMMAND…: until COMMAND succeeds. HINT is a command that shows why it does not.
wait_for() {
  local what=$1 hint=$2 deadline=$((SECONDS + TIMEOUT))
  shift 2
  say "Waiting until $what (at most ${TIMEOUT} s)"
  until "$@" >/dev/null 2>&1; do
    if ((SECONDS >= deadline)); then
      $hint >&2 || true
      fail "waited ${TIMEOUT} s in vain until $what: see above"
    fi
    sleep 1
  done
}

# conditions NAMESPACE RESOURCE: those that do not hold, and why.
conditions() {
  k get -n "$1" "$2" -o 'jsonpath={range .status.conditions[?(@.status!="True")]}  {.type} is {.status}, {.reason}: {.message}{"\n"}{end}'
  printf 'More: %s describe -n %s %s\n' "$KUBECTL" "$1" "$2"
}

# condition NAMESPACE RESOURCE TYPE: whether the resource's status says so, of what it is now.
condition() {
  local status
  status=$(k get -n "$1" "$2" -o "jsonpath={.metadata.generation} {range .status.conditions[?(@.type==\"$3\")]}{.observedGeneration} {.status}{end}")
  [[ $status =~ ^([0-9]+)\ ([0-9]*)\ True$ && ${BASH_REMATCH[2]:-${BASH_REMATCH[1]}} == "${BASH_REMATCH[1]}" ]]
}

rolled_out() { k rollout status -n "$1" "$2" --timeout=1s; }

# overlay FOLDER BASE: a folder for kustomize that begins as BASE; further lines of its file come on stdin.
overlay() {
  mkdir -p "$ROOT/dist/kubernetes/$1"
  {
    printf 'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [../../../%s]\n' "$2"
    cat
  } >"$ROOT/dist/kubernetes/$1/kustomization.yaml"
  printf '%s' "$ROOT/dist/kubernetes/$1"
}
