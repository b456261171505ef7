# Sourced by what builds, pushes and uses images: how they are called.
# shellcheck shell=bash
#
#   REGISTRY         docker.io when DOCKER_USERNAME is set, as localhost:5000, quay.io, ghcr.io
#   DOCKER_USERNAME  the account, or organisation, in it
#   PLAIN_HTTP=1     the registry has no TLS; one on this machine needs none
#   IMAGE_TAG        latest
#   PLATFORMS        linux/amd64, linux/arm64, or both with a comma between; the machine's own
#   PROFILE          Cargo's profile: release, or dev, which is built in a third of the time and runs slower; release
#   CONTAINER_TOOL   buildah, podman or docker: the first of them that is there

IMAGE_TAG=${IMAGE_TAG:-latest}
PROFILE=${PROFILE:-release}
[[ $PROFILE == release || $PROFILE == dev ]] || fail "PROFILE is $PROFILE: write release or dev"
# shellcheck disable=SC2034 # for those that source this: what images hold
CONTEXT=dist/images/$PROFILE
REGISTRY=${REGISTRY:-${DOCKER_USERNAME:+docker.io}}
IMAGE_PREFIX=${REGISTRY:+$REGISTRY/}${DOCKER_USERNAME:+$DOCKER_USERNAME/}
# shellcheck disable=SC2034 # for those that source this
IMAGES=(mcp-gateway mcp-gateway-samples)
# shellcheck disable=SC2034 # for those that source this
MODULE_URL=oci://${IMAGE_PREFIX}mcp-gateway-wasm:$IMAGE_TAG

# What tells programs that the registry has no TLS.
PLAIN=()
# shellcheck disable=SC2034 # for those that source this
[[ -z ${PLAIN_HTTP:-} && ! $REGISTRY =~ ^(localhost|127\.[0-9.]+)(:[0-9]+)?$ ]] || PLAIN=(--plain-http)

has_registry() {
  [[ -n $IMAGE_PREFIX ]] ||
    fail "where to? Set DOCKER_USERNAME to an account at Docker Hub, or REGISTRY to another registry, as localhost:5000"
}

own_platform() {
  case $(uname -m) in
    x86_64) printf 'linux/amd64' ;;
    aarch64) printf 'linux/arm64' ;;
    *) fail "there are no images for $(uname -m): set PLATFORMS to linux/amd64 or linux/arm64" ;;
  esac
}
IFS=, read -ra PLATFORMS <<<"${PLATFORMS:-$(own_platform)}"
for platform in "${PLATFORMS[@]}"; do
  [[ $platform == linux/amd64 || $platform == linux/arm64 ]] ||
    fail "PLATFORMS holds $platform: write linux/amd64, linux/arm64, or linux/amd64,linux/arm64"
done

# image NAME: what NAME is called.
image() { printf '%s%s:%s' "$IMAGE_PREFIX" "$1" "$IMAGE_TAG"; }

# one_image NAME PLATFORM: what NAME is called for one of several platforms.
one_image() {
  if ((${#PLATFORMS[@]} == 1)); then image "$1"; else printf '%s-%s' "$(image "$1")" "${2#linux/}"; fi
}

container_tool() {
  local tool
  for tool in ${CONTAINER_TOOL:-buildah podman docker}; do
    if command -v "$tool" >/dev/null; then
      printf '%s' "$tool"
      return
    fi
  done
  fail "none of ${CONTAINER_TOOL:-buildah, podman and docker} is there: install one (Debian and Ubuntu: apt-get install buildah)"
}

# engine ARGUMENTS…: the container tool, once TOOL names it. Buildah needs no daemon, no root and no overlay this way.
# shellcheck disable=SC2153 # set by those that source this
engine() {
  if [[ $TOOL == buildah ]]; then
    buildah --storage-driver vfs "$@"
  else
    "$TOOL" "$@"
  fi
}
