//! Request ids, kept as the bytes in which they came.

/// A JSON-RPC id: a string or an integer, as raw JSON.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Id(Box<str>);

impl Id {
    /// Takes a raw JSON value. `None` unless it is a string or an integer (MCP forbids `null`, JSON-RPC fractions).
    pub fn from_raw(raw: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(raw).ok()?;
        let digits = text.strip_prefix('-').unwrap_or(text);
        let integer = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let string = text.len() >= 2 && text.starts_with('"') && text.ends_with('"');
        (integer || string).then(|| Self(text.into()))
    }

    /// The id as JSON text, byte for byte as it came.
    pub fn raw(&self) -> &str {
        &self.0
    }
}
