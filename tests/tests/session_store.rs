//! Sessions that are kept in Redis, so that another broker goes on with them.

use mcp_gateway_tests::client::{Http, Session};
use mcp_gateway_tests::fake::{Exchange, Fake, Identity};
use mcp_gateway_tests::gateway::{Config, Gateway};
use mcp_gateway_tests::redis::Redis;
use mcp_gateway_tests::{Front, until, until_told};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const SECRET: &str = "a secret of 32 bytes or more, for tests";
const PASSWORD: &str = "open sesame";

fn server() -> Fake {
    Fake::legacy().tool("echo", Exchange::ok).start()
}

/// A broker, or a gateway with Envoy, that keeps sessions in a Redis.
fn config(front: Front, store: &str, server: &Fake) -> Config {
    let config = Config::new().at(front).env("MCP_GATEWAY_SESSION_KEY", SECRET);
    config.line(&format!("sessionStore: {{ type: redis, {store} }}")).server("a", "p_", &server.url())
}

fn in_redis(redis: &Redis, server: &Fake) -> Config {
    config(Front::Broker, &format!("url: \"{}\"", redis.url()), server)
}

/// Ends a broker without warning.
async fn kill(gateway: &Gateway) {
    let pid = Pid::from_raw(gateway.broker().cast_signed()).expect("a process");
    kill_process(pid, Signal::KILL).expect("the broker runs");
    until("the broker is gone", || gateway.process.pids("mcp-gateway").is_empty().then_some(())).await;
}

async fn works(session: &Session) {
    let answered = session.call("p_echo", json!({})).await;
    assert_eq!(answered["result"]["content"][0]["text"], "ok", "{answered}");
}

/// The sessions in which the server was called.
fn used(server: &Fake) -> Vec<String> {
    let mut ids: Vec<_> = server.calls().iter().map(|call| call.session().to_owned()).collect();
    ids.dedup();
    ids
}

async fn store_is_up(gateway: &Gateway) {
    until_told("the session store is up", async || {
        (gateway.status().await["sessionStore"]["state"] == "up").then_some(())
    })
    .await;
}

/// Waits until the session store is down for one of these causes, and gives what is told of it.
async fn store_is_down(gateway: &Gateway, causes: &[&str]) -> String {
    until_told(&format!("the session store is down: {causes:?}"), async || {
        let store = gateway.status().await["sessionStore"].clone();
        let error = store["error"].as_str().unwrap_or_default();
        (store["state"] == "down" && causes.iter().any(|cause| error.contains(cause))).then(|| error.to_owned())
    })
    .await
}

#[tokio::test]
async fn a_killed_brokers_session_goes_on_at_another_one_with_the_same_session_at_the_server() {
    let (redis, server) = (Redis::open().await, server());
    let config = in_redis(&redis, &server).env("MCP_GATEWAY_ADVERTISE", "127.0.0.1");
    let (here, there) = tokio::join!(config.start(), config.start());
    let session = Session::open(here.url()).await;
    works(&session).await;
    kill(&here).await;
    works(&session.at(there.url())).await;
    assert_eq!((server.sessions_of_clients(), used(&server).len()), (1, 1));
    // And a broker that is started only now.
    let later = config.start().await;
    kill(&there).await;
    works(&session.at(later.url())).await;
    assert_eq!((server.sessions_of_clients(), used(&server).len()), (1, 1));
    // What the server itself has forgotten is opened anew, once.
    server.forget();
    works(&session.at(later.url())).await;
    assert_eq!((server.sessions_of_clients(), used(&server).len()), (2, 2));
}

#[tokio::test]
async fn a_broker_that_is_rolled_leaves_the_servers_sessions_open() {
    let (redis, server) = (Redis::open().await, server());
    let config = in_redis(&redis, &server);
    let mut here = config.start().await;
    let session = Session::open(here.url()).await;
    works(&session).await;
    tokio::task::spawn_blocking(move || here.process.stop()).await.expect("the broker ends");
    assert!(!server.ended().contains(&used(&server)[0]), "no session of a client is ended");
    let there = config.start().await;
    works(&session.at(there.url())).await;
    assert_eq!((server.sessions_of_clients(), used(&server).len()), (1, 1));
}

#[tokio::test]
async fn an_end_at_one_broker_is_known_at_all() {
    let (redis, server) = (Redis::open().await, server());
    let config = in_redis(&redis, &server);
    let (here, there) = tokio::join!(config.start(), config.start());
    let session = Session::open(here.url()).await;
    let elsewhere = session.at(there.url());
    works(&session).await;
    works(&elsewhere).await;
    assert_eq!(session.end().await, 200);
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    until_told("the other broker hears of it", async || (elsewhere.send(ping).await.status == 404).then_some(())).await;
    let opened = used(&server);
    until("the server hears of it", || opened.iter().all(|id| server.ended().contains(id)).then_some(())).await;
    kill(&here).await;
    let later = config.start().await;
    assert_eq!(session.at(later.url()).send(ping).await.status, 404);
}

#[tokio::test]
async fn brokers_that_open_a_session_at_once_agree_on_one() {
    let (redis, server) = (Redis::open().await, server());
    let config = in_redis(&redis, &server);
    let (here, there) = tokio::join!(config.start(), config.start());
    for _ in 0..5 {
        let session = Session::open(here.url()).await;
        let elsewhere = session.at(there.url());
        let before = server.calls().len();
        tokio::join!(works(&session), works(&elsewhere));
        let ids: Vec<_> = server.calls()[before..].iter().map(|c| c.session().to_owned()).collect();
        assert_eq!(ids[0], ids[1]);
        assert!(!server.ended().contains(&ids[0]));
    }
}

#[tokio::test]
async fn what_the_client_settled_goes_along() {
    let (redis, server) = (Redis::open().await, server());
    let config = in_redis(&redis, &server);
    let (here, there) = tokio::join!(config.start(), config.start());
    // More than an id can hold.
    let capabilities = json!({ "experimental": { "x": { "y": "z".repeat(3000) } } });
    let session = Session::open_with(&Http::new(), here.url(), "2025-06-18", &capabilities).await;
    kill(&here).await;
    works(&session.at(there.url())).await;
    let told = server.all("initialize").iter().filter(|r| r.text().contains(&"z".repeat(3000))).count();
    assert_eq!(told, 1);
}

#[tokio::test]
async fn no_call_is_lost_while_the_store_is_away_and_it_is_told_what_it_missed() {
    let (mut redis, server) = (Redis::open().await, server());
    let config = in_redis(&redis, &server);
    let (here, there) = tokio::join!(config.start(), config.start());
    let sessions = [Session::open(here.url()).await, Session::open(there.url()).await];
    let ending = Arc::new(AtomicBool::new(false));
    let calls = sessions.clone().map(|session| {
        let ending = Arc::clone(&ending);
        tokio::spawn(async move {
            let mut calls = 0;
            while !ending.load(Ordering::Relaxed) {
                works(&session).await;
                calls += 1;
            }
            calls
        })
    });
    redis.stop();
    for gateway in [&here, &there] {
        store_is_down(gateway, &["closed", "refused"]).await;
    }
    let alone = Session::open(here.url()).await;
    works(&alone).await;
    let ready = Http::new().get(&here.operator("/readyz")).await;
    assert_eq!(ready.status, 200);
    assert!(ready.text().contains("memory alone"), "{}", ready.text());
    let metrics = Http::new().get(&here.operator("/metrics")).await;
    assert!(metrics.text().contains("mcp_gateway_session_store_up 0"), "{}", metrics.text());
    redis.start().await;
    store_is_up(&here).await;
    store_is_up(&there).await;
    ending.store(true, Ordering::Relaxed);
    for calls in calls {
        assert!(calls.await.expect("no call failed") > 0);
    }
    until("the store has been told of every session", || {
        (redis.ask(&["KEYS", "mcp-gateway:session:*"]).len() == 3).then_some(())
    })
    .await;
    let opened = server.sessions_of_clients();
    kill(&here).await;
    works(&alone.at(there.url())).await;
    works(&sessions[0].at(there.url())).await;
    assert_eq!(server.sessions_of_clients(), opened);
}

#[tokio::test]
async fn a_store_that_stands_still_holds_nobody_up() {
    let (redis, server) = (Redis::open().await, server());
    let config = in_redis(&redis, &server);
    let here = config.start().await;
    redis.freeze(true);
    let session = Session::open(here.url()).await;
    works(&session).await;
    store_is_down(&here, &["no answer"]).await;
    redis.freeze(false);
    store_is_up(&here).await;
    kill(&here).await;
    let there = config.start().await;
    works(&session.at(there.url())).await;
}

#[tokio::test]
async fn everything_in_the_store_is_sealed_and_expires() {
    let (redis, server) = (Redis::open().await, server());
    let config = in_redis(&redis, &server).line("limits: { sessionIdle: 1h }");
    let here = config.start().await;
    let session = Session::open(here.url()).await;
    works(&session).await;
    session.ask("logging/setLevel", json!({ "level": "warning" })).await;
    let ended = Session::open(here.url()).await;
    works(&ended).await;
    ended.end().await;
    let keys = redis.ask(&["KEYS", "*"]);
    assert!(keys.iter().all(|key| key.starts_with("mcp-gateway:")), "{keys:?}");
    for (kind, most) in [("session", 2 * 3600), ("ended", 7 * 24 * 3600)] {
        let of_kind = redis.ask(&["KEYS", &format!("mcp-gateway:{kind}:*")]);
        assert_eq!(of_kind.len(), 1, "{keys:?}");
        let left: i64 = redis.ask(&["TTL", &of_kind[0]])[0].parse().expect("seconds");
        assert!((3500..=most).contains(&left), "{kind}: {left}");
    }
    let kept = redis.ask(&["HGETALL", &redis.ask(&["KEYS", "mcp-gateway:session:*"])[0]]);
    assert!(kept.iter().any(|line| line == "server:a") && kept.iter().any(|line| line == "level"), "{kept:?}");
    let upstream = &used(&server)[0];
    assert!(kept.iter().all(|line| !line.contains(upstream.as_str()) && !line.contains("warning")), "{kept:?}");
}

#[tokio::test]
async fn a_store_behind_tls_and_a_password_is_used() {
    let identity = Identity::of("localhost");
    let (redis, server) = (Redis::with_tls(PASSWORD, &identity).await, server());
    let folder = tempfile::tempdir().expect("a folder");
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, identity.pem()).expect("writing the authority");
    let store = format!("url: \"{}\", password: \"${{REDIS_PASSWORD}}\", caFile: \"{}\"", redis.url(), ca.display());
    let config = config(Front::Broker, &store, &server).env("REDIS_PASSWORD", PASSWORD);
    let (here, there) = tokio::join!(config.start(), config.start());
    let session = Session::open(here.url()).await;
    works(&session).await;
    kill(&here).await;
    works(&session.at(there.url())).await;
    assert_eq!(server.sessions_of_clients(), 1);
}

#[tokio::test]
async fn what_is_wrong_with_the_store_is_told_and_calls_work() {
    let (redis, server) = (Redis::closed(PASSWORD).await, server());
    let nobody = "redis://127.0.0.1:9/0".to_owned();
    for (url, password, told) in
        [(redis.url(), "guessed", "refuses the user or the password"), (nobody, "guessed", "refused the connection")]
    {
        let gateway = config(Front::Broker, &format!("url: \"{url}\", password: {password}"), &server).start().await;
        let error = store_is_down(&gateway, &[told]).await;
        assert!(!error.contains(password), "{error}");
        let logged = |line: &str| (line.contains("Session store: ") && line.contains(told)).then_some(());
        gateway.process.says("the log tells of it too", logged).await;
        works(&Session::open(gateway.url()).await).await;
    }
}

#[tokio::test]
async fn through_envoy_a_session_goes_on_at_another_gateway() {
    let (redis, server) = (Redis::open().await, server());
    let config = config(Front::Body, &format!("url: \"{}\"", redis.url()), &server);
    let (mut here, there) = tokio::join!(config.start(), config.start());
    let session = Session::open(here.url()).await;
    works(&session).await;
    tokio::task::spawn_blocking(move || here.process.stop()).await.expect("the gateway ends");
    works(&session.at(there.url())).await;
    works(&session.at(there.url())).await;
    assert_eq!((server.sessions_of_clients(), used(&server).len()), (1, 1));
}
