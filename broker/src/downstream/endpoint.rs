//! `/mcp`: from the first header to the answer.

use super::body::{self, Unread};
use super::scope::Scope;
use super::splice::Splice;
use super::{App, elsewhere, get, legacy, modern, reply};
use crate::bridge;
use crate::caller::Caller;
use crate::peers::Message;
use crate::resolve::{self, Owner};
use crate::upstream::{Registry, Server};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::response::Response;
use bytes::Bytes;
use protocol::answer::Rules;
use protocol::config::Access;
use protocol::era::Era;
use protocol::error::Refusal;
use protocol::http::{Accepts, header as names};
use protocol::jsonrpc::Id;
use protocol::request::{Envelope, Text, cut};
use protocol::resolve::Target;
use protocol::route::{Call, Head, Verb, admit};
use std::ops::Range;
use std::sync::Arc;

/// What a client posted.
pub(super) struct Posted<'a> {
    pub(super) head: Head<'a>,
    pub(super) headers: &'a HeaderMap,
    pub(super) accepts: Accepts,
    /// Whether the client can ask for the rest of the answer's stream: what it gets is that stream, and not one made of many.
    pub(super) resumes: bool,
    pub(super) envelope: Envelope,
    pub(super) body: Bytes,
    /// What the filter says about the message.
    pub(super) filter: FromFilter<'a>,
    /// What it may see and use.
    pub(super) scope: Scope,
    /// Who posted it.
    pub(super) caller: Caller,
}

/// What only the filter may say about a message.
#[derive(Clone, Copy, Default)]
pub(super) struct FromFilter<'a> {
    /// The server that the message is for. Its prefix, or the tag of its id, has been taken out of body and headers already, and
    /// what it made itself is in its own form.
    pub(super) server: Option<&'a str>,
    /// An upstream session that its server refused.
    pub(super) lost: Option<Lost<'a>>,
    /// It came on the internal port: from the filter, or passed on by another replica.
    pub(super) is_internal: bool,
}

impl<'a> FromFilter<'a> {
    fn read(headers: &'a HeaderMap) -> Self {
        let lost = text(headers, names::LOST_SESSION).and_then(Lost::parse);
        Self { server: text(headers, names::SERVER), lost, is_internal: true }
    }
}

/// An upstream session that its server refused as unknown.
#[derive(Clone, Copy)]
pub(super) struct Lost<'a> {
    pub(super) server: &'a str,
    pub(super) session: &'a str,
}

impl<'a> Lost<'a> {
    fn parse(value: &'a str) -> Option<Self> {
        let (server, session) = value.split_once(' ')?;
        Some(Self { server, session })
    }
}

impl Posted<'_> {
    /// The id to answer with.
    pub(super) fn id(&self) -> Option<&Id> {
        self.envelope.id.as_ref()
    }

    /// The message for one server, as the bridge takes it: its `id`, and the `body` and `rules` for this server.
    pub(super) fn bridged(&self, server: Arc<Server>, id: &Id, body: Bytes, rules: Rules) -> bridge::Request {
        bridge::Request { server, id: id.clone(), body, accepts: self.accepts, resumes: self.resumes, rules }
    }

    /// The server that a call is for.
    pub(super) async fn owner(&self, registry: &Registry, era: Era, call: &Call<'_>) -> Result<Owner, Refusal> {
        match self.filter.server {
            // Such a name is without its prefix already.
            Some(_) if self.scope.is_narrow() => Err(resolve::unknown(era, call.kind, &call.target.text)),
            Some(server) => resolve::target(registry, era, &self.caller, &Target::Server(server.into())).await,
            None => {
                self.scope.check(era, call.kind, &call.target.text)?;
                resolve::owner(registry, era, &self.caller, call.kind, &call.target.text).await
            }
        }
    }

    /// Has what the server made itself go to it as it made it, where the filter has not seen to that.
    pub(super) fn restore(&self, splice: &mut Splice, rules: &Rules) {
        if self.filter.server.is_none() {
            splice.restore(&self.envelope, rules);
        }
    }

    /// The message as its server is to see it: without what the gateway `added` to the name of what is called, and with what the
    /// server made itself as it made it.
    pub(super) fn own_form(&self, target: &Text, added: &Range<usize>, rules: &Rules) -> Bytes {
        let mut splice = Splice::default();
        if let Some(cut) = cut(target, added).filter(|cut| !cut.is_empty()) {
            splice.replace(&cut.span, b"");
        }
        self.restore(&mut splice, rules);
        splice.apply(&self.body).unwrap_or_else(|| self.body.clone())
    }
}

/// `/mcp` on the public port: internal headers mean nothing here.
pub(super) async fn public(State(app): State<Arc<App>>, request: Request) -> Response {
    handle(&app, request, false).await
}

/// `/mcp` on the internal port.
pub(super) async fn internal(State(app): State<Arc<App>>, request: Request) -> Response {
    handle(&app, request, true).await
}

async fn handle(app: &Arc<App>, request: Request, from_filter: bool) -> Response {
    let (parts, body) = request.into_parts();
    let head = head(&parts);
    // The filter has checked where the request comes from, and may ask under a name of its own.
    let access = if from_filter { everybody() } else { app.gateway().access.clone() };
    let admitted = match unambiguous(&parts.headers).and_then(|()| admit(&head, &access)) {
        Ok(admitted) => admitted,
        Err(refusal) => {
            app.metrics.count(None, true);
            body::ignore(body).await;
            return reply::refusal(&refusal, None, Accepts::parse(head.accept));
        }
    };
    let accepts = admitted.accepts;
    let passed = match admitted.verb {
        Verb::Get | Verb::Delete => {
            let message = Message::bare(parts.method.clone(), &parts.headers, from_filter);
            elsewhere::of_session(app, head.session, message).await
        }
        Verb::Post => None,
    };
    let answer = match (passed, admitted.verb) {
        (Some(passed), _) => passed,
        (None, Verb::Get) => get::open(app, &head, &parts.headers).await,
        (None, Verb::Delete) => get::delete(app, &head, &parts.headers).await,
        (None, Verb::Post) => {
            let filter = if from_filter { FromFilter::read(&parts.headers) } else { FromFilter::default() };
            return post(app, &head, &parts.headers, body, admitted.era, accepts, filter).await;
        }
    };
    app.metrics.count(None, answer.is_err());
    answer.unwrap_or_else(|refusal| reply::refusal(&refusal, None, accepts))
}

async fn post(
    app: &Arc<App>,
    head: &Head<'_>,
    headers: &HeaderMap,
    body: Body,
    era: Era,
    accepts: Accepts,
    filter: FromFilter<'_>,
) -> Response {
    let limit = app.gateway().limits.held_body_bytes as usize;
    let (body, envelope) = match body::read(body, limit).await {
        Ok(read) => read,
        Err(Unread { refusal, id }) => {
            app.metrics.count(None, true);
            return reply::refusal(&refusal, id.as_ref(), accepts);
        }
    };
    let scope = Scope::of(app, era, headers);
    let (scope, caller) = match scope.and_then(|scope| Ok((scope, Caller::of(&app.gateway(), headers)?))) {
        Ok(read) => read,
        Err(refusal) => {
            app.metrics.count(envelope.method.as_deref(), true);
            return reply::refusal(&refusal, envelope.id.as_ref(), accepts);
        }
    };
    let resumes = era == Era::Legacy;
    let posted = Posted { head: *head, headers, accepts, resumes, envelope, body, filter, scope, caller };
    let answer = match era {
        Era::Legacy => legacy::post(app, &posted).await,
        Era::Modern => modern::post(app, &posted).await,
    };
    app.metrics.count(posted.envelope.method.as_deref(), answer.is_err());
    answer.unwrap_or_else(|refusal| reply::refusal(&refusal, posted.id(), accepts))
}

/// Refuses a request that says twice what has to be said once.
pub(super) fn unambiguous(headers: &HeaderMap) -> Result<(), Refusal> {
    match names::SINGLE.into_iter().find(|name| headers.get_all(*name).iter().nth(1).is_some()) {
        Some(name) => Err(Refusal::repeated(name)),
        None => Ok(()),
    }
}

pub(super) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The headers that count.
pub(super) fn head(parts: &Parts) -> Head<'_> {
    let text = |name| text(&parts.headers, name);
    Head {
        method: parts.method.as_str(),
        authority: parts.uri.authority().map(axum::http::uri::Authority::as_str).or_else(|| text("host")),
        origin: text("origin"),
        content_type: text("content-type"),
        content_encoding: text("content-encoding"),
        accept: text("accept"),
        protocol_version: text(names::PROTOCOL_VERSION),
        session: text(names::SESSION_ID),
        mcp_method: text(names::METHOD),
        mcp_name: text(names::NAME),
    }
}

fn everybody() -> Access {
    Access { allowed_origins: vec!["*".to_owned()], allowed_hosts: vec!["*".to_owned()] }
}
