//! What a client saw.

use super::uri_behind;
use serde_json::{Map, Value};

/// Everything that a client listed, was answered and was told.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Seen {
    /// `tools/list`.
    pub tools: Vec<Value>,
    /// `prompts/list`.
    pub prompts: Vec<Value>,
    /// `resources/list`.
    pub resources: Vec<Value>,
    /// `resources/templates/list`.
    pub templates: Vec<Value>,
    /// Each call with its result. Of the HTTP requests that `echo_raw` shows, without what differs from run to run, or by era.
    pub called: Vec<Value>,
    /// Each prompt with its result.
    pub got: Vec<Value>,
    /// Each resource with its result.
    pub read: Vec<Value>,
    /// The forms that were shown.
    pub elicited: Vec<Value>,
    /// The notifications of the calls, progress and log messages, in no particular order: a server may send them on another
    /// stream than the call's.
    pub told: Vec<Value>,
    /// How often a list was said to have changed. A gateway may say it once for several changes.
    pub changes: usize,
}

impl Seen {
    pub(super) fn of(document: &Value) -> Self {
        let list = |name: &str| document[name].as_array().cloned().unwrap_or_default();
        let changed = |told: &Value| told["method"].as_str().is_some_and(|method| method.ends_with("/list_changed"));
        let (changes, told): (Vec<_>, _) = list("notifications").into_iter().partition(changed);
        Self {
            tools: list("tools"),
            prompts: list("prompts"),
            resources: list("resources"),
            templates: list("resourceTemplates"),
            called: list("called").into_iter().map(without_ids).map(without_server).collect(),
            got: list("got").into_iter().map(without_server).collect(),
            read: list("read").into_iter().map(without_server).collect(),
            elicited: list("elicited").into_iter().map(|form| without(form, "_meta")).collect(),
            told: sorted(told),
            changes: changes.len(),
        }
    }

    /// The same as it is to be seen at a server behind `prefix`: names with it in front, URIs in their own form of it.
    #[must_use]
    pub fn behind(mut self, prefix: &str) -> Self {
        for named in [&mut self.tools, &mut self.prompts, &mut self.called, &mut self.got].into_iter().flatten() {
            let name = named["name"].as_str().unwrap_or_default();
            named["name"] = format!("{prefix}{name}").into();
        }
        for item in [&mut self.resources, &mut self.templates, &mut self.called, &mut self.got, &mut self.read] {
            item.iter_mut().for_each(|item| map_uris(item, prefix));
        }
        self
    }

    /// Without what a server behind `prefix` lists.
    #[must_use]
    pub fn without(mut self, prefix: &str) -> Self {
        let key = uri_behind(prefix, "");
        for (list, member, own) in [
            (&mut self.tools, "name", prefix),
            (&mut self.prompts, "name", prefix),
            (&mut self.resources, "uri", &key),
            (&mut self.templates, "uriTemplate", &key),
        ] {
            list.retain(|item| !item[member].as_str().is_some_and(|name| name.starts_with(own)));
        }
        self
    }

    /// Followed by what was seen at another server.
    #[must_use]
    pub fn then(mut self, other: Self) -> Self {
        self.tools.extend(other.tools);
        self.prompts.extend(other.prompts);
        self.resources.extend(other.resources);
        self.templates.extend(other.templates);
        self.called.extend(other.called);
        self.got.extend(other.got);
        self.read.extend(other.read);
        self.elicited.extend(other.elicited);
        self.told.extend(other.told);
        self.told = sorted(self.told);
        self.changes += other.changes;
        self
    }

    /// How many notifications of a method there were.
    pub fn times(&self, method: &str) -> usize {
        self.told.iter().filter(|told| told["method"] == format!("notifications/{method}")).count()
    }

    /// The text that a call was answered with, which is taken out.
    ///
    /// # Panics
    ///
    /// When there was no such call, or another answer.
    pub fn take_text(&mut self, tool: &str) -> String {
        let at = self.called.iter().position(|called| called["name"] == tool);
        let called = at.map(|at| self.called.remove(at)).unwrap_or_default();
        let text = called["result"]["content"][0]["text"].as_str();
        text.unwrap_or_else(|| panic!("{tool} was answered with {called}")).to_owned()
    }

    /// Compares part by part, so that the part that differs is named.
    ///
    /// # Panics
    ///
    /// When anything differs but the number of changes, or nothing was changed and something was to be.
    pub fn assert_is(&self, expected: &Self, who: &str) {
        let parts = [
            ("tools", &self.tools, &expected.tools),
            ("prompts", &self.prompts, &expected.prompts),
            ("resources", &self.resources, &expected.resources),
            ("resource templates", &self.templates, &expected.templates),
            ("calls", &self.called, &expected.called),
            ("prompts that were got", &self.got, &expected.got),
            ("resources that were read", &self.read, &expected.read),
            ("forms", &self.elicited, &expected.elicited),
            ("notifications", &self.told, &expected.told),
        ];
        for (what, seen, expected) in parts {
            let extra: Vec<_> = seen.iter().filter(|value| !expected.contains(value)).collect();
            let missing: Vec<_> = expected.iter().filter(|value| !seen.contains(value)).collect();
            assert_eq!((&extra, &missing), (&Vec::new(), &Vec::new()), "{who}: {what}: (unexpected, missing)");
            assert_eq!(seen, expected, "{who}: {what}: the order");
        }
        assert!(self.changes > 0 || expected.changes == 0, "{who}: no list_changed came");
    }
}

fn without(mut value: Value, member: &str) -> Value {
    if let Some(members) = value.as_object_mut() {
        members.remove(member);
    }
    value
}

/// A step without the name that servers of the modern era put on each result.
fn without_server(mut step: Value) -> Value {
    let Some(meta) = step.pointer_mut("/result/_meta").and_then(Value::as_object_mut) else { return step };
    meta.remove("io.modelcontextprotocol/serverInfo");
    if meta.is_empty() {
        step["result"] = without(step["result"].take(), "_meta");
    }
    step
}

/// A call as it is; of `echo_raw`, the HTTP request that it shows without its id, progress token and modern envelope.
fn without_ids(mut called: Value) -> Value {
    let echo = called["name"].as_str().is_some_and(|name| name.ends_with("echo_raw"));
    if let (true, Some(text)) = (echo, called["result"]["content"][0]["text"].as_str()) {
        let mut request = without(serde_json::from_str(text).unwrap_or_default(), "id");
        if let Some(meta) = request["params"]["_meta"].as_object_mut() {
            let own = ["protocolVersion", "clientInfo", "clientCapabilities", "logLevel"];
            meta.retain(|name, _| {
                name != "progressToken" && !own.iter().any(|own| *name == format!("io.modelcontextprotocol/{own}"))
            });
            if meta.is_empty() {
                request["params"] = without(request["params"].take(), "_meta");
            }
        }
        called["result"]["content"][0]["text"] = request.to_string().into();
    }
    called
}

/// URIs are in members of these names, wherever results have them.
fn map_uris(value: &mut Value, prefix: &str) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| map_uris(item, prefix)),
        Value::Object(members) => map_members(members, prefix),
        _ => {}
    }
}

fn map_members(members: &mut Map<String, Value>, prefix: &str) {
    for (name, value) in members {
        match value {
            Value::String(uri) if name == "uri" || name == "uriTemplate" => *uri = uri_behind(prefix, uri),
            _ => map_uris(value, prefix),
        }
    }
}

fn sorted(mut values: Vec<Value>) -> Vec<Value> {
    values.sort_by_cached_key(Value::to_string);
    values
}
