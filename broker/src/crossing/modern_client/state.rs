//! `requestState`: what a client brings back with its answers.

use super::visits::At;
use crate::seal::{Seal, random};
use crate::session::id::now;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use protocol::caller::Principal;
use protocol::era::Era;
use protocol::error::{Refusal, code};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::net::SocketAddr;
use std::time::Duration;

/// Bytes of the longest state that is looked at.
const LONGEST: usize = 64 << 10;

/// What a call is: a state holds for this one only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Subject {
    /// Who calls.
    #[serde(rename = "p")]
    pub(super) principal: Option<Principal>,
    /// `tools/call`, `prompts/get` or `resources/read`.
    #[serde(rename = "m")]
    pub(super) method: String,
    /// The server's name.
    #[serde(rename = "s")]
    pub(super) server: String,
    /// The name or URI, as the server knows it.
    #[serde(rename = "t")]
    pub(super) target: String,
    /// Of the other parameters.
    #[serde(rename = "d")]
    pub(super) digest: String,
}

impl Subject {
    /// The digest of [`protocol::era::from_modern::Said::substance`].
    pub(super) fn digest(substance: &str) -> String {
        BASE64.encode(Sha256::digest(substance))
    }

    /// The server, as this caller sees it.
    pub(super) fn at(&self) -> At<'_> {
        (&self.server, self.principal.as_ref())
    }
}

/// What a state says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    #[serde(flatten)]
    pub(super) subject: Subject,
    #[serde(rename = "w")]
    pub(super) awaited: Awaited,
    /// How often the client was asked before.
    #[serde(rename = "n")]
    pub(super) round: u32,
    /// In seconds since 1970.
    #[serde(rename = "e")]
    pub(super) expires: u64,
}

/// What the client's answers are for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Awaited {
    /// A call that waits in this replica of the gateway.
    #[serde(rename = "c")]
    Call {
        replica: u128,
        handle: u128,
        /// Where other replicas reach that one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        home: Option<SocketAddr>,
    },
    /// A new attempt, after the user has been to these pages.
    #[serde(rename = "p")]
    Pages {
        /// Under which its session is kept, if this is the replica that keeps it.
        handle: u128,
        /// Elicitation and address, in the order of their keys `1`, `2`, …
        pages: Vec<(String, String)>,
    },
}

/// What makes states and opens them.
pub(super) struct States {
    seal: Seal,
    /// Which process this is.
    replica: u128,
    /// Where other replicas reach it.
    home: Option<SocketAddr>,
}

impl States {
    /// With the key of the environment, see [`Seal::from_environment`].
    pub(super) fn from_environment(home: Option<SocketAddr>) -> Self {
        Self { seal: Seal::from_environment("request state"), replica: handle(), home }
    }

    /// What the answers are for that a call of this process waits for.
    pub(super) fn awaited(&self, handle: u128) -> Awaited {
        Awaited::Call { replica: self.replica, handle, home: self.home }
    }

    /// The replica that a client's `requestState` (raw JSON) leads to, if it is another one.
    pub(super) fn elsewhere(&self, raw: &str) -> Option<SocketAddr> {
        let text = serde_json::from_str::<String>(raw).ok().filter(|text| text.len() <= LONGEST)?;
        match self.seal.open::<State>(&text)?.awaited {
            Awaited::Call { replica, home, .. } if replica != self.replica => home,
            _ => None,
        }
    }

    /// A state that holds for `lifetime`.
    pub(super) fn seal(&self, subject: &Subject, awaited: Awaited, round: u32, lifetime: Duration) -> String {
        let expires = now().saturating_add(lifetime.as_secs());
        self.seal.seal(&State { subject: subject.clone(), awaited, round, expires })
    }

    /// What a client's `requestState` (raw JSON) says, if it is one for this call.
    pub(super) fn open(&self, raw: &str, subject: &Subject) -> Result<State, Refusal> {
        let wrong = |why: &'static str| Err(refuse(why));
        let Some(text) = serde_json::from_str::<String>(raw).ok().filter(|text| text.len() <= LONGEST) else {
            return wrong("params.requestState has to be the string that the gateway gave.");
        };
        let Some(state) = self.seal.open::<State>(&text) else {
            return wrong(
                "params.requestState was changed, or comes from another or a restarted gateway: start again without it.",
            );
        };
        if state.subject.principal != subject.principal {
            return wrong("params.requestState belongs to another caller: start again without it.");
        }
        if state.subject != *subject {
            return wrong("params.requestState belongs to another request: send the same parameters as before.");
        }
        if state.expires <= now() {
            return wrong("params.requestState has expired: start again without it.");
        }
        match state.awaited {
            Awaited::Call { replica, .. } if replica != self.replica => wrong(
                "The call waits in another replica of the gateway, or was lost when this one was restarted: start again \
                 without params.requestState.",
            ),
            _ => Ok(state),
        }
    }
}

/// -32602: a state that does not hold.
pub(super) fn refuse(why: impl Into<std::borrow::Cow<'static, str>>) -> Refusal {
    Refusal::answer(Era::Modern, code::INVALID_PARAMS, why)
}

/// A name that nobody can guess.
pub(super) fn handle() -> u128 {
    u128::from_ne_bytes(random())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject() -> Subject {
        Subject {
            principal: None,
            method: "tools/call".into(),
            server: "s".into(),
            target: "t".into(),
            digest: Subject::digest("{}"),
        }
    }

    fn states(secret: &str) -> States {
        States { seal: Seal::derive("request state", secret), replica: handle(), home: None }
    }

    fn raw(state: &str) -> String {
        format!("\"{state}\"")
    }

    #[test]
    fn a_state_holds_for_its_call_its_replica_and_its_time() {
        let states_here = states("a");
        let awaited = states_here.awaited(7);
        let minute = Duration::from_secs(60);
        let state = raw(&states_here.seal(&subject(), awaited.clone(), 1, minute));
        assert_eq!(states_here.open(&state, &subject()).unwrap().awaited, awaited);
        let why = |outcome: Result<State, Refusal>| {
            let refusal = outcome.unwrap_err();
            assert_eq!((refusal.code, refusal.status), (code::INVALID_PARAMS, 200));
            refusal.message.into_owned()
        };
        let mut eve = protocol::caller::Shown::default();
        eve.add("x-api-key", b"eve").unwrap();
        let eve = Subject { principal: eve.principal(b"key"), ..subject() };
        assert!(why(states_here.open(&state, &eve)).contains("another caller"));
        for other in [
            Subject { method: "prompts/get".into(), ..subject() },
            Subject { server: "x".into(), ..subject() },
            Subject { target: "x".into(), ..subject() },
            Subject { digest: Subject::digest("{\"a\":1}"), ..subject() },
        ] {
            assert!(why(states_here.open(&state, &other)).contains("another request"));
        }
        assert!(why(states("a").open(&state, &subject())).contains("another replica"));
        assert!(why(states("b").open(&state, &subject())).contains("was changed"));
        assert!(why(states_here.open(&raw("junk"), &subject())).contains("was changed"));
        assert!(why(states_here.open("5", &subject())).contains("has to be the string"));
        let old = raw(&states_here.seal(&subject(), awaited, 1, Duration::ZERO));
        assert!(why(states_here.open(&old, &subject())).contains("expired"));
    }

    #[test]
    fn what_no_call_waits_for_holds_in_every_replica() {
        let pages = Awaited::Pages { handle: 1, pages: vec![("e".into(), "https://x".into())] };
        let state = raw(&states("a").seal(&subject(), pages.clone(), 1, Duration::from_secs(60)));
        assert_eq!(states("a").open(&state, &subject()).unwrap().awaited, pages);
    }
}
