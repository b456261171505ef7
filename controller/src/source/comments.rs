//! Comments in JSON, which the editors of IDEs allow in their files.

/// The text with a space for each character of a comment (`// …` and `/* … */`), so that all else keeps its place.
pub(super) fn blanked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let comment = comment(rest);
        let taken = match next {
            _ if comment > 0 => comment,
            '"' => string(rest),
            _ => next.len_utf8(),
        };
        let (piece, after) = rest.split_at(taken);
        if comment > 0 {
            out.extend(piece.chars().map(|c| if matches!(c, '\n' | '\r') { c } else { ' ' }));
        } else {
            out.push_str(piece);
        }
        rest = after;
    }
    out
}

/// The length of the comment that `text` begins with, 0 if there is none.
fn comment(text: &str) -> usize {
    if text.starts_with("//") {
        text.find('\n').unwrap_or(text.len())
    } else if let Some(inside) = text.strip_prefix("/*") {
        inside.find("*/").map_or(text.len(), |end| end + 4)
    } else {
        0
    }
}

/// The length of the string that `text` begins with, its quotes included.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}
