//! Why the store cannot be used, in the gateway's words.

use redis::{ErrorKind, RedisError, ServerErrorKind};
use std::error::Error as _;
use std::time::Duration;

/// What an error says to an operator. No credential is part of it.
pub(super) fn why(error: &RedisError) -> String {
    if error.is_timeout() {
        return "it gives no answer in time".to_owned();
    }
    let detail = error.detail().map_or_else(String::new, |detail| format!(": {detail}"));
    match (error.kind(), error.code()) {
        (ErrorKind::AuthenticationFailed, _) | (_, Some("WRONGPASS" | "NOAUTH")) => {
            "it refuses the user or the password".to_owned()
        }
        (_, Some("OOM")) => "its memory is full (OOM): give it more, or an eviction policy".to_owned(),
        (ErrorKind::Server(ServerErrorKind::ReadOnly), _) => {
            "it is a replica, which takes no writes (READONLY)".to_owned()
        }
        (ErrorKind::Server(ServerErrorKind::BusyLoading), _) => "it is still loading its data (LOADING)".to_owned(),
        (ErrorKind::Server(ServerErrorKind::NoPerm), _) => {
            format!("its user may not do what is needed (NOPERM){detail}")
        }
        (ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::CrossSlot), _) => {
            "it is part of a cluster: name one that is not, or a proxy in front".to_owned()
        }
        (ErrorKind::RESP3NotSupported, _) => "it is older than Redis 6 (no RESP3)".to_owned(),
        (ErrorKind::Io, _) if error.is_connection_refusal() => "it refused the connection".to_owned(),
        (ErrorKind::Io, _) => format!("the connection failed: {}", deepest(error)),
        (_, Some(code)) => format!("it answered {code}{detail}"),
        (_, None) => format!("{}{detail}", error.category()),
    }
}

/// What a connection that was not made, or an answer that did not come, is told as.
pub(super) fn no_answer(within: Duration) -> String {
    format!("it gave no answer within {} ms", within.as_millis())
}

fn deepest(error: &RedisError) -> String {
    let mut source = error.source();
    let mut text = error.to_string();
    while let Some(inner) = source {
        text = inner.to_string();
        source = inner.source();
    }
    text
}
