//! Servers that fail, hang, forget or talk nonsense.

use crate::manners::{legacy, modern};
use crate::support::rig;
use broker::catalog::Kind;
use broker::status::State;
use protocol::era::Era;

#[tokio::test]
async fn a_dead_server_fails_alone_and_comes_back() {
    let (mut a, b) = (legacy().tools(&["x"]).start(), legacy().tools(&["y"]).start());
    let rig = rig(vec![a.config("a", ""), b.config("b", "b_")]);
    let before = rig.sees_tools(Era::Legacy, &["x", "b_y"]).await;
    a.stop();
    let status = rig.is("a", State::Down).await;
    assert_eq!(status.error.as_deref(), Some("the server cannot be reached: connection refused; check that it runs"));
    assert_eq!(status.tools, 0);
    let down = rig.sees_tools(Era::Legacy, &["b_y"]).await;
    // Its names stay its own, and routes that were given out stay right.
    assert_eq!(down.catalog.owner(Era::Legacy, Kind::Tools, "x").as_deref(), Some("a"));
    assert_eq!(down.epoch, before.epoch);
    a.restart();
    rig.sees_tools(Era::Legacy, &["x", "b_y"]).await;
    assert_eq!(rig.is("a", State::Ready).await.error, None);
    assert_eq!(b.count("initialize"), 1);
}

#[tokio::test]
async fn a_stateless_server_that_dies_is_noticed_when_somebody_asks() {
    let mut a = modern().stateless().tools(&["x"]).start();
    let rig = rig(vec![a.config("a", "")]);
    rig.sees_tools(Era::Modern, &["x"]).await;
    a.stop();
    let asking = async {
        loop {
            rig.refreshed().await;
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = rig.is("a", State::Down) => {}
        () = asking => {}
    }
    a.restart();
    rig.sees_tools(Era::Modern, &["x"]).await;
}

#[tokio::test]
async fn a_forgotten_session_is_opened_again() {
    for server in [legacy(), legacy().lost_is_400(), legacy().in_events()] {
        let a = server.tools(&["x"]).start();
        let rig = rig(vec![a.config("a", "")]);
        rig.sees_tools(Era::Legacy, &["x"]).await;
        a.wait_until("the stream is open", |a| a.count("GET") == 1 && a.count("tools/list") == 2).await;
        a.forget_sessions();
        a.set_tools(vec![crate::manners::tool("x"), crate::manners::tool("y")]);
        // The stream that is still open makes the broker ask again, and learn that the session is gone.
        a.tell(broker::catalog::Group::Tools);
        rig.sees_tools(Era::Legacy, &["x", "y"]).await;
        assert_eq!(a.count("initialize"), 2);
        assert_eq!(rig.is("a", State::Ready).await.error, None);
    }
}

#[tokio::test]
async fn nonsense_is_named() {
    for (server, expected) in [
        (legacy().html(), "the server answered with a media type that is not MCP's"),
        (
            legacy().answers_with_another_id(),
            "the server answered with something that is not MCP: an answer with another id",
        ),
        (legacy().settles("2024-01-01"), "a revision that the gateway does not know"),
    ] {
        let a = server.tools(&["x"]).start();
        let rig = rig(vec![a.config("a", "")]);
        let error = rig.is("a", State::Down).await.error.unwrap();
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_hangs_is_down_after_its_timeout() {
    let a = legacy().never_answers().start();
    let mut config = a.config("a", "");
    config.timeout_ms = 100;
    let rig = rig(vec![config]);
    let error = rig.is("a", State::Down).await.error;
    assert_eq!(error.as_deref(), Some("the server did not answer within 100 ms"));
}

#[tokio::test]
async fn an_endless_list_is_an_error_of_that_list_only() {
    let a = legacy().tools(&["x"]).endless().start();
    let rig = rig(vec![a.config("a", "")]);
    let status = rig.is("a", State::Ready).await;
    assert_eq!(
        status.error.as_deref(),
        Some("tools/list: page 2 has a cursor that an earlier page had; the list would never end")
    );
    assert_eq!(status.tools, 0);
}

#[tokio::test]
async fn a_server_that_asks_the_broker_is_answered() {
    let a = legacy().asks_first().tools(&["x"]).start();
    let rig = rig(vec![a.config("a", "")]);
    rig.sees_tools(Era::Legacy, &["x"]).await;
    let answers = a.answers();
    assert!(answers.iter().any(|m| m["id"] == 7 && m["result"].is_object()), "{answers:?}");
    assert!(answers.iter().any(|m| m["id"] == 8 && m["error"]["code"] == -32601), "{answers:?}");
    // And on the stream.
    a.wait_until("the stream is open", |a| a.count("GET") == 1 && a.count("tools/list") == 2).await;
    a.say(&serde_json::json!({"jsonrpc": "2.0", "id": "own", "method": "ping"}));
    a.wait_until("the ping is answered", |a| a.answers().iter().any(|m| m["id"] == "own")).await;
}
