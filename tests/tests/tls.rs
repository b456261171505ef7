//! Servers behind TLS: the fast path and the broker trust the same authorities.

use mcp_gateway_tests::client::Session;
use mcp_gateway_tests::fake::{Exchange, Fake, Identity};
use mcp_gateway_tests::gateway::Config;
use mcp_gateway_tests::{Front, at_every_front, until_told};
use serde_json::{Value, json};
use std::path::Path;

at_every_front!(a_private_authority_is_trusted_where_it_is_named, an_authority_that_is_replaced_is_in_force,);

async fn a_private_authority_is_trusted_where_it_is_named(front: Front) {
    let identity = Identity::of("localhost");
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let file = folder.path().join("ca.pem");
    put(&file, identity.pem());
    let server = Fake::legacy().tool("echo", Exchange::ok).start_tls(&identity);
    assert!(server.url().starts_with("https://localhost:"), "{}", server.url());

    let config = Config::new().at(front).server_with("a", "a_", &server.url(), &trusting(&file));
    let gateway = config.server("b", "b_", &server.url()).start().await;
    let client = Session::open(gateway.url()).await;
    let answer = client.call("a_echo", json!({})).await;
    assert!(answer["result"].is_object(), "{answer}");
    assert_eq!(server.calls().len(), 1);
    let refused = client.call("b_echo", json!({})).await;
    assert!(is_distrust(&refused), "{refused}");
}

async fn an_authority_that_is_replaced_is_in_force(front: Front) {
    let (old, new) = (Identity::of("localhost"), Identity::of("localhost"));
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let file = folder.path().join("ca.pem");
    put(&file, old.pem());
    let server = Fake::legacy().tool("echo", Exchange::ok).start_tls(&new);
    let gateway = Config::new().at(front).server_with("a", "a_", &server.url(), &trusting(&file)).start().await;
    let client = Session::open(gateway.url()).await;
    let refused = client.call("a_echo", json!({})).await;
    assert!(is_distrust(&refused), "{refused}");

    let call_until = async |what: &str, so: fn(&Value) -> bool| {
        until_told(what, async || {
            let client = Session::open(gateway.url()).await;
            so(&client.call("a_echo", json!({})).await).then_some(())
        })
        .await;
    };
    put(&file, "no certificate");
    gateway.process.says("the damage is told", |line| line.contains("servers[0].caFile").then_some(())).await;
    put(&file, new.pem());
    call_until("the new authority is trusted", |answer| answer["result"].is_object()).await;
    put(&file, old.pem());
    call_until("it is trusted no more", is_distrust).await;
}

fn trusting(file: &Path) -> String {
    format!(", caFile: {}", file.display())
}

/// Puts a file in its place as a whole, as those do who rotate certificates.
fn put(file: &Path, text: &str) {
    let new = file.with_extension("new");
    std::fs::write(&new, text).expect("writing a certificate");
    std::fs::rename(new, file).expect("renaming a certificate");
}

/// Whether a call failed since the server's certificate is not trusted.
fn is_distrust(answer: &Value) -> bool {
    answer["error"]["message"].as_str().is_some_and(|message| message.contains("caFile"))
}
