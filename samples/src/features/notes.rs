//! The notes that the resources, the prompt and `share_note` are about.

/// What every note URI begins with.
pub(super) const NOTE_SCHEME: &str = "note://";

/// Longest name of a note, in bytes.
const MAX_NAME: usize = 64;

const WRITTEN: [(&str, &str); 3] = [
    ("welcome", "Welcome! These notes are served as MCP resources."),
    ("shopping", "- bread\n- olives\n- coffee"),
    ("unicode", "Zürich, 東京, Ελλάδα"),
];

/// Names of the notes that somebody wrote, in the order of listing.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    WRITTEN.iter().map(|(name, _)| *name)
}

/// The URI of the note `name`.
pub(super) fn uri(name: &str) -> String {
    format!("{NOTE_SCHEME}{name}")
}

/// The text of the note `name`: a written one, or one made up for any other name of ASCII letters, digits, `-` and `_`.
pub(super) fn text(name: &str) -> Option<String> {
    let written = WRITTEN.iter().find(|(written, _)| *written == name);
    written.map(|(_, text)| (*text).to_owned()).or_else(|| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        ((1..=MAX_NAME).contains(&name.len()) && name.bytes().all(plain))
            .then(|| format!("Nobody has written about {name} yet."))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_and_made_up_notes_have_text() {
        assert!(names().all(|name| text(name).is_some()));
        assert_eq!(text("rust").as_deref(), Some("Nobody has written about rust yet."));
    }

    #[test]
    fn names_outside_the_alphabet_have_none() {
        for name in ["", "a/b", "a b", "é", &"x".repeat(65)] {
            assert_eq!(text(name), None, "{name}");
        }
    }
}
