//! Values that stand in one field: durations, sizes, URLs, headers, origins.
//!
//! The errors say what is wrong and what to write, and never show an expanded value: it may hold a secret.

use http::{HeaderName, HeaderValue};
use protocol::http::header;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;
use url::Url;

/// Headers that the gateway sets itself.
const OWN_HEADERS: [&str; 18] = [
    "accept",
    "accept-encoding",
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    header::SESSION_ID,
    header::PROTOCOL_VERSION,
    header::METHOD,
    header::NAME,
    header::LAST_EVENT_ID,
];

/// What the names begin with that only Envoy's own filters may set.
const ENVOYS: &str = "x-envoy-";

/// How long lists may be kept.
pub(crate) const MAX_AGE: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(24 * 3600);

/// A duration such as `30s`, within bounds.
pub(crate) fn duration(text: &str, bounds: RangeInclusive<Duration>) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text)
        .map_err(|_| format!("is `{text}`, which is no duration: write a number and a unit, as in 30s, 5m or 24h"))?;
    if bounds.contains(&duration) {
        return Ok(duration);
    }
    let (low, high) = (humantime::format_duration(*bounds.start()), humantime::format_duration(*bounds.end()));
    Err(format!("is {text}: write something from {low} to {high}"))
}

/// A number of bytes such as `1MiB`, within bounds.
pub(crate) fn bytes(text: &str, bounds: RangeInclusive<u32>) -> Result<u32, String> {
    let bytes = text
        .parse::<bytesize::ByteSize>()
        .map_err(|_| format!("is `{text}`, which is no size: write a number and a unit, as in 256KiB or 1MiB"))?;
    u32::try_from(bytes.as_u64()).ok().filter(|bytes| bounds.contains(bytes)).ok_or_else(|| {
        let show = |bytes: u32| bytesize::ByteSize::b(bytes.into()).to_string();
        format!("is {text}: write something from {} to {}", show(*bounds.start()), show(*bounds.end()))
    })
}

/// The URL of a server's MCP endpoint.
pub(super) fn endpoint(text: &str) -> Result<Url, String> {
    const EXAMPLE: &str = "write an absolute one, as in http://127.0.0.1:9001/mcp";
    let url = Url::parse(text).map_err(|error| format!("is no URL ({error}): {EXAMPLE}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("has the scheme `{}`: only http and https are possible", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "holds a user or password: put them into `headers`, as in Authorization: \"Basic ${CREDENTIALS}\"".into()
        );
    }
    if url.fragment().is_some() {
        return Err("has a fragment (`#…`), which is never sent: take it away".into());
    }
    if url.port() == Some(0) {
        return Err(format!("has port 0: {EXAMPLE}"));
    }
    Ok(url)
}

/// The name of a header that may be sent to a server, in lower case.
pub(super) fn header_name(name: &str) -> Result<String, String> {
    let name = any_header_name(name)?;
    let name = name.as_str();
    if OWN_HEADERS.contains(&name) || name.starts_with(header::INTERNAL_PREFIX) || name.starts_with(ENVOYS) {
        return Err("is a header that the gateway sets itself: take it away".into());
    }
    Ok(name.to_owned())
}

/// The name of any header.
pub(super) fn any_header_name(name: &str) -> Result<HeaderName, String> {
    name.parse().map_err(|_| "is no name of a header: use letters, digits and -".to_owned())
}

/// Whether a header can have this value.
pub(super) fn header_value(value: &str) -> Result<(), String> {
    let legal = HeaderValue::from_str(value).is_ok() && value.trim() == value;
    if legal {
        Ok(())
    } else {
        Err("cannot be sent in a header: take away line breaks, control characters and outer spaces".into())
    }
}

/// A folder that a process can run in.
pub(super) fn folder(path: &Path) -> Result<String, String> {
    let shown = path.display();
    let found = std::path::absolute(path).and_then(|path| Ok((std::fs::metadata(&path)?, path)));
    match found.map(|(metadata, path)| metadata.is_dir().then(|| path.into_os_string().into_string())) {
        Ok(Some(Ok(path))) => Ok(path),
        Ok(Some(Err(_))) => Err(format!("{shown} is not UTF-8: choose another folder")),
        Ok(None) => Err(format!("{shown} is no folder: write the one that the program is to run in")),
        Err(error) => Err(format!("{shown} cannot be used ({error}): correct the path")),
    }
}

/// Whether a process can be given this text.
pub(super) fn process_text(text: &str) -> Result<(), String> {
    if text.contains('\0') { Err("holds a NUL character, which no process can be given".into()) } else { Ok(()) }
}

/// An entry of `allowedOrigins`.
pub(super) fn origin(text: &str) -> Result<String, String> {
    const FIX: &str = "write scheme and host, as in https://app.example, or \"*\" for all";
    if text == "*" {
        return Ok(text.to_owned());
    }
    let url = Url::parse(text).ok().filter(|_| !text.contains('*'));
    let url = url.ok_or_else(|| format!("is `{text}`, which is no origin: {FIX}"))?;
    let origin = url.origin().ascii_serialization();
    if !url.origin().is_tuple() || !origin.eq_ignore_ascii_case(text) {
        return Err(format!("is `{text}`, which is more or less than an origin: {FIX}, without path and default port"));
    }
    Ok(origin)
}

/// An entry of `allowedHosts`.
pub(super) fn host(text: &str) -> Result<String, String> {
    if text == "*" || url::Host::parse(text).is_ok() {
        return Ok(text.to_ascii_lowercase());
    }
    Err(format!(
        "is `{text}`, which is no host name: write it without scheme and port, as in mcp.example, or \"*\" for all"
    ))
}

/// What a file holds, which has to be certificates in PEM form.
pub(super) fn certificates(path: &Path) -> Result<String, String> {
    let shown = path.display();
    let read = std::fs::read(path).map_err(|error| format!("{shown} cannot be read ({error}): correct the path"))?;
    pem(read).map_err(|error| format!("{shown} {error}"))
}

/// The certificates of a text in PEM form: at least one, and each of them whole. Whatever else is there, such as the key of a bundle,
/// is left out: these go where credentials may not.
pub(super) fn pem(text: Vec<u8>) -> Result<String, String> {
    use rustls_pki_types::CertificateDer;
    use rustls_pki_types::pem::PemObject;

    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match found {
        Ok(found) if found.is_empty() => {
            Err("holds no certificate: it has to be a PEM file (BEGIN CERTIFICATE)".into())
        }
        Ok(found) => {
            let found: Vec<_> = found.iter().map(|der| pem::Pem::new("CERTIFICATE", der.as_ref())).collect();
            Ok(pem::encode_many_config(&found, pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF)))
        }
        Err(_) => Err("is damaged: it has to hold certificates in PEM form".into()),
    }
}
