//! Calls that wait for their client to come back with answers.

use super::round::Round;
use super::state::refuse;
use protocol::era::Asked;
use protocol::era::from_modern::answers;
use protocol::error::Refusal;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// All of them, by the handles in their states. Each is here for one retry only.
#[derive(Default)]
pub(super) struct HeldCalls(Mutex<HashMap<u128, Held>>);

struct Held {
    asked: Vec<(String, Asked)>,
    retry: oneshot::Sender<Round>,
}

impl HeldCalls {
    /// How many calls wait.
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    /// Waits for the answers to what was asked, by key.
    pub(super) fn wait(&self, handle: u128, asked: Vec<(String, Asked)>) -> oneshot::Receiver<Round> {
        let (retry, retried) = oneshot::channel();
        self.lock().insert(handle, Held { asked, retry });
        retried
    }

    /// Waits no longer; `false` if the client has come back already.
    pub(super) fn stop(&self, handle: u128) -> bool {
        self.lock().remove(&handle).is_some()
    }

    /// Brings answers (`inputResponses`, raw JSON) to a call. Of two retries the first wins, and one that cannot be read
    /// leaves the call waiting.
    pub(super) fn retry(&self, handle: u128, responses: Option<&str>, mut round: Round) -> Result<(), Refusal> {
        let gone = || {
            refuse(
                "The call has been continued with this params.requestState already, or is over: start again without it.",
            )
        };
        let mut held = self.lock();
        let asked = held.get(&handle).ok_or_else(gone)?.asked.iter().map(|(key, asked)| (key.as_str(), *asked));
        round.answers = answers(responses, asked).map_err(refuse)?;
        let held = held.remove(&handle).ok_or_else(gone)?;
        held.retry.send(round).map_err(|_| gone())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u128, Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
