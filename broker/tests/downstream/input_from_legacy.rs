//! What servers that speak only the modern era want to know of legacy clients.

use crate::client::{Client, Events};
use crate::modern_server::{Act, Asked, ModernServer, input, result, text};
use crate::rig::{rig, rig_with};
use protocol::config::Limits;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn tools() -> Value {
    json!([{"name": "ask", "inputSchema": {"type": "object"}}])
}

fn form(message: &str) -> Value {
    json!({"method": "elicitation/create", "params": {"mode": "form", "message": message,
        "requestedSchema": {"type": "object", "properties": {}}}})
}

fn sampling() -> Value {
    let message = json!({"role": "user", "content": {"type": "text", "text": "?"}});
    json!({"method": "sampling/createMessage", "params": {"messages": [message], "maxTokens": 1}})
}

fn page(url: &str) -> Value {
    json!({"method": "elicitation/create", "params": {"mode": "url", "message": "m", "url": url}})
}

/// Gives back what the client answered.
fn echo(asked: &Asked) -> Act {
    result(&text(&asked.json["params"]["inputResponses"].to_string()))
}

async fn answer(client: &Client, question: &Value, outcome: Value) {
    let mut message = outcome;
    message["jsonrpc"] = json!("2.0");
    message["id"] = question["id"].clone();
    client.tell(message).await;
}

fn everything() -> Value {
    json!({"elicitation": {"form": {}, "url": {}}, "sampling": {"context": {}}, "roots": {"listChanged": true}})
}

/// The text of the answer that ends a stream.
async fn told(events: &mut Events) -> Value {
    let last = events.next().await.expect("an answer");
    assert_eq!(last["id"], 1, "{last}");
    assert!(events.next().await.is_none());
    let text = last["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("no text in {last}"));
    serde_json::from_str(text).unwrap()
}

#[tokio::test]
async fn several_questions_are_asked_at_once_and_answered_in_any_order() {
    let fake = ModernServer::start(tools(), |asked, before| match before {
        0 => input(&json!({"name": form("Name?"), "llm": sampling(), "where": {"method": "roots/list"}}), "s\u{e9}1"),
        _ => echo(asked),
    })
    .await;
    let rig = rig(vec![fake.config("m", "m_"), fake.config("n", "n_")]).await;
    let client = rig.capable(everything()).await;
    let mut events = client.stream(1, "m_ask").await;
    let mut questions = Vec::new();
    for _ in 0..3 {
        questions.push(events.next().await.unwrap());
    }
    for question in questions.iter().rev() {
        let outcome = match question["method"].as_str().unwrap() {
            "elicitation/create" => json!({"action": "decline"}),
            "sampling/createMessage" => {
                json!({"role": "assistant", "content": {"type": "text", "text": "!"}, "model": "m"})
            }
            _ => json!({"roots": [{"uri": "file:///own"}]}),
        };
        answer(&client, question, json!({"result": outcome})).await;
    }
    let expected = json!({
        "name": {"action": "decline"},
        "llm": {"role": "assistant", "content": {"type": "text", "text": "!"}, "model": "m"},
        "where": {"roots": [{"uri": "file:///own"}]},
    });
    assert_eq!(told(&mut events).await, expected);
    let asked = fake.asked("tools/call");
    assert_ne!(asked[0].json["id"], asked[1].json["id"]);
    assert_eq!(asked[1].json["params"]["requestState"], "s\u{e9}1");
    assert_eq!(asked[1].json["params"]["name"], "ask");
    assert_eq!(asked[1].json["params"]["_meta"]["progressToken"], "p");
    let capabilities = json!({"elicitation": {"form": {}, "url": {}}, "sampling": {}, "roots": {}});
    assert_eq!(asked[0].meta("clientCapabilities"), &capabilities);
}

#[tokio::test]
async fn a_server_may_ask_again_as_often_as_the_limits_allow() {
    let fake =
        ModernServer::start(tools(), |_, before| input(&json!({"q": form("?")}), &format!("state {before}"))).await;
    let rig = rig_with(vec![fake.config("m", "m_")], Limits { input_rounds: 3, ..Limits::default() }).await;
    let client = rig.capable(everything()).await;
    let mut events = client.stream(1, "m_ask").await;
    for _ in 0..3 {
        let question = events.next_of("elicitation/create").await;
        answer(&client, &question, json!({"result": {"action": "accept", "content": {"x": 1}}})).await;
    }
    let last = events.next().await.unwrap();
    assert!(last["error"]["message"].as_str().unwrap().contains("limits.inputRounds"), "{last}");
    let states: Vec<_> = fake.asked("tools/call").iter().map(|a| a.json["params"]["requestState"].clone()).collect();
    assert_eq!(states, [json!(null), json!("state 0"), json!("state 1"), json!("state 2")]);
}

#[tokio::test]
async fn a_clients_error_cancels_an_elicitation_and_ends_a_call_that_samples() {
    let fake = ModernServer::start(tools(), |asked, _| match &asked.json["params"]["inputResponses"] {
        Value::Null => {
            let sample = asked.json["params"]["arguments"]["sample"] == true;
            input(&json!({"q": if sample { sampling() } else { form("?") }}), "s")
        }
        _ => echo(asked),
    })
    .await;
    let rig = rig(vec![fake.config("m", "m_")]).await;
    let client = rig.capable(everything()).await;
    let rejected = json!({"error": {"code": -1, "message": "User rejected", "data": {"x": 1}}});
    let mut events = client.stream(1, "m_ask").await;
    answer(&client, &events.next().await.unwrap(), rejected.clone()).await;
    assert_eq!(told(&mut events).await, json!({"q": {"action": "cancel"}}));
    let call = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "m_ask", "arguments": {"sample": true}}});
    let mut events = Events::of(client.post(&call).send().await.unwrap());
    answer(&client, &events.next().await.unwrap(), rejected.clone()).await;
    let last = events.next().await.unwrap();
    assert_eq!((&last["id"], &last["error"]), (&json!(2), &rejected["error"]));
    assert_eq!(fake.asked("tools/call").len(), 3, "never again without the answer");
}

#[tokio::test]
async fn a_client_that_never_answers_costs_nothing_after_the_limit() {
    let fake = ModernServer::start(tools(), |_, _| input(&json!({"q": form("?")}), "s")).await;
    let rig = rig_with(vec![fake.config("m", "m_")], Limits { input_seconds: 1, ..Limits::default() }).await;
    let client = rig.capable(everything()).await;
    let mut events = client.stream(1, "m_ask").await;
    let question = events.next_of("elicitation/create").await;
    let withdrawn = events.next_of("notifications/cancelled").await;
    assert_eq!(withdrawn["params"]["requestId"], question["id"]);
    let last = events.next().await.unwrap();
    assert!(last["error"]["message"].as_str().unwrap().contains("limits.input"), "{last}");
    // An answer that comes too late goes nowhere.
    answer(&client, &question, json!({"result": {"action": "accept"}})).await;
    assert_eq!(fake.asked("tools/call").len(), 1);
}

#[tokio::test]
async fn a_client_that_reads_only_json_is_not_waited_for() {
    let fake = ModernServer::start(tools(), |asked, before| match before {
        0 => input(&json!({"q": form("?")}), "s"),
        _ => echo(asked),
    })
    .await;
    let rig = rig(vec![fake.config("m", "m_")]).await;
    let client = rig.capable(everything()).await;
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "m_ask"}});
    let request = client.http.post(&client.url).header("mcp-session-id", &client.session);
    let request = request.header("content-type", "application/json").header("accept", "application/json");
    let answer = crate::client::json(request.body(call.to_string()).send().await.unwrap()).await;
    assert_eq!(answer["result"]["content"][0]["text"], r#"{"q":{"action":"cancel"}}"#);
}

#[tokio::test]
async fn what_the_client_cannot_be_asked_ends_the_call_with_the_reason() {
    let fake = ModernServer::start(tools(), |_, _| input(&json!({"q": page("https://x")}), "s")).await;
    let rig = rig(vec![fake.config("m", "m_")]).await;
    let client = rig.client().await;
    let error = client.call(1, "m_ask").await["error"].clone();
    assert!(error["message"].as_str().unwrap().contains("URL mode"), "{error}");
}

#[tokio::test]
async fn a_page_is_shown_once_and_the_server_is_asked_until_it_is_done() {
    let fake = ModernServer::start(tools(), |asked, before| match before {
        0 | 1 => input(&json!({"login": page("https://x/login")}), &format!("s{before}")),
        _ => echo(asked),
    })
    .await;
    let rig = rig(vec![fake.config("m", "m_")]).await;
    let client = rig.capable(everything()).await;
    let begun = Instant::now();
    let mut events = client.stream(1, "m_ask").await;
    let question = events.next().await.unwrap();
    assert_eq!(question["params"]["url"], "https://x/login");
    answer(&client, &question, json!({"result": {"action": "accept"}})).await;
    let done = events.next().await.unwrap();
    assert_eq!(done["method"], "notifications/elicitation/complete");
    assert_eq!(done["params"]["elicitationId"], question["params"]["elicitationId"]);
    assert_eq!(told(&mut events).await, json!({"login": {"action": "accept"}}));
    assert!(begun.elapsed() >= Duration::from_secs(1), "the server was asked again at once");
    assert_eq!(fake.asked("tools/call")[2].json["params"]["requestState"], "s1");
}

#[tokio::test]
async fn a_server_that_only_needs_time_is_asked_again_later() {
    let fake = ModernServer::start(tools(), |asked, before| match before {
        0 => result(&json!({"resultType": "input_required", "requestState": "s"})),
        _ => echo(asked),
    })
    .await;
    let rig = rig(vec![fake.config("m", "m_")]).await;
    let mut events = rig.client().await.stream(1, "m_ask").await;
    assert_eq!(told(&mut events).await, Value::Null);
    let again = &fake.asked("tools/call")[1].json["params"];
    assert_eq!((&again["requestState"], &again["inputResponses"]), (&json!("s"), &Value::Null));
}

/// Numbers that look random and are the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// What the server does in a round of a conversation: ask 1 to 3 things, fail, or answer.
fn round(seed: u64, round: u64) -> Act {
    let mut dice = Dice(seed * 1000 + round);
    match dice.below(4) {
        0 | 1 if round < 6 => {
            let asked = (0..=dice.below(3)).map(|key| {
                let request = match dice.below(3) {
                    0 => form("?"),
                    1 => sampling(),
                    _ => json!({"method": "roots/list"}),
                };
                (key.to_string(), request)
            });
            input(&Value::Object(asked.collect()), &round.to_string())
        }
        2 => Act::Error(200, json!({"code": -32050, "message": "own words"})),
        _ => {
            let log =
                json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "d"}});
            Act::Events(vec![log], text("done").to_string())
        }
    }
}

#[tokio::test]
async fn whatever_is_asked_and_answered_each_call_has_one_answer() {
    let fake = ModernServer::start(tools(), |asked, _| {
        let seed = asked.json["params"]["arguments"]["seed"].as_u64().unwrap();
        let before = asked.json["params"]["requestState"].as_str().map_or(0, |state| state.parse::<u64>().unwrap() + 1);
        round(seed, before)
    })
    .await;
    let rig = rig(vec![fake.config("m", "m_")]).await;
    let client = rig.capable(everything()).await;
    let calls = (0..60_u64).map(|seed| {
        let client = client.clone();
        async move {
            let params = json!({"name": "m_ask", "arguments": {"seed": seed}});
            let call = json!({"jsonrpc": "2.0", "id": seed, "method": "tools/call", "params": params});
            let mut events = Events::of(client.post(&call).send().await.unwrap());
            let (mut dice, mut answers) = (Dice(seed), 0);
            while let Some(message) = events.next().await {
                match message["method"].as_str() {
                    None => {
                        assert_eq!(message["id"], seed);
                        answers += 1;
                    }
                    Some(method) if message.get("id").is_some() => {
                        let outcome = match (dice.below(4), method) {
                            (0, _) => json!({"error": {"code": -1, "message": "no"}}),
                            (_, "elicitation/create") => json!({"result": {"action": "accept", "content": {}}}),
                            (_, "roots/list") => json!({"result": {"roots": []}}),
                            _ => json!({"result": {"role": "assistant", "content": {"type": "text", "text": "!"}, "model": "m"}}),
                        };
                        // Twice now and then: the second one is to nothing.
                        for _ in 0..=dice.below(2) {
                            answer(&client, &message, outcome.clone()).await;
                        }
                    }
                    Some(_) => {}
                }
            }
            assert_eq!(answers, 1, "call {seed}");
        }
    });
    futures::future::join_all(calls).await;
}

#[tokio::test]
async fn a_thousand_open_questions_are_answered_or_given_up() {
    let fake = ModernServer::start(tools(), |asked, _| match &asked.json["params"]["inputResponses"] {
        Value::Null => input(&json!({"q": form("?")}), "s"),
        _ => echo(asked),
    })
    .await;
    let open = async |client: &Client, ids: std::ops::Range<i64>| {
        let all = ids.map(async |id| {
            let mut events = client.stream(id, "m_ask").await;
            let question = events.next_of("elicitation/create").await;
            (id, question, events)
        });
        futures::future::join_all(all).await
    };
    let patient = rig(vec![fake.config("m", "m_")]).await;
    let client = patient.capable(everything()).await;
    let answered = open(&client, 0..1000).await;
    assert_eq!(fake.asked("tools/call").len(), 1000, "all wait at once");
    let ends = answered.into_iter().map(async |(id, question, mut events)| {
        answer(&client, &question, json!({"result": {"action": "decline"}})).await;
        let last = events.next().await.unwrap();
        assert_eq!((&last["id"], last.get("result").is_some()), (&json!(id), true), "{last}");
    });
    futures::future::join_all(ends).await;
    let impatient = rig_with(vec![fake.config("m", "m_")], Limits { input_seconds: 1, ..Limits::default() }).await;
    let client = impatient.capable(everything()).await;
    let ends = open(&client, 0..200).await.into_iter().map(async |(id, _, mut events)| {
        events.next_of("notifications/cancelled").await;
        let last = events.next().await.unwrap();
        assert_eq!((&last["id"], last.get("error").is_some()), (&json!(id), true), "{last}");
    });
    futures::future::join_all(ends).await;
}
