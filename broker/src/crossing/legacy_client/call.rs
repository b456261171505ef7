//! One request of a legacy client, from its first attempt to its answer.

use super::attempt::{Client, attempt, next_id};
use super::input::{End, Rounds};
use super::{Crossing, headers};
use crate::catalog::List;
use crate::session::failed;
use crate::upstream::{Reply, UpstreamError, fetch_list};
use axum::http::HeaderMap;
use bytes::Bytes;
use futures::stream::unfold;
use protocol::era::Era;
use protocol::era::from_legacy::{Retry, request};
use protocol::era::to_legacy::{self, Outcome, Structured};
use protocol::error::{Refusal, code};
use protocol::json::Object;
use protocol::jsonrpc::Id;
use protocol::request::Envelope;
use protocol::sse;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Events that wait for a client that reads slowly.
const QUEUE: usize = 16;

struct Call {
    crossing: Crossing,
    id: Id,
    envelope: Envelope,
    body: Bytes,
    /// Goes with every attempt.
    extra: HeaderMap,
}

/// Begins a request; its answer is the end of the stream.
pub(super) fn start(crossing: &Crossing, id: Id, envelope: Envelope, body: Bytes, extra: HeaderMap) -> Reply {
    let (client, events) = mpsc::channel(QUEUE);
    let cancel = crossing.0.ended.child_token();
    crossing.running().insert(id.clone(), cancel.clone());
    let call = Call { crossing: crossing.clone(), id, envelope, body, extra };
    tokio::spawn(call.run(client, cancel));
    Reply::made(unfold(events, |mut events| async move { Some((events.recv().await?, events)) }))
}

impl Call {
    async fn run(self, client: Client, cancel: CancellationToken) {
        let last = tokio::select! {
            message = self.answer(&client) => Ok(sse::frame(&message).into()),
            () = cancel.cancelled() => Err(UpstreamError::Cancelled),
            // The bridge has given up. Dropping the server's stream cancels the request.
            () = client.closed() => Err(UpstreamError::Cancelled),
        };
        self.crossing.running().remove(&self.id);
        let _ = client.send(last).await;
    }

    /// The response for the client.
    async fn answer(&self, client: &Client) -> String {
        let mut rounds = Rounds::new(&self.crossing, client);
        let mut tools = self.tools().await;
        let (mut retry, mut refetched): (Option<Retry>, bool) = (None, false);
        loop {
            let tool = tools.as_deref().and_then(|list| self.tool(list));
            let response = match self.attempt(tool, retry.as_ref(), client).await {
                Ok(response) => response,
                Err(refusal) => return refusal.body(Some(&self.id)),
            };
            let Some(object) = Object::read(&response) else { return self.refuse("gave no answer") };
            if let Some(error) = object.get("error") {
                let code = Object::read(error).and_then(|error| serde_json::from_str::<i64>(error.get("code")?).ok());
                if code == Some(code::HEADER_MISMATCH) && !refetched {
                    refetched = true;
                    tools = self.fetch().await.map(Arc::new).or(tools);
                    continue;
                }
                let error = to_legacy::error(self.method(), self.crossing.0.server.name(), error);
                return self.respond(&object, "error", &error);
            }
            let result = object.get("result").unwrap_or_default();
            match to_legacy::outcome(result) {
                Outcome::Complete => {
                    rounds.complete_all().await;
                    let structured = tool.map_or(Structured::ByValue, Structured::of);
                    let spoken = self.crossing.0.server.spoken(Era::Modern);
                    let info = spoken.as_ref().and_then(|spoken| Some(spoken.server_info.as_ref()?.get()));
                    return self.respond(&object, "result", &to_legacy::result(result, structured, info));
                }
                Outcome::InputRequired(input) => match rounds.next(input).await {
                    Ok(next) => retry = Some(next),
                    Err(End::ByClient(error)) => {
                        return format!("{{\"jsonrpc\":\"2.0\",\"id\":{},\"error\":{error}}}", self.id.raw());
                    }
                    Err(End::Failed(why)) => return self.refuse(&why),
                },
                Outcome::Unknown(kind) => {
                    return self.refuse(&format!("answered with a {kind}, which legacy clients have no form for"));
                }
                Outcome::Unreadable => return self.refuse("answered with a result that cannot be read"),
            }
        }
    }

    async fn attempt(&self, tool: Option<&str>, retry: Option<&Retry>, client: &Client) -> Result<String, Refusal> {
        let invalid = |why: String| Refusal::answer(Era::Legacy, code::INVALID_PARAMS, why);
        let text = std::str::from_utf8(&self.body).map_err(|_| invalid("The message is not UTF-8.".to_owned()))?;
        let mut headers = headers::headers(&self.envelope, text, tool).map_err(invalid)?;
        headers.extend(self.extra.clone());
        let (id, level) = (next_id(), self.crossing.level());
        let body = request(text, &id, &self.crossing.envelope(level.as_deref()), retry)
            .ok_or_else(|| invalid("params and params._meta have to be objects.".to_owned()))?;
        let outcome = attempt(&self.crossing, &id, body, &headers, client).await;
        outcome.map_err(|error| failed(Era::Legacy, self.crossing.0.server.name(), &error))
    }

    /// The called tool as its server lists it.
    fn tool<'a>(&self, list: &'a List) -> Option<&'a str> {
        let name = self.envelope.name.as_ref().filter(|_| self.method() == "tools/call")?;
        headers::find(list, &name.text)
    }

    /// The server's tools as this client sees them, as far as they are known.
    async fn tools(&self) -> Option<Arc<List>> {
        let server = &self.crossing.0.server;
        let shared = server.spoken(Era::Modern).map(|spoken| Arc::clone(spoken.offer.list(headers::LIST)));
        if self.method() != "tools/call" || shared.as_deref().is_some_and(|list| self.tool(list).is_some()) {
            return shared;
        }
        server.list_declaring(&self.crossing.0.capabilities, headers::LIST).await.or(shared)
    }

    /// The server's tools as they are now: what is known of their parameters seems to be outdated.
    async fn fetch(&self) -> Option<List> {
        let server = &self.crossing.0.server;
        server.nudge();
        fetch_list(server.client(), &self.crossing.leg(), headers::LIST, server.list_rules()).await.ok()
    }

    fn method(&self) -> &str {
        self.envelope.method.as_deref().unwrap_or_default()
    }

    /// The server's response as the client's: with the client's id, and another outcome.
    fn respond(&self, response: &Object<'_>, member: &str, outcome: &str) -> String {
        let own = response.with("id", self.id.raw());
        Object::read(&own).map_or_else(|| own.clone(), |own| own.with(member, outcome))
    }

    fn refuse(&self, why: &str) -> String {
        let name = self.crossing.0.server.name();
        Refusal::upstream(Era::Legacy, format!("Server {name} {why}.")).body(Some(&self.id))
    }
}
