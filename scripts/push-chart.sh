#!/usr/bin/env bash
# Packages the Helm chart, with the images and the filter that scripts/push-images.sh pushed as what it installs, and pushes it: with the
# same variables. It is called mcp-gateway-chart there, as the image next to it is mcp-gateway. Logins are those of `helm registry login`
# and of docker. What was pushed is told on stdout.
#
#   CHART_VERSION    as 1.2.3; the one in charts/mcp-gateway/Chart.yaml
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
show_help "$@"
source "$ROOT/scripts/images.sh"
no_arguments "$@"
cd "$ROOT"

need helm "install helm: https://helm.sh"
has_registry
CHART_VERSION=${CHART_VERSION:-$(sed -n 's/^version: //p' charts/mcp-gateway/Chart.yaml)}
number='(0|[1-9][0-9]*)'
[[ $CHART_VERSION =~ ^$number\.$number\.$number(-[0-9A-Za-z.-]+)?$ ]] || fail "CHART_VERSION is $CHART_VERSION: write a version as 1.2.3 or 1.2.3-rc.1"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chart=$work/mcp-gateway-chart
cp -R charts/mcp-gateway "$chart"
insecure=
((${#PLAIN[@]} == 0)) || insecure=$REGISTRY
sed -i.old "s|^name: .*|name: mcp-gateway-chart|" "$chart/Chart.yaml"
sed -i.old \
  -e "s|^  repository: mcp-gateway\$|  repository: ${IMAGE_PREFIX}mcp-gateway|" \
  -e "s|^  tag: latest\$|  tag: \"$IMAGE_TAG\"|" \
  -e "s|^  url: oci://.*|  url: $MODULE_URL|" \
  -e "s|^  insecureRegistries: \[\]|  insecureRegistries: [$insecure]|" "$chart/values.yaml"
rm "$chart"/*.old

url=oci://${IMAGE_PREFIX%/}
say "Pushing $url/mcp-gateway-chart:$CHART_VERSION"
helm package "$chart" --version "$CHART_VERSION" --app-version "$IMAGE_TAG" --destination "$work" >&2
helm push "$work/mcp-gateway-chart-$CHART_VERSION.tgz" "$url" "${PLAIN[@]}" >&2
printf '%s/mcp-gateway-chart:%s\n' "$url" "$CHART_VERSION"
