//! What operators look at.

use mcp_gateway_tests::Front;
use mcp_gateway_tests::client::{Http, Session};
use mcp_gateway_tests::fake::{Exchange, Fake};
use mcp_gateway_tests::gateway::Config;

#[tokio::test]
async fn metrics_have_a_port_of_their_own_with_nothing_of_clients() {
    let server = Fake::legacy().tool("echo", Exchange::ok).start();
    let config = Config::new().at(Front::Broker).env("MCP_GATEWAY_METRICS_LISTEN", "127.0.0.1:0");
    let gateway = config.server("a", "p_", &server.url()).start().await;
    let _session = Session::open(gateway.url()).await;
    let told = |line: &str| Some(line.split_once("Metrics: ")?.1.trim().to_owned());

    let url = gateway.process.says("it tells where its metrics are", told).await;

    let http = Http::new();
    let metrics = http.get(&url).await;
    for line in [
        r#"mcp_gateway_requests_total{method="initialize",outcome="ok"} 1"#,
        r#"mcp_gateway_servers{state="ready"} 1"#,
        "mcp_gateway_sessions 1",
    ] {
        assert!(metrics.text().lines().any(|other| other == line), "{line}: {}", metrics.text());
    }
    let base = url.strip_suffix("/metrics").expect("its path");
    for (path, status) in [("/healthz", 200), ("/readyz", 200), ("/status", 404), ("/mcp", 404), ("/sse", 404)] {
        assert_eq!(http.get(&format!("{base}{path}")).await.status, status, "{path}");
    }
}
