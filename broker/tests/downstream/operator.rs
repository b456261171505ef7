//! What operators look at.

use crate::fake::legacy;
use crate::rig::rig;

#[tokio::test]
async fn health_status_and_metrics_tell_how_it_goes() {
    let fake = legacy().start().await;
    let gone = legacy().start().await.config("gone", "g_");
    let rig = rig(vec![fake.config("a", "a_"), gone]).await;
    rig.client().await.call(1, "a_echo").await;
    let get = async |path: &str| {
        let answer = rig.http.get(format!("{}{path}", rig.public)).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer.text().await.unwrap()
    };
    get("/healthz").await;
    get("/readyz").await;
    let status: serde_json::Value = serde_json::from_str(&get("/status").await).unwrap();
    assert_eq!((&status["servers"][0]["name"], &status["servers"][0]["state"]), (&"a".into(), &"ready".into()));
    assert_eq!(status["servers"][0]["tools"], 5);
    assert_eq!(status["servers"][1]["state"], "down");
    let metrics = get("/metrics").await;
    for line in [
        r#"mcp_gateway_requests_total{method="tools/call",outcome="ok"} 1"#,
        "mcp_gateway_sessions 1",
        "mcp_gateway_upstream_sessions 1",
        r#"mcp_gateway_servers{state="ready"} 1"#,
        r#"mcp_gateway_servers{state="down"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}

#[tokio::test]
async fn a_broker_that_has_clients_stays_ready_when_a_server_comes_that_says_nothing() {
    let fake = legacy().start().await;
    let rig = rig(vec![fake.config("a", "a_")]).await;
    let ready = async || rig.http.get(format!("{}/readyz", rig.public)).send().await.unwrap().status() == 200;
    assert!(ready().await);
    // It takes connections and never answers.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut new = fake.config("new", "new_");
    new.url = format!("http://{}/mcp", silent.local_addr().unwrap());
    rig.configure(vec![fake.config("a", "a_"), new]);
    let mut status = rig.broker.status();
    let connecting = |all: &broker::status::Status| {
        all.servers.iter().any(|server| server.state == broker::status::State::Connecting)
    };
    let asked = tokio::time::timeout(crate::fake::PATIENCE, status.wait_for(connecting));
    asked.await.unwrap().unwrap();
    assert!(ready().await);
}
