//! `limits` of an `MCPGatewayExtension`.

use crate::source::values;
use kube::KubeSchema;
use protocol::config;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Bounds on what a gateway keeps and waits for. They are those of `gateway.yaml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// How much of a request's body may be held until the tool's name is known, as in 256Ki or 1Mi.
    #[serde(default = "Limits::default_held_body")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = Rule::new("isQuantity(self) && quantity(self).compareTo(quantity('1Ki')) >= 0 && quantity(self).compareTo(quantity('256Mi')) <= 0")
        .message("heldBody has to be a quantity of bytes from 1Ki to 256Mi: write a number and a unit, as in 256Ki or 1Mi"))]
    pub held_body: String,
    /// How long a client's session is kept without use, as in 30m or 24h.
    #[serde(default = "Limits::default_session_idle")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = Rule::new("self.matches('^([0-9]{1,5}(h|m|s|ms)){1,4}$') && duration(self) >= duration('1s') && duration(self) <= duration('720h')")
        .message("sessionIdle has to be a duration from 1s to 720h: write a number and a unit, as in 30m or 24h"))]
    pub session_idle: String,
    /// How many sessions of clients are kept at once; the one that was unused for longest ends first.
    #[serde(default = "Limits::default_sessions")]
    #[schemars(range(min = 1, max = 10_000_000))]
    pub sessions: u32,
    /// How many items of a list one answer has; clients ask for the rest with a cursor.
    #[serde(default = "Limits::default_list_page")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub list_page: u32,
    /// How long a client may take to answer what a server asked it during a call, each time, as in 10m.
    #[serde(default = "Limits::default_input")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = Rule::new("self.matches('^([0-9]{1,5}(h|m|s|ms)){1,4}$') && duration(self) >= duration('1s') && duration(self) <= duration('24h')")
        .message("input has to be a duration from 1s to 24h: write a number and a unit, as in 10m"))]
    pub input: String,
    /// How often a server may ask a client during one call.
    #[serde(default = "Limits::default_input_rounds")]
    #[schemars(range(min = 1, max = 1000))]
    pub input_rounds: u32,
    /// How long further questions of a server are waited for, so that a modern client gets them together with the first, as in 50ms.
    #[serde(default = "Limits::default_input_batch")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = Rule::new("self.matches('^([0-9]{1,5}(h|m|s|ms)){1,4}$') && duration(self) <= duration('10s')")
        .message("inputBatch has to be a duration of at most 10s: write a number and a unit, as in 50ms"))]
    pub input_batch: String,
    /// How many sessions with legacy servers are open for modern clients at once.
    #[serde(default = "Limits::default_pooled_sessions")]
    #[schemars(range(min = 1, max = 10_000_000))]
    pub pooled_sessions: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            held_body: Self::default_held_body(),
            session_idle: Self::default_session_idle(),
            sessions: Self::default_sessions(),
            list_page: Self::default_list_page(),
            input: Self::default_input(),
            input_rounds: Self::default_input_rounds(),
            input_batch: Self::default_input_batch(),
            pooled_sessions: Self::default_pooled_sessions(),
        }
    }
}

impl Limits {
    fn default_held_body() -> String {
        "1Mi".to_owned()
    }

    fn default_session_idle() -> String {
        "24h".to_owned()
    }

    fn default_sessions() -> u32 {
        100_000
    }

    fn default_list_page() -> u32 {
        1000
    }

    fn default_input() -> String {
        "10m".to_owned()
    }

    fn default_input_rounds() -> u32 {
        8
    }

    fn default_input_batch() -> String {
        "50ms".to_owned()
    }

    fn default_pooled_sessions() -> u32 {
        4096
    }

    /// As the broker and the filter have them. An error names the field and the fix.
    pub fn to_config(&self) -> Result<config::Limits, String> {
        let field = |name: &str, error: String| format!("limits.{name} {error}");
        let duration = |name: &str, text: &str, most: u64| {
            values::duration(text, Duration::ZERO..=Duration::from_secs(most)).map_err(|error| field(name, error))
        };
        let held = values::bytes(&self.held_body, 1 << 10..=256 << 20).map_err(|error| field("heldBody", error))?;
        let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        Ok(config::Limits {
            held_body_bytes: held,
            session_idle_seconds: duration("sessionIdle", &self.session_idle, 720 * 3600)?.as_secs().max(1),
            sessions: count(self.sessions),
            list_page: count(self.list_page),
            input_seconds: duration("input", &self.input, 24 * 3600)?.as_secs().max(1),
            input_rounds: self.input_rounds,
            input_batch_ms: u64::try_from(duration("inputBatch", &self.input_batch, 10)?.as_millis())
                .unwrap_or(u64::MAX),
            pooled_sessions: count(self.pooled_sessions),
        })
    }
}
