# Every target sets up what it needs and is missing. Tools, downloads and compiled artefacts are kept in
# $XDG_CACHE_HOME/mcp-gateway (~/.cache/mcp-gateway), so that a second run is short.

.DEFAULT_GOAL := help
.PHONY: help build wasm run test test-fast test-native test-wasm images conformance quadrants bench lint fmt envoy-local wasmplugin clean

help: ## Lists the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: wasm ## Builds dist/mcp-gateway (the binary) and dist/mcp-gateway.wasm (the filter)
	@scripts/build.sh

wasm: ## Builds dist/mcp-gateway.wasm only
	@scripts/build-wasm.sh

run: build ## Starts the gateway over three sample servers on http://127.0.0.1:8080/mcp; Ctrl-C ends it
	@scripts/run.sh

test: lint test-native test-wasm ## Runs every check and every test

test-fast: lint build test-wasm ## The same without the tests on Kubernetes: needs no root and no test bed
	@scripts/test-native.sh fast

test-native: build ## Runs the native tests, end to end through a real Envoy included
	@scripts/test-native.sh

test-wasm: ## Runs the tests of protocol/ as WebAssembly, in Node
	@scripts/test-wasm.sh

images: ## Builds the images: images/README.md
	@scripts/build-images.sh

conformance: build ## Runs the official conformance suites, directly and through the gateway, and shows the tables
	@scripts/conformance.sh

quadrants: build ## Runs every feature by clients of either era at servers of either era, and writes docs/quadrants.md
	@scripts/quadrants.sh

bench: wasm ## Measures what the filter costs an Envoy: ratios, for a quiet machine
	@scripts/bench.sh

lint: ## Checks formatting, lints and dependencies
	@scripts/lint.sh

fmt: ## Formats the code
	cargo fmt --all

envoy-local: build ## Renders envoy-local/ anew
	dist/mcp-gateway render -f samples/gateway.yaml -o envoy-local

wasmplugin: ## Renders the resources in wasmplugin/ anew
	UPDATE_SAMPLES=1 cargo test -p mcp-gateway-controller --test wasmplugin the_resources

clean: ## Removes dist/
	rm -rf dist
