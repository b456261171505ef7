//! Reading a map field by field, so that what is left over can be reported.

use super::mistake::Report;
use super::node::{Node, Place, Value};
use std::borrow::Cow;

/// A map whose fields are taken one by one.
pub(super) struct Fields<'a> {
    path: String,
    place: Place,
    entries: Vec<(&'a str, Place, &'a Node)>,
    known: Vec<&'static str>,
}

/// One field's value.
pub(super) struct Field<'a> {
    /// As in `servers[1].url`.
    pub(super) path: String,
    pub(super) node: &'a Node,
}

impl<'a> Fields<'a> {
    /// The fields of `node`, which stands at `path`. Reports what is no map, and keys that stand there twice.
    pub(super) fn of(node: &'a Node, path: &str, report: &mut Report) -> Option<Self> {
        let Value::Map(map) = &node.value else {
            report.mistake(node.place, path, format!("is {}: write a map of fields", node.value.kind()));
            return None;
        };
        let mut entries: Vec<(&str, Place, &Node)> = Vec::with_capacity(map.len());
        for (key, place, value) in map {
            if entries.iter().any(|(k, ..)| k == key) {
                report.mistake(*place, &join(path, key), "stands here twice: keep one");
            } else {
                entries.push((key, *place, value));
            }
        }
        Some(Self { path: path.to_owned(), place: node.place, entries, known: Vec::new() })
    }

    /// The field `name`; `None` if it is absent or empty.
    pub(super) fn take(&mut self, name: &'static str) -> Option<Field<'a>> {
        self.known.push(name);
        let index = self.entries.iter().position(|(key, ..)| *key == name)?;
        let (_, _, node) = self.entries.swap_remove(index);
        (!matches!(node.value, Value::Null)).then(|| Field { path: join(&self.path, name), node })
    }

    /// As [`Self::take`], for a field that has to be there.
    pub(super) fn require(&mut self, name: &'static str, example: &str, report: &mut Report) -> Option<Field<'a>> {
        let field = self.take(name);
        if field.is_none() {
            self.missing(name, example, report);
        }
        field
    }

    /// Reports that the field `name` is not there.
    pub(super) fn missing(&self, name: &str, example: &str, report: &mut Report) {
        report.mistake(self.place, &join(&self.path, name), format!("is missing: add `{name}: {example}`"));
    }

    /// The field `name`, which is left there; `None` if it is absent or empty.
    pub(super) fn peek(&self, name: &str) -> Option<Field<'a>> {
        let (_, _, node) = self.entries.iter().find(|(key, ..)| *key == name)?;
        (!matches!(node.value, Value::Null)).then(|| Field { path: join(&self.path, name), node })
    }

    /// Reports every field that nobody took.
    pub(super) fn finish(self, report: &mut Report) {
        for (key, place, _) in self.entries {
            let near = self
                .known
                .iter()
                .map(|known| (strsim::damerau_levenshtein(&known.to_lowercase(), &key.to_lowercase()), known))
                .filter(|(distance, known)| *distance <= 1 + known.len() / 4)
                .min();
            let fix = near.map_or_else(
                || format!("the fields here are {}", self.known.join(", ")),
                |(_, known)| format!("did you mean `{known}`?"),
            );
            report.mistake(place, &join(&self.path, key), format!("is no field of the gateway: {fix}"));
        }
    }
}

impl<'a> Field<'a> {
    /// Where it stands.
    pub(super) fn place(&self) -> Place {
        self.node.place
    }

    /// Reports a mistake in it.
    pub(super) fn mistake(&self, report: &mut Report, message: impl Into<String>) {
        report.mistake(self.node.place, &self.path, message);
    }

    /// Its text.
    pub(super) fn text(&self, report: &mut Report) -> Option<&'a str> {
        match &self.node.value {
            Value::String(text) => return Some(text),
            Value::Integer(_) | Value::Float | Value::Bool(_) => {
                self.mistake(report, format!("is {}, but has to be text: put it in quotes", self.node.value.kind()));
            }
            other => self.mistake(report, format!("is {}, but has to be text", other.kind())),
        }
        None
    }

    /// Its text, where a number may be taken for it: whoever reads it says what is missing.
    pub(super) fn text_or_number(&self, report: &mut Report) -> Option<Cow<'a, str>> {
        match &self.node.value {
            Value::Integer(number) => Some(number.to_string().into()),
            _ => self.text(report).map(Cow::Borrowed),
        }
    }

    /// Its whole number.
    pub(super) fn integer(&self, report: &mut Report) -> Option<i128> {
        if let Value::Integer(value) = self.node.value {
            return Some(value);
        }
        self.mistake(report, format!("is {}: write a whole number", self.node.value.kind()));
        None
    }

    /// Its truth value.
    pub(super) fn truth(&self, report: &mut Report) -> Option<bool> {
        if let Value::Bool(value) = self.node.value {
            return Some(value);
        }
        self.mistake(report, format!("is {}: write true or false", self.node.value.kind()));
        None
    }

    /// Its items.
    pub(super) fn items(&self, report: &mut Report) -> Vec<Field<'a>> {
        let Value::List(items) = &self.node.value else {
            self.mistake(report, format!("is {}, but has to be a list", self.node.value.kind()));
            return Vec::new();
        };
        items.iter().enumerate().map(|(i, node)| Field { path: format!("{}[{i}]", self.path), node }).collect()
    }

    /// Its entries, whatever their keys are.
    pub(super) fn entries(&self, report: &mut Report) -> Vec<(&'a str, Field<'a>)> {
        let Some(fields) = Fields::of(self.node, &self.path, report) else { return Vec::new() };
        fields.entries.into_iter().map(|(key, _, node)| (key, Field { path: join(&self.path, key), node })).collect()
    }

    /// One of a closed set of words.
    pub(super) fn choice<T: Copy>(&self, choices: &[(&str, T)], report: &mut Report) -> Option<T> {
        let text = self.text(report)?;
        let found = choices.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
            self.mistake(report, format!("is `{text}`: write one of {}", words.join(", ")));
        }
        found
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
