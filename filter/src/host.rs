//! The few host calls, with what can be done about their errors: log them, and go on without.

use crate::settings::Settings;
use protocol::http::header;
use proxy_wasm::hostcalls;
use proxy_wasm::types::{BufferType, LogLevel, MapType};
use serde::Serialize;
use std::time::{Duration, SystemTime};

/// Writes a line to Envoy's log.
pub(crate) fn log(level: LogLevel, message: &str) {
    // There is nowhere left to report this to.
    let _ = hostcalls::log(level, message);
}

/// Reports a host call that failed where it must not.
pub(crate) fn check<T>(what: &str, result: Result<T, proxy_wasm::types::Status>) -> Option<T> {
    result.inspect_err(|status| log(LogLevel::Error, &format!("{what} failed: {status:?}"))).ok()
}

/// Bytes of a body.
pub(crate) fn body(buffer: BufferType, start: usize, size: usize) -> Vec<u8> {
    if size == 0 {
        return Vec::new();
    }
    check("reading a body", hostcalls::get_buffer(buffer, start, size)).flatten().unwrap_or_default()
}

/// Replaces the first `size` bytes of a body.
pub(crate) fn set_body(buffer: BufferType, size: usize, bytes: &[u8]) {
    check("editing a body", hostcalls::set_buffer(buffer, 0, size, bytes));
}

/// A property of the stream, as text.
pub(crate) fn property(path: &[&str]) -> Option<String> {
    hostcalls::get_property(path.to_vec()).ok().flatten().and_then(|bytes| String::from_utf8(bytes).ok())
}

/// The time since the epoch.
pub(crate) fn now() -> Duration {
    let time = hostcalls::get_current_time().ok();
    time.and_then(|t| t.duration_since(SystemTime::UNIX_EPOCH).ok()).unwrap_or_default()
}

/// Makes what follows be about this stream. `false` if it has ended: its context stays until a sweep finds that.
pub(crate) fn enter(stream: u32) -> bool {
    hostcalls::set_effective_context(stream).is_ok()
}

/// Data that all workers share, and its version.
pub(crate) fn shared(key: &str) -> (Option<Vec<u8>>, Option<u32>) {
    hostcalls::get_shared_data(key).unwrap_or((None, None))
}

/// Sets shared data, if nobody else has since `version`. Whether it was set.
pub(crate) fn set_shared(key: &str, value: &[u8], version: Option<u32>) -> bool {
    hostcalls::set_shared_data(key, Some(value), version).is_ok()
}

/// An HTTP call that belongs to the root context, so that it outlives the request that needs it.
fn call_as_root(
    root: u32,
    cluster: &str,
    headers: Vec<(&str, &str)>,
    body: Option<&[u8]>,
    timeout: Duration,
) -> Option<u32> {
    hostcalls::dispatch_http_call_as(root, cluster, headers, body, timeout).ok()
}

/// Asks the broker something, as JSON, on behalf of the root context.
pub(crate) fn ask_broker(
    root: u32,
    settings: &Settings,
    path: &str,
    question: &impl Serialize,
    timeout: Duration,
) -> Option<u32> {
    let body = serde_json::to_vec(question).ok()?;
    let plugin = &settings.plugin;
    let headers = vec![
        (":method", "POST"),
        (":path", path),
        (":authority", plugin.broker_authority.as_str()),
        ("content-type", "application/json"),
        (header::KEY, plugin.key.as_str()),
    ];
    call_as_root(root, &plugin.broker_cluster, headers, Some(&body), timeout)
}

/// The body of the HTTP call's response, if it is surely the broker's: a refused connection and a timeout come as responses, too.
pub(crate) fn broker_answer(size: usize) -> Option<Vec<u8>> {
    let genuine = call_header(":status").as_deref() == Some("200") && call_header(header::RESOLVED).is_some();
    genuine.then(|| body(BufferType::HttpCallResponseBody, 0, size))
}

/// A header of an HTTP call's response.
pub(crate) fn call_header(name: &str) -> Option<String> {
    let value = hostcalls::get_map_value_bytes(MapType::HttpCallResponseHeaders, name).ok().flatten()?;
    String::from_utf8(value).ok()
}
