//! What a server is told of a client's capabilities.

use super::id::ClientSaid;
use crate::upstream::gateway_info;
use protocol::era::Revision;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

type Object = BTreeMap<String, Box<RawValue>>;

/// The `params` of `initialize` towards a server.
///
/// Left out of the client's capabilities are its own `tasks`, since servers would see each other's, and with several servers
/// `sampling.context`, since its `thisServer` would mean all of them.
pub(super) fn initialize_params(revision: Revision, client: &ClientSaid, several_servers: bool) -> Box<RawValue> {
    let capabilities = project(&client.capabilities, several_servers);
    let own = gateway_info().to_string();
    params(revision, &capabilities, client.info.as_ref().map_or(own.as_str(), |info| info.get()))
}

/// The same for a session of the broker's own with the client's capabilities: equal for all clients that declared the same, in
/// whatever words. `None` if nothing is left of what the client declared.
pub(super) fn list_params(revision: Revision, client: &ClientSaid, several_servers: bool) -> Option<Box<RawValue>> {
    let projected = project(&client.capabilities, several_servers);
    let capabilities: Value = serde_json::from_str(&projected).ok()?;
    let declared = capabilities.as_object().is_some_and(|all| !all.is_empty());
    declared.then(|| params(revision, &capabilities.to_string(), &gateway_info().to_string()))
}

/// Whether a server may ask the client: it declared elicitation, sampling or roots, and its revision has that.
pub(super) fn asks_back(revision: Revision, client: &ClientSaid) -> bool {
    let told = protocol::era::from_legacy::capabilities(revision, client.capabilities.get(), false);
    let told: Object = serde_json::from_str(&told).unwrap_or_default();
    ["elicitation", "sampling", "roots"].iter().any(|name| told.contains_key(*name))
}

fn params(revision: Revision, capabilities: &str, info: &str) -> Box<RawValue> {
    let version = revision.as_str();
    let text = format!("{{\"protocolVersion\":\"{version}\",\"capabilities\":{capabilities},\"clientInfo\":{info}}}");
    RawValue::from_string(text).unwrap_or_default()
}

fn project(raw: &RawValue, several_servers: bool) -> String {
    let Ok(mut capabilities) = serde_json::from_str::<Object>(raw.get()) else { return "{}".to_owned() };
    capabilities.remove("tasks");
    if several_servers
        && let Some(sampling) = capabilities.get_mut("sampling")
        && let Ok(mut parts) = serde_json::from_str::<Object>(sampling.get())
        && parts.remove("context").is_some()
        && let Ok(rest) = serde_json::value::to_raw_value(&parts)
    {
        *sampling = rest;
    }
    serde_json::to_string(&capabilities).unwrap_or_else(|_| "{}".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn what_would_mean_another_server_is_left_out() {
        let all = raw(r#"{"tasks":{},"sampling":{"context":{},"tools":{}},"roots":{"listChanged":true},"x":1.0}"#);
        assert_eq!(project(&all, true), r#"{"roots":{"listChanged":true},"sampling":{"tools":{}},"x":1.0}"#);
        assert_eq!(
            project(&all, false),
            r#"{"roots":{"listChanged":true},"sampling":{"context":{},"tools":{}},"x":1.0}"#
        );
        assert_eq!(project(&raw("5"), true), "{}");
    }

    #[test]
    fn who_declares_an_answer_can_be_asked() {
        for (capabilities, expected) in
            [("{}", false), (r#"{"experimental":{"roots":{}}}"#, false), (r#"{"roots":{}}"#, true), ("5", false)]
        {
            let client = ClientSaid { capabilities: raw(capabilities), info: None };
            assert_eq!(asks_back(Revision::LATEST, &client), expected, "{capabilities}");
        }
        let client = ClientSaid { capabilities: raw(r#"{"elicitation":{}}"#), info: None };
        assert!(asks_back(Revision::V2025_06_18, &client));
        assert!(!asks_back(Revision::V2025_03_26, &client), "that revision has no elicitation");
    }

    #[test]
    fn a_client_without_a_name_goes_as_the_gateway() {
        let client = ClientSaid { capabilities: raw("{}"), info: None };
        let params = initialize_params(Revision::V2025_06_18, &client, true);
        assert!(params.get().starts_with(r#"{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"#));
        assert!(params.get().contains("mcp-gateway"));
    }

    #[test]
    fn lists_are_fetched_for_what_is_declared_not_for_whom() {
        let params = |capabilities: &str, info: &str| {
            let client = ClientSaid { capabilities: raw(capabilities), info: Some(raw(info)) };
            list_params(Revision::V2025_06_18, &client, true).map(|params| params.get().to_owned())
        };
        let one = params(r#"{"roots":{"a":1, "b":2},"elicitation":{},"sampling":{"context":{}}}"#, r#"{"name":"x"}"#);
        let other = params(r#"{"elicitation":{ },"sampling":{},"tasks":{},"roots":{"b":2,"a":1}}"#, r#"{"name":"y"}"#);
        assert_eq!(one, other);
        assert!(one.unwrap().contains("mcp-gateway"));
        for nothing in ["{}", r#"{"tasks":{}}"#, "5"] {
            assert_eq!(params(nothing, "{}"), None, "{nothing}");
        }
    }
}
