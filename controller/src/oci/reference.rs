//! `oci://HOST[:PORT]/REPOSITORY:TAG`.

use super::OciError;
use oci_client::Reference;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

const SCHEME: &str = "oci://";

/// Where a module is, in the form that `WasmPlugin.spec.url` has.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ModuleUrl(Reference);

impl ModuleUrl {
    /// The registry, as it was written: `HOST[:PORT]`.
    pub fn registry(&self) -> &str {
        self.0.registry()
    }

    /// The repository in it.
    pub fn repository(&self) -> &str {
        self.0.repository()
    }

    pub(super) fn reference(&self) -> &Reference {
        &self.0
    }

    /// Whether the registry is on this machine: those speak plain HTTP.
    pub(super) fn is_local(&self) -> bool {
        let host = self.registry().rsplit_once(':').map_or(self.registry(), |(host, _)| host);
        host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    }
}

impl FromStr for ModuleUrl {
    type Err = OciError;

    fn from_str(text: &str) -> Result<Self, OciError> {
        let bad = |reason: String| OciError::BadUrl { url: text.to_owned(), reason };
        let Some(rest) = text.strip_prefix(SCHEME) else {
            return Err(bad(format!("it has to begin with {SCHEME}")));
        };
        // Without a host, the crate takes Docker Hub's: nobody means that who writes a URL.
        let host = rest.split_once('/').map_or("", |(host, _)| host);
        if !(host.contains(['.', ':']) || host == "localhost") {
            return Err(bad("the registry's host is missing".to_owned()));
        }
        rest.parse().map(Self).map_err(|error: oci_client::ParseError| bad(error.to_string()))
    }
}

impl fmt::Display for ModuleUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_read_and_written_as_it_was() {
        for text in ["oci://ghcr.io/me/filter:v1", "oci://localhost:5000/filter:dev", "oci://10.0.0.1:5000/a/b/c:1"] {
            assert_eq!(text.parse::<ModuleUrl>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_bad_url_gets_an_error_that_shows_the_form() {
        for (text, reason) in [
            ("ghcr.io/me/filter:v1", "begin with oci://"),
            ("https://ghcr.io/me/filter:v1", "begin with oci://"),
            ("oci://filter:v1", "host is missing"),
            ("oci://me/filter:v1", "host is missing"),
            ("oci://ghcr.io/Me/filter:v1", "invalid reference format"),
            ("oci://ghcr.io/me/filter:", "invalid reference format"),
            ("oci://", "host is missing"),
        ] {
            let error = text.parse::<ModuleUrl>().unwrap_err().to_string();
            assert!(error.contains(reason) && error.contains("oci://HOST[:PORT]/REPOSITORY:TAG"), "{error}");
        }
    }

    #[test]
    fn registries_on_this_machine_are_local() {
        let local = |text: &str| text.parse::<ModuleUrl>().unwrap().is_local();
        assert!(local("oci://localhost/filter:1") && local("oci://localhost:5000/filter:1"));
        assert!(local("oci://127.0.0.1:5000/filter:1"));
        assert!(!local("oci://localhost.example/filter:1") && !local("oci://10.0.0.1:5000/filter:1"));
    }
}
