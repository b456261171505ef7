//! The images, as they come back from a registry. Building them needs no cluster, but rights that `make test-fast` does without.

use mcp_gateway_tests::images::{Built, Pulled};
use mcp_gateway_tests::registry::Registry;
use serde_json::json;
use std::process::Command;

/// What may be in a layer after packing: far less than a base image would add.
const BYTES: u64 = 40 << 20;

#[tokio::test]
async fn images_hold_static_programs_for_a_user_without_rights_and_nothing_else() {
    let registry = Registry::open().await;
    let images = Built::build(&registry.host());
    let pushed = images.push();
    let name = |name: &str| format!("{}/team/{name}:v1", registry.host());
    assert_eq!(pushed[..2], [name("mcp-gateway"), name("mcp-gateway-samples")]);
    let (module, digest) = pushed[2].split_once("@sha256:").expect("a digest");
    assert_eq!((module, digest.len()), (format!("oci://{}", name("mcp-gateway-wasm")).as_str(), 64));

    let gateway = pulled(&registry, &images, "mcp-gateway").await;
    assert_eq!(files(&gateway), ["/LICENSE", "/etc/ssl/certs/ca-certificates.crt", "/mcp-gateway"]);
    assert_eq!(gateway.config["config"]["Entrypoint"], json!(["/mcp-gateway"]));
    let samples = pulled(&registry, &images, "mcp-gateway-samples").await;
    assert_eq!(files(&samples), ["/LICENSE", "/sample-features", "/sample-sse", "/sample-tools"]);
    assert_eq!(samples.config["config"]["Entrypoint"], json!(["/sample-tools"]));

    let architecture = if cfg!(target_arch = "x86_64") { "amd64" } else { "arm64" };
    for image in [&gateway, &samples] {
        assert_eq!(image.config["architecture"], architecture);
        assert_eq!(image.config["config"]["User"], "65532:65532");
        assert!(image.bytes < BYTES, "{} bytes", image.bytes);
    }
    let said = run(&gateway, &["/mcp-gateway", "--version"]);
    assert!(said.starts_with("mcp-gateway "), "{said}");
    for server in ["/sample-tools", "/sample-features", "/sample-sse"] {
        assert!(run(&samples, &[server, "--help"]).contains("--listen"));
    }
}

async fn pulled(registry: &Registry, images: &Built, name: &str) -> Pulled {
    Pulled::pull(&registry.host(), &format!("team/{name}:v1"), images.folder()).await.expect("the image can be pulled")
}

fn files(image: &Pulled) -> Vec<String> {
    image.files().expect("the image's files")
}

/// Runs a program with nothing but the image around it.
fn run(image: &Pulled, command: &[&str]) -> String {
    let output = Command::new("chroot")
        .args(["--userspec=65532:65532", "--groups="])
        .arg(&image.folder)
        .args(command)
        .output()
        .expect("coreutils have it");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
