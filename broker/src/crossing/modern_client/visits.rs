//! Pages that users are done with.

use protocol::caller::Principal;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use tokio::sync::Notify;

/// Visits that are remembered; the oldest are forgotten first.
const KEPT: usize = 4096;

/// A server's name, and whose it is if it tells callers apart: ids mean something only there.
pub(super) type At<'a> = (&'a str, Option<&'a Principal>);

/// What servers told by `notifications/elicitation/complete` (2025-11-25).
#[derive(Debug, Default)]
pub(super) struct Visits {
    done: Mutex<VecDeque<Done>>,
    more: Notify,
}

/// One page.
#[derive(Debug)]
struct Done {
    server: String,
    principal: Option<Principal>,
    elicitation: String,
}

impl Visits {
    /// Notes that the user is done with a page.
    pub(super) fn note(&self, (server, principal): At<'_>, elicitation: &str) {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        if done.len() >= KEPT {
            done.pop_front();
        }
        let (server, elicitation) = (server.to_owned(), elicitation.to_owned());
        done.push_back(Done { server, principal: principal.cloned(), elicitation });
        drop(done);
        self.more.notify_waiters();
    }

    /// Waits until the user is done with all of these pages.
    pub(super) async fn all(&self, (server, principal): At<'_>, elicitations: &[String]) {
        loop {
            let more = self.more.notified();
            let mut more = std::pin::pin!(more);
            more.as_mut().enable();
            let known = |id: &String| {
                let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
                let is_same = |done: &Done| {
                    done.server == server && done.principal.as_ref() == principal && done.elicitation == *id
                };
                done.iter().any(is_same)
            };
            if elicitations.iter().all(known) {
                return;
            }
            more.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[tokio::test]
    async fn who_waits_goes_on_when_all_is_done() {
        let visits = Arc::new(Visits::default());
        let mut shown = protocol::caller::Shown::default();
        shown.add("x-api-key", b"eve").unwrap();
        let eve = shown.principal(b"key");
        visits.note(("s", None), "a");
        let both = ["a".to_owned(), "b".to_owned()];
        let waiting = tokio::spawn({
            let (visits, both) = (visits.clone(), both.clone());
            async move { visits.all(("s", None), &both).await }
        });
        visits.note(("other", None), "b");
        visits.note(("s", eve.as_ref()), "b");
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        visits.note(("s", None), "b");
        waiting.await.unwrap();
        visits.all(("s", None), &both).await;
        visits.all(("s", eve.as_ref()), &both[1..]).await;
    }
}
