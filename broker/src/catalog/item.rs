//! One entry of a list, as clients see it.

use super::conflict::{Conflict, Reason};
use super::kind::Kind;
use protocol::answer::{Rules, edit};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::sync::Arc;

/// A tool, prompt, resource or template of one server. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Item {
    /// The server's name.
    pub server: Arc<str>,
    /// Its name, URI or template as clients see it.
    pub name: Arc<str>,
    /// Its name, URI or template as the server knows it.
    pub own: Arc<str>,
    /// The whole as clients see it: the server's bytes but for the name and the URIs.
    pub json: Arc<RawValue>,
}

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
}

#[derive(Deserialize)]
struct WithUri<'a> {
    #[serde(borrow)]
    uri: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WithTemplate<'a> {
    #[serde(borrow)]
    uri_template: Cow<'a, str>,
}

/// The name, URI or template of an item; `None` if it has none, or two.
fn name_of(kind: Kind, json: &str) -> Option<Cow<'_, str>> {
    match kind {
        Kind::Tools | Kind::Prompts => serde_json::from_str(json).ok().map(|Named { name }| name),
        Kind::Resources => serde_json::from_str(json).ok().map(|WithUri { uri }| uri),
        Kind::Templates => serde_json::from_str(json).ok().map(|WithTemplate { uri_template }| uri_template),
    }
}

impl Item {
    /// What a server listed, as clients see it. `rules` are the server's, for lists.
    ///
    /// # Errors
    /// Why it cannot be listed.
    pub fn present(kind: Kind, own: &RawValue, rules: &Rules) -> Result<Item, Conflict> {
        let noun = kind.noun();
        let invalid = |name: &str, message| Conflict::new(noun, name, Reason::Invalid, message);
        let own_name = name_of(kind, own.get()).ok_or_else(|| {
            invalid("", format!("a {noun} without a readable name or URI, or with two, is not listed"))
        })?;
        let expected: Cow<'_, str> = match &rules.key {
            Some(key) if kind.by_uri() => key.encode(&own_name).into(),
            Some(_) => format!("{}{own_name}", rules.prefix).into(),
            None => Cow::Borrowed(&own_name),
        };
        let not_editable = || invalid(&own_name, format!("{noun} `{own_name}` is nested too deeply to be listed"));
        let json = edited(kind, own, rules).ok_or_else(not_editable)?;
        // A message that the editor cannot read passes as it is; such an item must not get out under a wrong name.
        if name_of(kind, json.get()).as_deref() != Some(&*expected) {
            return Err(not_editable());
        }
        Ok(Item { server: rules.server.clone(), name: expected.as_ref().into(), own: own_name.as_ref().into(), json })
    }
}

/// An item after the editing of lists, for which it is put into a list of its own.
fn edited(kind: Kind, own: &RawValue, rules: &Rules) -> Option<Arc<RawValue>> {
    if rules.key.is_none() {
        return Some(own.to_owned().into());
    }
    let head = format!("{{\"result\":{{\"{}\":[", kind.member());
    let tail = "]}}";
    let message = edit(format!("{head}{}{tail}", own.get()).as_bytes(), rules);
    let item = message.strip_prefix(head.as_bytes())?.strip_suffix(tail.as_bytes())?;
    RawValue::from_string(String::from_utf8(item.to_vec()).ok()?).ok().map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn present(kind: Kind, prefix: &str, json: &str) -> Result<Item, Conflict> {
        let raw = RawValue::from_string(json.to_owned()).unwrap();
        Item::present(kind, &raw, &Rules::new("s", prefix, &[]).for_list())
    }

    #[test]
    fn only_names_and_uris_change() {
        let tool = r#"{ "x":1.0, "name" : "\u0061","n":9007199254740993,"_meta":{"ui":{"resourceUri":"ui://clock"}} }"#;
        let item = present(Kind::Tools, "http_", tool).unwrap();
        assert_eq!((&*item.name, &*item.own), ("http_a", "a"));
        let expected = tool.replace(r"\u0061", r"http_\u0061").replace("ui://clock", "ui://http.clock");
        assert_eq!(item.json.get(), expected.trim());
        let item = present(Kind::Templates, "http_", r#"{"uriTemplate":"file:///{p}","name":"n"}"#).unwrap();
        assert_eq!(item.json.get(), r#"{"uriTemplate":"http+file:///{p}","name":"n"}"#);
        assert_eq!(present(Kind::Tools, "", tool).unwrap().json.get(), tool);
    }

    #[test]
    fn what_cannot_be_named_is_not_listed() {
        assert!(present(Kind::Tools, "", r#"{"title":"x"}"#).is_err());
        assert!(present(Kind::Tools, "a_", r#"{"name":"x","name":"y"}"#).is_err());
        assert!(present(Kind::Resources, "a_", "5").is_err());
    }
}
