//! What the operator has changed in servers' messages: labels of elicitations, and vendors' keys that hold a URI.

use mcp_gateway_tests::client::{Modern, Session};
use mcp_gateway_tests::fake::Fake;
use mcp_gateway_tests::gateway::{Config, Gateway};
use mcp_gateway_tests::{Front, at_every_front};
use serde_json::json;

at_every_front!(an_elicitation_says_who_asks, keys_of_vendors_lead_to_the_resource);

const QUESTION: &str = r#"{"jsonrpc":"2.0","id":7,"params":{"message":"Na\u006de?","requestedSchema":{"type":"object","properties":{}}},"method":"elicitation/create"}"#;
const ASKED: &str = r#"{"resultType":"input_required","inputRequests":{"k":{"method":"elicitation/create","params":{"message":"Name?"}}}}"#;
const META: &str =
    r#"{"content":[],"_meta":{"acme/view":"ui://clock/a","other":"ui://clock/a","ui":{"resourceUri":"ui://clock/a"}}}"#;

fn legacy() -> Fake {
    let server = Fake::legacy().tool("ask", async |x| {
        let last = x.response(r#"{"content":[]}"#);
        let events = x.events();
        events.message(QUESTION);
        events.message(last);
    });
    server.tool("show", async |x| x.result(META).await).start()
}

fn modern() -> Fake {
    Fake::modern().tool("ask", async |x| x.result(ASKED).await).start()
}

async fn over(front: Front, servers: [&Fake; 2], line: &str) -> Gateway {
    let [one, other] = servers;
    let config = Config::new().at(front).line(line);
    config.server("one", "one_", &one.url()).server("other", "other_", &other.url()).start().await
}

async fn an_elicitation_says_who_asks(front: Front) {
    let (legacy, modern) = (legacy(), modern());
    for (line, label) in [("", "[one] "), ("labelElicitations: false", "")] {
        let gateway = over(front, [&legacy, &modern], line).await;
        let mut events = Session::able(gateway.url()).await.call_events("one_ask").await;
        let asked = events.method("elicitation/create").await;
        assert_eq!(asked["params"]["message"], format!("{label}Name?"));
        let label = label.replace("one", "other");
        let asked = Modern::new(gateway.url()).call("other_ask", json!({})).await;
        assert_eq!(asked["result"]["inputRequests"]["k"]["params"]["message"], format!("{label}Name?"), "{asked}");
    }
}

async fn keys_of_vendors_lead_to_the_resource(front: Front) {
    let (one, other) = (legacy(), legacy());
    let gateway = over(front, [&one, &other], "uriMetaKeys: [acme/view]").await;
    let result = Session::open(gateway.url()).await.call("other_show", json!({})).await["result"].clone();
    let seen = "ui://other.clock/a";
    assert_eq!(result["_meta"], json!({"acme/view": seen, "other": "ui://clock/a", "ui": {"resourceUri": seen}}));
}
