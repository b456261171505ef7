//! Pages of other origins: a browser lets them use the gateway.

use mcp_gateway_tests::client::{Http, Modern, Reply, Session, initialize};
use mcp_gateway_tests::fake::{Exchange, Fake};
use mcp_gateway_tests::gateway::Config;
use mcp_gateway_tests::{Front, at_every_front};
use serde_json::json;

at_every_front!(
    a_page_is_let_in_by_its_browser,
    what_a_page_gets_it_may_read,
    what_servers_tell_of_pages_of_their_own_stays_with_them,
);

const PAGE: &str = "https://app.example";

async fn rig(front: Front) -> (mcp_gateway_tests::gateway::Gateway, Fake) {
    let server = Fake::legacy().tool("echo", Exchange::ok).start();
    let config = Config::new().at(front).line(&format!("allowedOrigins: [\"{PAGE}\"]"));
    (config.server("a", "p_", &server.url()).start().await, server)
}

/// Whether a browser gives the answer to the page.
fn is_shown(reply: &Reply, page: &str) -> bool {
    reply.header("access-control-allow-origin") == page && reply.header("vary").to_lowercase().contains("origin")
}

async fn a_page_is_let_in_by_its_browser(front: Front) {
    let (gateway, _server) = rig(front).await;
    let asks = |path: &str, page: &str| {
        let asks = Http::new().request("OPTIONS", &gateway.at(path)).header("origin", page);
        asks.header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type,mcp-param-region,mcp-session-id")
    };
    for (path, page) in [("/mcp", PAGE), ("/mcp", "http://localhost:6274"), ("/sse", PAGE), ("/sse/message", PAGE)] {
        let reply = asks(path, page).send("").await;
        assert_eq!((reply.status, is_shown(&reply, page)), (204, true), "{path} {page}: {:?}", reply.headers);
        let methods = reply.header("access-control-allow-methods");
        assert!(["GET", "POST", "DELETE"].iter().all(|method| methods.contains(method)), "{methods}");
        assert!(reply.header("access-control-allow-headers").contains("mcp-param-region"), "{:?}", reply.headers);
    }
    let foreign = asks("/mcp", "https://evil.example").send("").await;
    assert_eq!((foreign.status, foreign.header("access-control-allow-origin")), (403, ""));
}

async fn what_a_page_gets_it_may_read(front: Front) {
    let (gateway, server) = rig(front).await;
    let page = |http: Http| http.post(gateway.url()).header("origin", PAGE);
    let opened = page(Http::new()).send(initialize("2025-11-25", &json!({}))).await;
    assert!(is_shown(&opened, PAGE), "{:?}", opened.headers);
    assert!(opened.header("access-control-expose-headers").contains("mcp-session-id"), "{:?}", opened.headers);
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"p_echo","arguments":{}}}"#;
    let session = Session::open(gateway.url()).await;
    let called = session.post().header("origin", PAGE).send(call).await;
    assert_eq!(called.message()["result"]["content"][0]["text"], "ok");
    assert!(is_shown(&called, PAGE), "{:?}", called.headers);
    let lost = page(Http::new()).header("mcp-session-id", "none").send(call).await;
    assert_eq!((lost.status, is_shown(&lost, PAGE)), (404, true), "{:?}", lost.headers);
    let modern = Modern::new(gateway.url());
    let message = Modern::message("tools/call", json!({"name": "p_echo", "arguments": {}}));
    let modern = modern.post("tools/call", "p_echo").header("origin", PAGE).send(message).await;
    assert!(is_shown(&modern, PAGE), "{:?}", modern.headers);
    // Servers are none of the page's business, and who is no page is told nothing.
    assert!(server.calls().iter().all(|call| call.header("origin").is_empty()));
    let plain = session.send(call).await;
    assert_eq!(plain.header("access-control-allow-origin"), "");
}

async fn what_servers_tell_of_pages_of_their_own_stays_with_them(front: Front) {
    const OWN: &[(&str, &str)] = &[
        ("access-control-allow-origin", "*"),
        ("access-control-allow-credentials", "true"),
        ("access-control-expose-headers", "x-secret"),
    ];
    let server = Fake::legacy().tool("echo", async |x| x.ok_with(OWN).await).start();
    let config = Config::new().at(front).line(&format!("allowedOrigins: [\"{PAGE}\"]"));
    let gateway = config.server("a", "p_", &server.url()).start().await;
    let session = Session::open(gateway.url()).await;
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"p_echo","arguments":{}}}"#;
    for page in [true, false] {
        let post = session.post();
        let post = if page { post.header("origin", PAGE) } else { post };
        let reply = post.send(call).await;
        assert_eq!(reply.message()["result"]["content"][0]["text"], "ok", "{}", reply.text());
        assert_eq!(is_shown(&reply, PAGE), page, "{:?}", reply.headers);
        assert_eq!(reply.header("access-control-allow-credentials"), "", "{:?}", reply.headers);
        let exposed = reply.header("access-control-expose-headers");
        assert_eq!((exposed.contains("mcp-session-id"), exposed.contains("x-secret")), (page, false), "{exposed}");
        assert!(page || reply.header("access-control-allow-origin").is_empty(), "{:?}", reply.headers);
    }
}
