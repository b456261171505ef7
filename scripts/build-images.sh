#!/usr/bin/env bash
# Builds the images of the gateway and of the sample servers, and the filter, from the sources: see scripts/images.sh for the variables.
# No base image is pulled. What was built is told on stdout.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
show_help "$@"
source "$ROOT/scripts/images.sh"
no_arguments "$@"
TOOL=$(container_tool)
cd "$ROOT"

# An image from scratch has no authorities to check certificates with: it gets those of this machine.
authorities=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}
[[ -s $authorities ]] || authorities=/etc/pki/tls/certs/ca-bundle.crt
[[ -s $authorities ]] ||
  fail "no certificate authorities are found: install ca-certificates, or name a PEM file in SSL_CERT_FILE"
mkdir -p "$CONTEXT"
install -m 644 "$authorities" "$CONTEXT/ca-certificates.crt"
install -m 644 LICENSE "$CONTEXT/LICENSE"

case $TOOL in
  buildah) build=(bud --isolation chroot --format oci) ;;
  *) build=(build) ;;
esac
scripts/build-wasm.sh
for platform in "${PLATFORMS[@]}"; do
  arch=${platform#linux/}
  scripts/build-static.sh "$arch" "$PROFILE" "$CONTEXT/$arch"
  for name in "${IMAGES[@]}"; do
    full=$(one_image "$name" "$platform")
    say "Building $full"
    engine "${build[@]}" --platform "$platform" --build-arg "ARCH=$arch" --tag "$full" \
      --file "images/$name.Containerfile" "$CONTEXT" >&2
    printf '%s\n' "$full"
  done
done
