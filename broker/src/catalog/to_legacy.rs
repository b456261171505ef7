//! A modern server's lists, as legacy clients see them.

use super::conflict::{Conflict, Reason};
use super::item::Item;
use super::kind::Kind;
use super::offer::List;
use protocol::era::to_legacy;
use serde_json::value::RawValue;
use std::sync::Arc;

/// One of its lists: tools in the form that legacy clients can read, without those that could not be called for them.
pub(super) fn list(kind: Kind, list: &List) -> List {
    if kind != Kind::Tools {
        return list.clone();
    }
    let mut notes = list.notes.clone();
    let items = list.items.iter().filter_map(|item| match to_legacy::tool(item.json.get()) {
        Ok(json) => Some(Item { json: exchanged(&item.json, json), ..item.clone() }),
        Err(why) => {
            let message = format!("tool `{}` is hidden from legacy clients: {why}", item.own);
            notes.push(Conflict::new(kind.noun(), &item.own, Reason::NotForLegacyClients, message));
            None
        }
    });
    let items = items.collect();
    List { items, notes, ..list.clone() }
}

/// The new text, or the old one where nothing changed: it is kept once then.
fn exchanged(old: &Arc<RawValue>, new: String) -> Arc<RawValue> {
    if old.get() == new {
        return Arc::clone(old);
    }
    RawValue::from_string(new).map_or_else(|_| Arc::clone(old), Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::answer::Rules;

    #[test]
    fn tools_that_could_not_be_called_are_hidden_and_reported() {
        let rules = Rules::new("s", "p_", &[]).for_list();
        let bad = r#"{"name":"bad","inputSchema":{"properties":{"n":{"type":"number","x-mcp-header":"N"}}}}"#;
        let items = [r#"{"name":"good","inputSchema":{"type":"object"}}"#, bad];
        let present = |json: &&str| {
            Item::present(Kind::Tools, &RawValue::from_string((*json).to_owned()).unwrap(), &rules).unwrap()
        };
        let modern = List { items: items.iter().map(present).collect(), ..List::empty() };
        let legacy = list(Kind::Tools, &modern);
        assert_eq!(legacy.items.iter().map(|item| &*item.name).collect::<Vec<_>>(), ["p_good"]);
        assert!(Arc::ptr_eq(&legacy.items[0].json, &modern.items[0].json));
        assert!(legacy.notes[0].message.starts_with("tool `bad` is hidden from legacy clients"), "{:?}", legacy.notes);
    }
}
