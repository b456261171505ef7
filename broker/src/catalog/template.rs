//! URI templates, read backwards: could this URI come from that template (RFC 6570)?

use serde::Serialize;

/// Whether `uri` could come from `template`, which has expressions.
pub fn matches(template: &str, uri: &str) -> bool {
    template.contains('{') && Template::parse(template).matches(uri).is_some()
}

/// A template as literals and expressions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
enum Part {
    Literal(String),
    /// An expression; whether its values may hold reserved characters (`{+x}`, `{#x}`, and those that begin with one).
    Expression {
        reserved: bool,
    },
}

impl Template {
    /// Reads a template. What is not well formed counts as literal.
    pub(super) fn parse(template: &str) -> Self {
        let mut parts = Vec::new();
        let mut rest = template;
        while let Some((literal, after)) = rest.split_once('{')
            && let Some((expression, tail)) = after.split_once('}')
        {
            if !literal.is_empty() {
                parts.push(Part::Literal(literal.to_owned()));
            }
            let reserved = expression.starts_with(['+', '#', '/', '.', ';', '?', '&']);
            parts.push(Part::Expression { reserved });
            rest = tail;
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.to_owned()));
        }
        Self { parts }
    }

    /// The number of literal bytes, if `uri` matches: the more, the closer.
    pub(super) fn matches(&self, uri: &str) -> Option<usize> {
        let bytes = uri.as_bytes();
        // Where the parts so far can end. One pass over the URI a part: no backtracking.
        let mut ends = vec![false; bytes.len() + 1];
        *ends.first_mut()? = true;
        let mut literal_bytes = 0;
        for part in &self.parts {
            let mut next = vec![false; bytes.len() + 1];
            match part {
                Part::Literal(literal) => {
                    literal_bytes += literal.len();
                    for (at, _) in ends.iter().enumerate().filter(|(_, end)| **end) {
                        if bytes.get(at..).is_some_and(|rest| rest.starts_with(literal.as_bytes())) {
                            next[at + literal.len()] = true;
                        }
                    }
                }
                Part::Expression { reserved } => {
                    let mut inside = false;
                    for at in 0..=bytes.len() {
                        inside |= ends[at];
                        next[at] = inside;
                        let stops = bytes.get(at).is_some_and(|b| matches!(b, b'/' | b'?' | b'#'));
                        inside &= *reserved || !stops;
                    }
                }
            }
            ends = next;
        }
        ends.last().copied().unwrap_or(false).then_some(literal_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_match_backwards() {
        for (template, uri, literal) in [
            ("file:///{name}", "file:///a", Some(8)),
            ("file:///{name}", "file:///a/b", None),
            ("file:///{+path}", "file:///a/b", Some(8)),
            ("db://{table}/rows/{id}", "db://t/rows/5", Some(11)),
            ("db://{table}/rows/{id}", "db://t/cols/5", None),
            ("a{x}b{y}c", "abbbc", Some(3)),
            ("search{?q}", "search?q=1/2", Some(6)),
            ("search{?q}", "search", Some(6)),
            ("plain", "plain", Some(5)),
            ("{+uri}", "anything:/at?all", Some(0)),
            ("broken{x", "broken{x", Some(8)),
        ] {
            assert_eq!(Template::parse(template).matches(uri), literal, "{template} {uri}");
        }
    }
}
