#!/usr/bin/env bash
# Pushes what scripts/build-images.sh built, and the filter as an OCI artifact for Istio: with the same variables.
# Logins are those of docker, podman or buildah. What was pushed is told on stdout.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
show_help "$@"
source "$ROOT/scripts/images.sh"
no_arguments "$@"
TOOL=$(container_tool)
cd "$ROOT"

has_registry
program=
for candidate in "$CONTEXT/$(own_platform | cut -d/ -f2)/mcp-gateway" dist/mcp-gateway; do
  [[ -n $program || ! -x $candidate ]] || program=$candidate
done
[[ -n $program && -s dist/mcp-gateway.wasm ]] || fail "nothing is built: run scripts/build-images.sh first"

# Docker knows by its daemon's configuration where TLS is not needed.
push_with_docker() {
  local name=$1 whole=$2 platform parts=()
  for platform in "${PLATFORMS[@]}"; do
    parts+=("$(one_image "$name" "$platform")")
    docker push "${parts[-1]}"
  done
  if ((${#PLATFORMS[@]} > 1)); then
    docker manifest create --amend ${PLAIN[0]:+--insecure} "$whole" "${parts[@]}"
    docker manifest push --purge ${PLAIN[0]:+--insecure} "$whole"
  fi
}

push_with_buildah() {
  local name=$1 whole=$2 platform
  if ((${#PLATFORMS[@]} == 1)); then
    engine push ${PLAIN[0]:+--tls-verify=false} "$whole" "docker://$whole"
    return
  fi
  engine manifest rm "$whole" >/dev/null 2>&1 || true
  engine manifest create "$whole"
  for platform in "${PLATFORMS[@]}"; do
    engine manifest add "$whole" "containers-storage:$(one_image "$name" "$platform")"
  done
  engine manifest push --all ${PLAIN[0]:+--tls-verify=false} "$whole" "docker://$whole"
}

for name in "${IMAGES[@]}"; do
  whole=$(image "$name")
  say "Pushing $whole"
  if [[ $TOOL == docker ]]; then
    push_with_docker "$name" "$whole" >&2
  else
    push_with_buildah "$name" "$whole" >&2
  fi
  printf '%s\n' "$whole"
done

say "Pushing $MODULE_URL"
digest=$("$program" push "$MODULE_URL" --module dist/mcp-gateway.wasm "${PLAIN[@]}" --quiet)
printf '%s@sha256:%s\n' "$MODULE_URL" "$digest"
