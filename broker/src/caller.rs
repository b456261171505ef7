//! Who calls: what a request shows of its caller to servers that tell callers apart.
//!
//! Everything that is kept of a caller is kept under its [`Principal`]. What it shows is held only by what sends it to a server.

use crate::seal::Seal;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use protocol::caller::{Principal, Shown};
use protocol::config::{Gateway, Server};
use protocol::error::Refusal;
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// What principals are made with. Replicas with the same secret tell the same callers apart.
static KEY: LazyLock<[u8; 32]> = LazyLock::new(|| Seal::key_from_environment("caller"));

/// One caller. By default nobody in particular.
#[derive(Debug, Clone, Default)]
pub struct Caller(Shown);

impl Caller {
    /// The caller of a request with these headers.
    ///
    /// # Errors
    /// A header that matters is there twice, or is not text.
    pub(crate) fn of(gateway: &Gateway, headers: &HeaderMap) -> Result<Self, Refusal> {
        let names: BTreeSet<_> = gateway.servers.iter().flat_map(|server| &server.forward_headers).collect();
        let mut shown = Shown::default();
        for name in names {
            let mut values = headers.get_all(name).iter();
            let Some(value) = values.next() else { continue };
            if values.next().is_some() {
                return Err(Refusal::repeated(name));
            }
            shown.add(name, value.as_bytes())?;
        }
        Ok(Self(shown))
    }

    /// The caller of a request that the filter has seen.
    pub(crate) fn showing(shown: Shown) -> Self {
        Self(shown)
    }

    /// The same, as one server sees it.
    pub(crate) fn towards(&self, server: &Server) -> Self {
        Self(self.0.only(&server.forward_headers))
    }

    /// Under what it is known; `None` for nobody in particular.
    pub(crate) fn principal(&self) -> Option<Principal> {
        self.0.principal(&*KEY)
    }

    /// What it shows.
    pub(crate) fn headers(&self) -> HeaderMap {
        let header = |(name, value): (&str, &str)| {
            let mut value = HeaderValue::from_str(value).ok()?;
            value.set_sensitive(true);
            Some((HeaderName::try_from(name).ok()?, value))
        };
        self.0.iter().filter_map(header).collect()
    }
}
