//! Servers that tell their callers apart.

use super::{Fake, Recorded, lists};
use serde_json::{Value, json};

/// By what, and what those get who show nothing.
#[derive(Clone, Copy)]
pub(super) struct Callers {
    pub(super) header: &'static str,
    pub(super) strangers: bool,
}

impl Fake {
    /// Answers this caller with 401 from now on.
    pub fn refuse(&self, caller: &str) {
        self.state().refused.insert(caller.to_owned());
    }

    /// Lists another tool for this caller, without telling anybody.
    pub fn grow(&self, caller: &str, tool: &str) {
        self.state().grown.push((caller.to_owned(), lists::tool(tool)));
    }

    /// Who sent a request.
    fn caller<'a>(&self, request: &'a Recorded) -> &'a str {
        self.inner.plan.callers.map_or("", |callers| request.header(callers.header))
    }

    /// Whether this is for nobody of this name.
    pub(super) fn is_unauthorized(&self, request: &Recorded) -> bool {
        let Some(callers) = self.inner.plan.callers else { return false };
        let caller = self.caller(request);
        (caller.is_empty() && !callers.strangers) || self.state().refused.contains(caller)
    }

    /// What only this caller has of a list.
    pub(super) fn own(&self, request: &Recorded, list: &str) -> Vec<Value> {
        let caller = self.caller(request);
        if caller.is_empty() {
            return Vec::new();
        }
        let name = format!("of_{caller}");
        match list {
            "tools" => {
                let state = self.state();
                let grown = state.grown.iter().filter(|(whose, _)| whose == caller).map(|(_, tool)| tool.clone());
                [lists::tool(&name)].into_iter().chain(grown).collect()
            }
            "prompts" => vec![json!({ "name": name })],
            "resources" => vec![json!({ "uri": format!("own:///{caller}"), "name": name })],
            _ => Vec::new(),
        }
    }

    /// The answer to a caller that asks for something of its own.
    pub(super) fn own_answer(&self, request: &Recorded) -> Option<Value> {
        let (caller, target) = (self.caller(request), request.target.as_deref()?);
        let text = json!({ "type": "text", "text": caller });
        let named = target == format!("of_{caller}");
        match request.method.as_deref()? {
            "tools/call" if named => Some(json!({ "content": [text] })),
            "prompts/get" if named => Some(json!({ "messages": [{ "role": "user", "content": text }] })),
            "resources/read" if target == format!("own:///{caller}") => {
                Some(json!({ "contents": [{ "uri": target, "text": caller }] }))
            }
            _ => None,
        }
    }
}
