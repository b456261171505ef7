//! A server without prefix is seen through the gateway as it is.

use mcp_gateway_tests::client::Session;
use mcp_gateway_tests::gateway::{Config, Gateway};
use mcp_gateway_tests::peers::{self, Client, Era, offer};
use mcp_gateway_tests::process::Server;
use mcp_gateway_tests::{Front, at_every_front};
use serde_json::{Value, json};

at_every_front!(clients_see_what_they_see_without_the_gateway, resources_of_a_template_are_those_of_the_server,);

async fn rig(front: Front) -> (Gateway, Server) {
    let server = peers::everything().await;
    (Config::new().at(front).server("everything", "", &server.url).start().await, server)
}

/// `serverInfo`, `instructions` and `capabilities` are the gateway's own.
async fn clients_see_what_they_see_without_the_gateway(front: Front) {
    let (gateway, server) = rig(front).await;
    for client in [Client::TypeScript, Client::Python] {
        let plan = offer::everything();
        let alone = client.run(&server.url, Era::Legacy, &plan).await;
        let seen = client.run(gateway.url(), Era::Legacy, &plan).await;
        seen.assert_is(&alone, &format!("{client:?}"));
    }
}

/// The text of what is made on demand, without the time of day in it.
fn timeless(mut answer: Value) -> Value {
    fn cut(value: &mut Value) {
        match value {
            Value::String(text) => text.truncate(text.find(" created at ").unwrap_or(text.len())),
            Value::Array(items) => items.iter_mut().for_each(cut),
            Value::Object(members) => members.values_mut().for_each(cut),
            _ => {}
        }
    }
    cut(&mut answer["result"]);
    answer["result"].take()
}

/// URIs that no list has find the server too.
async fn resources_of_a_template_are_those_of_the_server(front: Front) {
    let (gateway, server) = rig(front).await;
    let (through, alone) = (Session::open(gateway.url()).await, Session::open(&server.url).await);
    let cases = [
        ("resources/read", json!({ "uri": "demo://resource/dynamic/text/7" })),
        ("resources/read", json!({ "uri": "demo://resource/static/document/features.md" })),
        (
            "prompts/get",
            json!({ "name": "resource-prompt", "arguments": { "resourceType": "Text", "resourceId": "1" } }),
        ),
        ("tools/call", json!({ "name": "get-resource-links", "arguments": { "count": 4 } })),
        (
            "tools/call",
            json!({ "name": "get-resource-reference", "arguments": { "resourceType": "Text", "resourceId": 3 } }),
        ),
        (
            "completion/complete",
            json!({
                "ref": { "type": "ref/prompt", "name": "completable-prompt" },
                "argument": { "name": "department", "value": "S" },
            }),
        ),
        (
            "completion/complete",
            json!({
                "ref": { "type": "ref/resource", "uri": "demo://resource/dynamic/text/{resourceId}" },
                "argument": { "name": "resourceId", "value": "1" },
            }),
        ),
    ];
    for (method, params) in cases {
        let expected = timeless(alone.ask(method, params.clone()).await);
        assert!(expected.is_object(), "{method} {params}");
        assert_eq!(timeless(through.ask(method, params.clone()).await), expected, "{method} {params}");
    }
}
