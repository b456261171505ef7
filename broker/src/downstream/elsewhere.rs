//! Requests that belong to another replica of the gateway.

use super::App;
use super::endpoint::Posted;
use crate::peers::{Message, Passed};
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use bytes::Bytes;
use protocol::era::Era;
use protocol::error::Refusal;
use std::net::SocketAddr;

/// Where clients' requests go.
const ENDPOINT: &str = "/mcp";

impl<'a> Message<'a> {
    /// What a client posted.
    pub(super) fn posted(posted: &'a Posted<'_>) -> Self {
        let (headers, body, is_internal) = (posted.headers, posted.body.clone(), posted.filter.is_internal);
        Self { method: Method::POST, path: ENDPOINT, headers, body, is_internal }
    }

    /// A request without a body.
    pub(super) fn bare(method: Method, headers: &'a HeaderMap, is_internal: bool) -> Self {
        Self { method, path: ENDPOINT, headers, body: Bytes::new(), is_internal }
    }

    /// What the filter says.
    pub(super) fn of_filter(path: &'static str, headers: &'a HeaderMap, body: Bytes) -> Self {
        Self { method: Method::POST, path, headers, body, is_internal: true }
    }
}

/// What the replica answers in which a legacy client's session lives, if that is another one. `None`: the session lives here, or is taken
/// over, since nobody is there any more.
pub(super) async fn of_session(
    app: &App,
    session: Option<&str>,
    message: Message<'_>,
) -> Option<Result<Response, Refusal>> {
    let session = session.filter(|_| app.peers.any())?;
    at(app, Era::Legacy, app.sessions.home(session), message).await
}

/// What the replica `home` answers, if that is another one, and somebody is there.
pub(super) async fn at(
    app: &App,
    era: Era,
    home: Option<SocketAddr>,
    message: Message<'_>,
) -> Option<Result<Response, Refusal>> {
    let home = app.peers.other(home, message.headers)?;
    match app.peers.pass_on(home, message).await {
        Passed::Answered(response) => Some(Ok(response)),
        Passed::NobodyThere => None,
        Passed::Failed => {
            let message = "The replica of the gateway that this belongs to has ended: try again.";
            Some(Err(Refusal::upstream(era, message.to_owned())))
        }
    }
}
