//! Pages that users are done with.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use tokio::sync::Notify;

/// Visits that are remembered; the oldest are forgotten first.
const KEPT: usize = 4096;

/// What servers told by `notifications/elicitation/complete` (2025-11-25).
#[derive(Debug, Default)]
pub(super) struct Visits {
    /// Server and elicitation.
    done: Mutex<VecDeque<(String, String)>>,
    more: Notify,
}

impl Visits {
    /// Notes that the user is done with a page.
    pub(super) fn note(&self, server: &str, elicitation: &str) {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        if done.len() >= KEPT {
            done.pop_front();
        }
        done.push_back((server.to_owned(), elicitation.to_owned()));
        drop(done);
        self.more.notify_waiters();
    }

    /// Waits until the user is done with all of these pages.
    pub(super) async fn all(&self, server: &str, elicitations: &[String]) {
        loop {
            let more = self.more.notified();
            let mut more = std::pin::pin!(more);
            more.as_mut().enable();
            let known = |id: &String| {
                let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
                done.iter().any(|(at, done)| at == server && done == id)
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

    #[tokio::test]
    async fn who_waits_goes_on_when_all_is_done() {
        let visits = std::sync::Arc::new(Visits::default());
        visits.note("s", "a");
        let both = ["a".to_owned(), "b".to_owned()];
        let waiting = tokio::spawn({
            let (visits, both) = (visits.clone(), both.clone());
            async move { visits.all("s", &both).await }
        });
        visits.note("other", "b");
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        visits.note("s", "b");
        waiting.await.unwrap();
        visits.all("s", &both).await;
    }
}
