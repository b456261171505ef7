//! Servers behind TLS: the fast path and the broker trust the same authorities.

use mcp_gateway_tests::client::Session;
use mcp_gateway_tests::fake::{Exchange, Fake, Identity};
use mcp_gateway_tests::gateway::Config;
use mcp_gateway_tests::{Front, at_every_front};
use serde_json::json;

at_every_front!(a_private_authority_is_trusted_where_it_is_named,);

async fn a_private_authority_is_trusted_where_it_is_named(front: Front) {
    let identity = Identity::of("localhost");
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, identity.pem()).expect("writing the certificate");
    let server = Fake::legacy().tool("echo", Exchange::ok).start_tls(&identity);
    assert!(server.url().starts_with("https://localhost:"), "{}", server.url());

    let trusting = format!(", caFile: {}", file.display());
    let config =
        Config::new().at(front).server_with("a", "a_", &server.url(), &trusting).server("b", "b_", &server.url());
    let gateway = config.start().await;
    let client = Session::open(gateway.url()).await;
    let answer = client.call("a_echo", json!({})).await;
    assert!(answer["result"].is_object(), "{answer}");
    assert_eq!(server.calls().len(), 1);
    let refused = client.call("b_echo", json!({})).await;
    assert!(refused["error"]["message"].as_str().is_some_and(|m| m.contains("caFile")), "{refused}");
}
