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
