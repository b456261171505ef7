//! `mcp-gateway broker` without Envoy is the same gateway, only slower.

use mcp_gateway_tests::gateway::Config;
use mcp_gateway_tests::peers::{self, Client, Era, Plan, offer};
use mcp_gateway_tests::process::{Process, Server, built};

/// Runs the plan through Envoy and through the broker's own port, in both eras.
#[tokio::test]
async fn the_broker_alone_answers_as_through_envoy() {
    let (features, python, both, legacy) = tokio::join!(
        Server::sample("sample-features", &["--page-size", "2"]),
        peers::python(),
        peers::typescript("both"),
        peers::typescript("legacy"),
    );
    let config = Config::new()
        .server("rs", "rs_", &features.url)
        .server("py", "py_", &python.url)
        .server("tsb", "tsb_", &both.url)
        .server("tsl", "tsl_", &legacy.url);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.yaml");
    std::fs::write(&file, config.text()).unwrap();
    let any = "127.0.0.1:0";
    let args = ["broker", "-f", file.to_str().unwrap(), "--listen", any, "--internal-listen", any];
    let mut broker = Process::start(&built("mcp-gateway"), &args);
    let endpoint = |line: &str| Some(line.strip_prefix("MCP endpoint without Envoy: ")?.to_owned());
    let alone = broker.says("the broker tells its endpoint", endpoint).await;
    let gateway = config.start().await;

    for era in [Era::Legacy, Era::Modern] {
        let mut plan = Plan::new()
            .then(offer::features().behind("rs_"))
            .then(offer::python(era).behind("py_"))
            .then(offer::typescript(era == Era::Modern).behind("tsb_"));
        if era == Era::Legacy {
            plan = plan.then(offer::typescript(true).behind("tsl_"));
        }
        let counted = if era == Era::Legacy { 8 } else { 6 };
        let plan = plan.wait("progress", counted).wait("message", counted - 1);
        let expected = Client::TypeScript.run(gateway.url(), era, &plan).await;
        let seen = Client::TypeScript.run(&alone, era, &plan).await;
        seen.assert_is(&expected, &format!("{era}"));
    }
    assert!(broker.stop(), "the broker ends with 0: {:?}", broker.log().lines());
}
