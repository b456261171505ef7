//! Answers that the filter gives itself.

use crate::host;
use protocol::error::Refusal;
use protocol::http::Accepts;
use protocol::jsonrpc::Id;
use protocol::sse;
use proxy_wasm::hostcalls;

/// Refuses the request, in a media type that the client reads.
pub(crate) fn refuse(refusal: &Refusal, id: Option<&Id>, accepts: Accepts) {
    let body = refusal.body(id);
    let (media, body) = if accepts.json || !accepts.sse {
        ("application/json", body)
    } else {
        ("text/event-stream", sse::frame(&body))
    };
    let mut headers = vec![("content-type", media)];
    if let Some(allow) = &refusal.allow {
        headers.push(("allow", allow));
    }
    if let Some(when) = &refusal.retry_after {
        headers.push(("retry-after", when));
    }
    // Without an id nobody takes it for the answer to a request: the status has to say that there is none.
    let status = if id.is_none() && refusal.status == 200 { 503 } else { refusal.status };
    send(status, headers, Some(body.as_bytes()));
}

/// Sends a whole response.
pub(crate) fn send(status: u16, headers: Vec<(&str, &str)>, body: Option<&[u8]>) {
    host::check("answering", hostcalls::send_http_response(u32::from(status), headers, body));
}
