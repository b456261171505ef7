//! What can go wrong with a server, in the gateway's own words.
//!
//! No text of a library or of the server gets in: both end up with clients and operators, and neither is ours to show.
//! What the library said is logged at `debug` where the error is made.

use protocol::error::status_hint;
use protocol::http::Media;
use std::error::Error;
use std::io::ErrorKind;

/// Why a server cannot be talked to at all, whatever state it is in: a mistake in the configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The authorities to trust are no certificates.
    #[error("its certificate authorities: no certificate in PEM form")]
    Authorities,
    /// A header cannot be sent.
    #[error("headers: {0} has a name or value that HTTP does not allow")]
    Header(String),
    /// `url` cannot be parsed.
    #[error("url: not an absolute http or https URL")]
    Url,
    /// The TLS library refused its settings, or the system has no trusted certificates.
    #[error("TLS cannot be set up; check that the system has CA certificates, or set caFile")]
    Tls,
}

/// Why a request to a server has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// No connection.
    #[error("cannot be reached: {0}")]
    Connect(&'static str),
    /// Neither connection nor answer in time. Milliseconds.
    #[error("did not answer within {0} ms")]
    Timeout(u64),
    /// The connection ended before the answer did.
    #[error("closed the connection before its answer was complete")]
    Closed,
    /// An HTTP error that is no JSON-RPC answer.
    #[error("answered with HTTP status {status}{hint}", status = .0, hint = status_hint(*.0))]
    Status(u16),
    /// It takes no more requests for now; `Retry-After`, as it said it.
    #[error("answered with HTTP status 429{hint}", hint = status_hint(429))]
    Throttled(Option<String>),
    /// Nothing of it can be read.
    #[error("compressed its answer although it was not asked to")]
    Compressed,
    /// Neither JSON nor an event stream.
    #[error("answered with a media type that is not MCP's")]
    Media,
    /// What came is not what MCP allows here.
    #[error("answered with something that is not MCP: {0}")]
    Malformed(&'static str),
    /// The answer is larger than the gateway takes. Bytes.
    #[error("answered with more than {0} bytes, which is the gateway's limit")]
    TooLarge(usize),
    /// A JSON-RPC error. Only the code is shown; the text is the server's.
    #[error("answered with JSON-RPC error {code}")]
    Rpc {
        /// `error.code`.
        code: i64,
        /// `error.message`, the server's text.
        message: String,
        /// `error.data`, as JSON text.
        data: Option<String>,
    },
    /// Its process could not be started: why.
    #[error("could not be started: {0}")]
    Start(&'static str),
    /// Its process ended: how, and with what.
    #[error("ended its process {0} {1}")]
    Exited(&'static str, i32),
    /// The request was cancelled: nobody waits for its answer.
    #[error("was told to stop")]
    Cancelled,
    /// There is no room for more of something: what, and how much there is.
    #[error("has {1} {0} already, which is the limit")]
    Busy(&'static str, usize),
    /// It no longer knows the session.
    #[error("does not know the session any more")]
    SessionLost,
}

impl UpstreamError {
    /// The code, if the server answered with a JSON-RPC error.
    pub fn code(&self) -> Option<i64> {
        match self {
            Self::Rpc { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// What a failed attempt to send a request or to read an answer means.
    pub(super) fn from_transport(error: &reqwest::Error) -> Self {
        tracing::debug!(error = error as &dyn Error, "request to a server failed");
        if error.is_connect() { Self::Connect(connect_reason(error)) } else { Self::Closed }
    }

    /// The error for an answer that is no answer to a request: by its status, else by its media type.
    pub(super) fn from_head(status: u16, media: Option<Media>) -> Self {
        match media {
            _ if !(200..300).contains(&status) => Self::Status(status),
            None => Self::Media,
            Some(_) => Self::Malformed("no JSON-RPC answer"),
        }
    }
}

/// Names the cause of a failed connection by the types in the chain of errors, never by their text.
fn connect_reason(error: &reqwest::Error) -> &'static str {
    let mut next: Option<&(dyn Error + 'static)> = error.source();
    while let Some(cause) = next {
        if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
            return tls_reason(tls);
        }
        let io = cause.downcast_ref::<std::io::Error>();
        match io.map(std::io::Error::kind) {
            Some(ErrorKind::ConnectionRefused) => return "connection refused; check that it runs",
            Some(ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof) => return "connection closed while opening it",
            Some(ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable) => return "no route to its host",
            Some(ErrorKind::TimedOut) => return "its host does not answer",
            _ => {}
        }
        // The source of an io::Error is not what it wraps, but the source of that.
        let wrapped = io.and_then(|io| io.get_ref()).map(|inner| inner as &(dyn Error + 'static));
        next = wrapped.or_else(|| cause.source());
    }
    "no connection; check its host name and port"
}

fn tls_reason(error: &rustls::Error) -> &'static str {
    match error {
        rustls::Error::InvalidCertificate(_) => {
            "its certificate is not trusted for this host name; for a private authority set caFile (in Kubernetes caCertificateRef)"
        }
        rustls::Error::InvalidMessage(_) => "it does not speak TLS on this port; is its url http rather than https?",
        _ => "the TLS handshake failed",
    }
}
