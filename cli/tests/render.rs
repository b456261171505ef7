//! `mcp-gateway render`, and what the repository holds of its output.

mod common;

use common::{envoy, finished, gateway, root};
use std::path::Path;
use std::process::Command;

const FILES: [&str; 4] = ["envoy.yaml", "clusters.json", "filter.json", "routes.json"];

fn render(file: &Path, folder: &Path) {
    let mut command = gateway();
    command.args(["render", "-o", "envoy-local", "-f"]).arg(file).current_dir(folder);
    let (ok, out, err) = finished(&mut command);
    assert!(ok, "{err}");
    assert_eq!(out, "envoy-local/envoy.yaml is ready for envoy -c\n");
}

#[test]
fn envoy_local_is_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    render(&root().join("samples/gateway.yaml"), folder.path());
    for name in FILES {
        let fresh = std::fs::read_to_string(folder.path().join("envoy-local").join(name)).unwrap();
        let kept = std::fs::read_to_string(root().join("envoy-local").join(name)).unwrap();
        assert_eq!(fresh, kept, "envoy-local/{name} is out of date: run `make envoy-local`");
    }
}

#[test]
fn envoy_accepts_what_is_rendered() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.yaml");
    std::fs::write(
        &file,
        "listen: '[::1]:8080'\nservers:\n  - {name: a, prefix: a_, url: 'https://x.example/mcp'}\n\
         \x20 - {name: b, url: 'http://[::1]:1/', headers: {A: '\"%x'}}\n",
    )
    .unwrap();
    render(&file, folder.path());
    let mut command = Command::new(envoy());
    command.args(["--mode", "validate", "-c", "envoy-local/envoy.yaml"]).current_dir(&folder);
    let (ok, out, err) = finished(&mut command);
    assert!(ok, "{out}{err}");
}

#[test]
fn a_port_that_others_reach_needs_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let sample = root().join("samples/gateway.yaml");
    let mut command = gateway();
    command.args(["render", "--broker", "0.0.0.0:8091", "-o", "out", "-f"]).arg(sample).current_dir(&folder);
    let (ok, _, err) = finished(&mut command);
    assert!(!ok && err.contains("--key-file"), "{err}");
}

const RESOURCES: &str = "
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: front, namespace: gw}
spec: {gatewayClassName: istio, listeners: [{name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}]}
---
apiVersion: mcpgateway.dev/v1alpha1
kind: MCPGatewayExtension
metadata: {name: main, namespace: gw}
spec: {targetRef: {name: front}, publicHost: mcp.example.com}
---
apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: Service
    metadata: {name: weather}
    spec: {ports: [{port: 9000, name: http}]}
  - apiVersion: mcpgateway.dev/v1alpha1
    kind: MCPServerRegistration
    metadata: {name: weather}
    spec: {prefix: w_, targetRef: {kind: Service, name: weather}, credentialRef: {name: token}}
  - apiVersion: mcpgateway.dev/v1alpha1
    kind: MCPServerRegistration
    metadata: {name: outside}
    spec: {prefix: o_, url: 'https://mcp.example.org/mcp'}
---
apiVersion: v1
kind: Secret
metadata: {name: main-broker-key, namespace: gw}
stringData: {key: very-secret-filter-key}
---
apiVersion: v1
kind: Secret
metadata: {name: token, namespace: team}
stringData: {token: very-secret-token}
";

/// What `render --target` prints, and tells, of resources in a folder.
fn rendered(target: &str, resources: &str, more: &[&str]) -> (bool, String, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("all.yaml"), resources).unwrap();
    let mut command = gateway();
    command.args(["render", "--target", target, "-n", "team"]).args(more).arg(folder.path());
    finished(&mut command)
}

fn digest() -> [String; 2] {
    ["--module-sha256".to_owned(), "ab".repeat(32)]
}

#[test]
fn resources_in_a_folder_come_to_what_the_controller_makes_of_them_and_nothing_secret() {
    let digest = digest();
    let (ok, out, err) = rendered("istio", RESOURCES, &digest.each_ref().map(String::as_str));
    assert!(ok, "{err}");
    for kind in ["Deployment", "WasmPlugin", "HTTPRoute", "ServiceEntry", "BackendTLSPolicy", "DestinationRule"] {
        assert!(out.contains(&format!("kind: {kind}\n")), "no {kind}: {out}");
    }
    assert!(out.contains(&digest[1]) && out.contains("address: mcp.example.org"), "{out}");
    assert_eq!(out.matches("kind: HTTPRoute\n").count(), 4, "{out}");
    assert!(!(out + &err).contains("very-secret"), "a credential is printed");
    assert!(err.contains("`write-your-own-key` stands for the filter's key"), "{err}");
}

#[test]
fn for_envoy_gateway_there_is_the_data_path_and_the_servers_of_the_brokers_file() {
    let digest = digest();
    let (ok, out, err) = rendered("envoy-gateway", RESOURCES, &digest.each_ref().map(String::as_str));
    assert!(ok, "{err}");
    for kind in ["EnvoyExtensionPolicy", "ClientTrafficPolicy", "BackendTrafficPolicy", "Backend", "HTTPRoute"] {
        assert!(out.contains(&format!("kind: {kind}\n")), "no {kind}: {out}");
    }
    assert!(!out.contains("istio.io") && !(out.clone() + &err).contains("very-secret"), "{out}{err}");

    // A broker that reads its servers from a file finds the routes that are rendered.
    let folder = tempfile::tempdir().unwrap();
    let servers: Vec<_> =
        err.lines().filter_map(|line| line.split_once("under servers: ")).map(|(_, one)| one).collect();
    assert_eq!(servers.len(), 2, "{err}");
    let file = folder.path().join("gateway.yaml");
    std::fs::write(&file, format!("servers:\n  {}\n", servers.join("\n  "))).unwrap();
    render(&file, folder.path());
    let routes = std::fs::read_to_string(folder.path().join("envoy-local/routes.json")).unwrap();
    let hosts: Vec<_> = routes.split('"').filter(|word| word.starts_with("s-")).collect();
    assert!(!hosts.is_empty() && hosts.iter().all(|host| out.contains(host)), "{hosts:?}: {out}");
}

#[test]
fn what_is_missing_among_the_resources_is_told_and_the_rest_is_rendered() {
    let digest = digest();
    let digest = digest.each_ref().map(String::as_str);
    let without = RESOURCES.replace("kind: Service\n", "kind: Elsewhere\n");
    let (ok, out, err) = rendered("istio", &without, &digest);
    assert!(!ok && out.contains("kind: WasmPlugin\n"), "{err}");
    assert!(err.contains("MCPServerRegistration team/weather: ") && err.contains("Service team/weather"), "{err}");
    let (ok, out, err) = rendered("istio", RESOURCES, &[]);
    assert!(!ok && out.contains("kind: Deployment\n") && !out.contains("WasmPlugin"), "{out}");
    assert!(err.contains("--module-sha256"), "{err}");
    let (ok, out, err) = rendered("envoy", RESOURCES, &digest);
    assert!(!ok && out.is_empty() && err.contains("--target istio"), "{out}{err}");
    let (ok, out, err) = rendered("istio", "kind: Pod\napiVersion: v1\n", &digest);
    assert!(!ok && out.is_empty() && err.contains("no MCPGatewayExtension"), "{out}{err}");
}
