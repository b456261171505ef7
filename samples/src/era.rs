//! Which protocol revisions a sample server speaks.

use std::borrow::Cow;

use rmcp::model::{DiscoverRequestMethod, DiscoverResult, ErrorData, ProtocolVersion, ServerConfig};

/// The MCP eras that a server takes part in.
///
/// *Legacy* are the revisions with an `initialize` handshake and sessions (up to 2025-11-25), *modern* are those with
/// `server/discover` and metadata on every request (2026-07-28). A server of one era refuses clients of the other, which is
/// what a test of translation between them needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Era {
    /// Only revisions with `initialize`; `server/discover` is an unknown method.
    Legacy,
    /// Only 2026-07-28; `initialize` is refused with -32022.
    Modern,
    /// Every revision that the SDK knows.
    #[default]
    Both,
}

impl Era {
    /// The revisions that a server of this era accepts.
    #[must_use]
    pub fn versions(self) -> Cow<'static, [ProtocolVersion]> {
        Cow::Borrowed(match self {
            Self::Legacy => ProtocolVersion::known_up_to(&ProtocolVersion::V_2025_11_25),
            Self::Modern => &[ProtocolVersion::V_2026_07_28],
            Self::Both => ProtocolVersion::KNOWN_VERSIONS,
        })
    }

    /// The revision to name when a client asks for one that is not in [`Self::versions`].
    #[must_use]
    pub fn preferred(self) -> ProtocolVersion {
        match self {
            Self::Legacy | Self::Both => ProtocolVersion::V_2025_11_25,
            Self::Modern => ProtocolVersion::V_2026_07_28,
        }
    }

    /// The answer to `server/discover` of a server that presents itself as `info`.
    ///
    /// # Errors
    ///
    /// -32601 for [`Era::Legacy`], whose revisions do not have the method.
    pub fn discover(self, info: ServerConfig) -> Result<DiscoverResult, ErrorData> {
        match self {
            Self::Legacy => Err(ErrorData::method_not_found::<DiscoverRequestMethod>()),
            Self::Modern | Self::Both => Ok(DiscoverResult::from_server_info(self.versions().into_owned(), info)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eras_do_not_overlap() {
        let modern = Era::Modern.versions();
        assert!(Era::Legacy.versions().iter().all(|version| !modern.contains(version)));
        assert_eq!(Era::Legacy.versions().len() + modern.len(), Era::Both.versions().len(),);
    }
}
