//! Objects and arrays whose parts are looked at and exchanged: everything else stays as it stands there.
//!
//! For messages that are at hand whole; [`super::Scanner`] is for those that are still coming.

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;
use std::ops::Range;

/// A JSON object.
#[derive(Debug, Clone)]
pub struct Object<'a> {
    text: &'a str,
    members: Vec<Member<'a>>,
}

#[derive(Debug, Clone)]
struct Member<'a> {
    name: String,
    value: &'a str,
    /// Of `value` in the text.
    span: Range<usize>,
}

/// What becomes of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It stays as it is.
    Keep,
    /// It goes.
    Remove,
    /// It gets this value, raw JSON.
    Value(String),
}

impl<'a> Object<'a> {
    /// Reads an object; `None` if `text` is none.
    pub fn read(text: &'a str) -> Option<Self> {
        let Pairs(pairs) = serde_json::from_str(text).ok()?;
        let members = pairs.into_iter().map(|(name, raw)| {
            let value = raw.get();
            Some(Member { name, value, span: span_of(text, value)? })
        });
        Some(Self { text, members: members.collect::<Option<_>>()? })
    }

    /// The raw value of a member. Of two with one name the last counts, as it does for most readers.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.members.iter().rev().find(|m| m.name == name).map(|m| m.value)
    }

    /// The text of a member that is a string.
    pub fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.get(name)?).ok()
    }

    /// Names and raw values, in their order.
    pub fn members(&self) -> impl Iterator<Item = (&str, &'a str)> {
        self.members.iter().map(|m| (m.name.as_str(), m.value))
    }

    /// The object after changes, with further members at its end.
    pub fn edit(&self, mut change: impl FnMut(&str, &'a str) -> Change, added: &[(&str, &str)]) -> String {
        let mut out = String::with_capacity(self.text.len() + 64);
        let slice = |range: Range<usize>| self.text.get(range).unwrap_or_default();
        let open = self.text.find('{').map_or(0, |at| at + 1);
        out.push_str(slice(0..open));
        let (mut end, mut first) = (open, true);
        for member in &self.members {
            let before = slice(end..member.span.start);
            end = member.span.end;
            let change = change(&member.name, member.value);
            if change == Change::Remove {
                continue;
            }
            // The comma after a member that went goes too.
            out.push_str(before.trim_start().strip_prefix(',').filter(|_| first).unwrap_or(before));
            first = false;
            match change {
                Change::Value(value) => out.push_str(&value),
                _ => out.push_str(member.value),
            }
        }
        for (name, value) in added {
            if !first {
                out.push(',');
            }
            first = false;
            out.push_str(&super::quote(name));
            out.push(':');
            out.push_str(value);
        }
        out.push_str(slice(end..self.text.len()));
        out
    }

    /// The object with `value` as the member `name`, in the place of the one that is there or at the end.
    pub fn with(&self, name: &str, value: &str) -> String {
        let mut found = false;
        let placed = self.edit(
            |member, _| {
                if member != name {
                    return Change::Keep;
                }
                found = true;
                Change::Value(value.to_owned())
            },
            &[],
        );
        if found { placed } else { self.edit(|_, _| Change::Keep, &[(name, value)]) }
    }

    /// The object without some of its members.
    pub fn without(&self, names: &[&str]) -> String {
        self.edit(|name, _| if names.contains(&name) { Change::Remove } else { Change::Keep }, &[])
    }
}

/// The raw values of an array; `None` if `text` is none.
pub fn items(text: &str) -> Option<Vec<&str>> {
    let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    Some(items.into_iter().map(RawValue::get).collect())
}

/// An array with other values in the place of some of its own; as it is, if it is no array.
pub fn edit_items(text: &str, mut change: impl FnMut(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len() + 64);
    let mut end = 0;
    for item in items(text).unwrap_or_default() {
        let (Some(span), Some(value)) = (span_of(text, item), change(item)) else { continue };
        out.push_str(text.get(end..span.start).unwrap_or_default());
        out.push_str(&value);
        end = span.end;
    }
    out.push_str(text.get(end..).unwrap_or_default());
    out
}

/// Where a part of a text stands in it.
fn span_of(text: &str, part: &str) -> Option<Range<usize>> {
    let start = part.as_ptr().addr().checked_sub(text.as_ptr().addr())?;
    let span = start..start + part.len();
    (text.get(span.clone())? == part).then_some(span)
}

/// Members as they come, none lost.
struct Pairs<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Pairs<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn what_is_not_changed_stays_byte_for_byte() {
        let text = "{ \"a\" : 1.0 , \"\\u0062\":[1e400, 9007199254740993],\n\"c\":{} }";
        let object = Object::read(text).unwrap();
        assert_eq!(object.edit(|_, _| Change::Keep, &[]), text);
        assert_eq!(object.get("b"), Some("[1e400, 9007199254740993]"));
        assert_eq!(object.without(&["a"]), "{ \"\\u0062\":[1e400, 9007199254740993],\n\"c\":{} }");
        assert_eq!(object.without(&["b"]), "{ \"a\" : 1.0,\n\"c\":{} }");
        assert_eq!(object.without(&["a", "b", "c"]), "{ }");
        assert_eq!(object.with("a", "2"), text.replace("1.0", "2"));
        assert_eq!(Object::read("{}").unwrap().with("x", "[]"), r#"{"x":[]}"#);
        assert_eq!(Object::read(r#"{"a":1}"#).unwrap().with("x", "2"), r#"{"a":1,"x":2}"#);
        for none in ["[]", "5", "", "{", r#"{"a":1}x"#] {
            assert!(Object::read(none).is_none(), "{none}");
        }
    }

    #[test]
    fn items_are_exchanged_in_place() {
        let text = "[ 1.0, 2 ,{\"a\":3}]";
        assert_eq!(edit_items(text, |item| (item == "2").then(|| "x".to_owned())), "[ 1.0, x ,{\"a\":3}]");
        assert_eq!(edit_items(text, |_| None), text);
        assert_eq!(edit_items("{}", |_| Some(String::new())), "{}");
    }

    proptest! {
        #[test]
        fn any_object_comes_back_as_it_was(text in crate::json::any_json()) {
            let text = format!("{{\"x\": {text} ,\"y\":[{text}]}}");
            let object = Object::read(&text).unwrap();
            prop_assert_eq!(&object.edit(|_, _| Change::Keep, &[]), &text);
            let changed = object.with("z", "1");
            prop_assert!(Object::read(&changed).unwrap().get("z") == Some("1"));
            prop_assert!(Object::read(&object.without(&["x"])).unwrap().get("y").is_some());
        }
    }
}
