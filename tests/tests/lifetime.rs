//! The gateway comes and goes as a whole.

use mcp_gateway_tests::client::Session;
use mcp_gateway_tests::fake::{Exchange, Fake};
use mcp_gateway_tests::gateway::Config;
use serde_json::json;

#[tokio::test]
async fn it_ends_with_0_and_leaves_neither_processes_nor_sessions() {
    let server = Fake::legacy().tool("echo", Exchange::ok).start();
    let mut gateway = Config::new().server("a", "p_", &server.url()).start().await;
    let session = Session::open(gateway.url()).await;
    session.call("p_echo", json!({})).await;
    let mut listening = session.listen().await;
    assert_eq!((gateway.envoy() > 0, gateway.broker() > 0), (true, true));
    let stopped = tokio::task::spawn_blocking(move || gateway.process.stop()).await;
    assert!(stopped.unwrap(), "it ends with 0 and leaves nothing");
    assert_eq!(listening.data().await, None);
    // The client's and the broker's own.
    let opened = server.all("initialize").len();
    assert_eq!(server.ended().len(), opened, "{:?}", server.ended());
}
