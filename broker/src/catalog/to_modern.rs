//! A legacy server's lists, as modern clients see them.

use super::conflict::{Conflict, Reason};
use super::kind::Kind;
use super::offer::List;
use protocol::era::to_modern;

/// One of its lists, without tools that could not be called for modern clients.
pub(super) fn list(kind: Kind, list: &List) -> List {
    if kind != Kind::Tools {
        return list.clone();
    }
    let mut notes = list.notes.clone();
    let mut callable = |item: &&super::Item| match to_modern::tool(item.json.get()) {
        Ok(()) => true,
        Err(why) => {
            let message = format!("tool `{}` is hidden from modern clients: {why}", item.own);
            notes.push(Conflict::new(kind.noun(), &item.own, Reason::NotForModernClients, message));
            false
        }
    };
    let items = list.items.iter().filter(|item| callable(item)).cloned().collect();
    List { items, notes, ..list.clone() }
}

#[cfg(test)]
mod tests {
    use super::super::Item;
    use super::*;
    use protocol::answer::Rules;
    use serde_json::value::RawValue;

    #[test]
    fn tools_that_need_tasks_are_hidden_and_reported() {
        let rules = Rules::new("s", "p_", &[]).for_list();
        let tools = [r#"{"name":"good"}"#, r#"{"name":"slow","execution":{"taskSupport":"required"}}"#];
        let present =
            |json: &str| Item::present(Kind::Tools, &RawValue::from_string(json.to_owned()).unwrap(), &rules).unwrap();
        let legacy = List { items: tools.map(present).into(), ..List::empty() };
        let modern = list(Kind::Tools, &legacy);
        assert_eq!(modern.items.iter().map(|item| &*item.name).collect::<Vec<_>>(), ["p_good"]);
        assert!(modern.notes[0].message.starts_with("tool `slow` is hidden from modern clients"), "{:?}", modern.notes);
    }
}
