//! Calls that the broker carries to a server itself.
//!
//! The client's bytes go up as they came, without the prefix in the name; the answer comes back as it is flushed, edited by
//! [`protocol::answer`]. What the client cannot read is changed into what it can: [`Delivery`].

mod deliver;
mod level;
mod resume;
mod stream;

pub(crate) use deliver::{Delivery, answers, collect};
use level::Leveller;
pub(crate) use resume::resume;

use crate::resolve::legacy_only;
use crate::session::{Session, Upstream, failed};
use crate::upstream::{Envelope, Leg, Reply, Server, UpstreamError, Way};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use bytes::Bytes;
use protocol::answer::Rules;
use protocol::era::Era;
use protocol::era::from_legacy::without_envelope;
use protocol::error::{Refusal, code};
use protocol::http::{Accepts, Media, encode_value, header};
use protocol::jsonrpc::Id;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// A request on its way to the one server that answers it.
pub(crate) struct Request {
    /// The server.
    pub(crate) server: Arc<Server>,
    /// The request's id.
    pub(crate) id: Id,
    /// The message as the server is to see it.
    pub(crate) body: Bytes,
    /// What the client can read.
    pub(crate) accepts: Accepts,
    /// Whether the client can have a stream resumed that ends before its answer (legacy).
    pub(crate) resumes: bool,
    /// How the server's messages become the client's.
    pub(crate) rules: Rules,
}

/// Carries a legacy client's request to the session it has with the server, which is opened if need be. A session that the
/// server has forgotten is opened anew and the request repeated, once. `headers` are the client's.
pub(crate) async fn legacy(session: &Arc<Session>, request: Request, headers: &HeaderMap) -> Result<Response, Refusal> {
    let in_flight = session.begin(&request.id).ok_or_else(|| {
        let message = "A request with this id has not been answered yet: use each id once in a session.";
        Refusal::answer(Era::Legacy, code::INVALID_REQUEST, message)
    })?;
    let mut upstream = session.upstream(&request.server).await?;
    let extra: HeaderMap = traces(headers).collect();
    let mut attempt = send(&upstream, &request, &extra).await?;
    if matches!(attempt, Attempt::Lost) {
        upstream = session.reopen(&upstream).await?;
        attempt = send(&upstream, &request, &extra).await?;
    }
    let Attempt::Answered(answer) = attempt else {
        return Err(failed(Era::Legacy, request.server.name(), &UpstreamError::SessionLost));
    };
    let level = Leveller::new(session.revision, &upstream.session.protocol_version);
    let delivery = Delivery {
        era: Era::Legacy,
        server: request.server,
        upstream: Some(upstream),
        ended: session.ended(),
        in_flight: Some(in_flight),
        id: request.id,
        accepts: request.accepts,
        resumes: request.resumes,
        rules: request.rules,
        level,
    };
    match answer {
        Answer::Whole(message) => Ok(delivery.whole(&message)),
        Answer::Coming(reply) => delivery.reply(reply).await,
    }
}

/// What a server made of a request.
enum Attempt {
    Answered(Answer),
    /// It does not know the session.
    Lost,
}

enum Answer {
    /// Read already, to see whether it is one.
    Whole(Vec<u8>),
    Coming(Reply),
}

/// The message without what only the modern era has in it.
fn body(request: &Request) -> Bytes {
    let text = std::str::from_utf8(&request.body).ok().filter(|text| text.contains("io.modelcontextprotocol/"));
    text.and_then(without_envelope).map_or_else(|| request.body.clone(), Bytes::from)
}

async fn send(upstream: &Upstream, request: &Request, extra: &HeaderMap) -> Result<Attempt, Refusal> {
    let wrong = |error: UpstreamError| failed(Era::Legacy, request.server.name(), &error);
    let client = request.server.client();
    let reply = client.post(&upstream.leg, body(request), extra).await.map_err(wrong)?;
    if reply.is_success() {
        upstream.session.mark_worked();
        return Ok(Attempt::Answered(Answer::Coming(reply)));
    }
    let (status, media, failure) = (reply.status, reply.media, reply.failure());
    // An HTTP error may still carry the answer.
    if media == Some(Media::Json) {
        let message = collect(reply.body).await.map_err(wrong)?;
        if deliver::answers(&message, &request.id) {
            if upstream.session.lost(status) && upstream.is_forgotten().await {
                return Ok(Attempt::Lost);
            }
            return Ok(Attempt::Answered(Answer::Whole(message)));
        }
    }
    if upstream.session.lost(status) { Ok(Attempt::Lost) } else { Err(wrong(failure)) }
}

/// What traces a request through several systems, of a client's headers.
fn traces(client: &HeaderMap) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    let is_trace = |name: &HeaderName| matches!(name.as_str(), "traceparent" | "tracestate" | "baggage");
    client.iter().filter(move |(name, _)| is_trace(name)).map(|(name, value)| (name.clone(), value.clone()))
}

/// Carries a modern client's request to a modern server. `name` is what the server knows the target by; `headers` are the
/// client's. `ending` ends the answer.
pub(crate) async fn modern(
    request: Request,
    method: &str,
    name: Option<&str>,
    headers: &HeaderMap,
    ending: CancellationToken,
) -> Result<Response, Refusal> {
    if request.server.way(Era::Modern, false) != Some(Way::Direct) {
        return Err(legacy_only(&request.server));
    }
    let leg = Leg::Modern(Envelope::gateway());
    let extra = modern_headers(method, name, headers);
    let reply = request
        .server
        .client()
        .post(&leg, request.body, &extra)
        .await
        .map_err(|error| failed(Era::Modern, request.server.name(), &error))?;
    let delivery = Delivery {
        era: Era::Modern,
        server: request.server,
        upstream: None,
        ended: ending,
        in_flight: None,
        id: request.id,
        accepts: request.accepts,
        resumes: false,
        rules: request.rules,
        level: Leveller::idle(),
    };
    delivery.reply(reply).await
}

/// The headers of a modern request: what names it, and those of the client's that belong to the call.
fn modern_headers(method: &str, name: Option<&str>, client: &HeaderMap) -> HeaderMap {
    let mut headers: HeaderMap = traces(client).collect();
    for (header, value) in client.iter().filter(|(header, _)| header.as_str().starts_with("mcp-param-")) {
        headers.append(header.clone(), value.clone());
    }
    let mut set = |header: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(header), value);
        }
    };
    set(header::METHOD, method);
    if let Some(name) = name {
        set(header::NAME, &encode_value(name));
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_belongs_to_the_call_goes_up() {
        let mut client = HeaderMap::new();
        for (name, value) in [
            ("mcp-param-region", "eu"),
            ("traceparent", "00-1-2-00"),
            ("authorization", "Bearer client"),
            ("cookie", "a=b"),
            ("x-mcp-gateway-key", "k"),
            ("mcp-name", "http_é"),
            ("origin", "http://localhost"),
        ] {
            client.insert(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let headers = modern_headers("tools/call", Some("é"), &client);
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["mcp-method", "mcp-name", "mcp-param-region", "traceparent"]);
        assert_eq!(headers["mcp-name"], "=?base64?w6k=?=");
    }
}
