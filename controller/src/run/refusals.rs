//! What the API server refuses, and when it is sent again: later each time, unless it becomes another.

use super::apply::Key;
use crate::source::kubernetes::Verdict;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

/// The first pause. Each is twice as long as the one before.
const FIRST: Duration = Duration::from_secs(1);
/// What stands against an object may go without a word: a quota, a policy of the namespace.
const LONGEST: Duration = Duration::from_secs(60);

struct Refusal {
    /// Of what was sent.
    hash: String,
    /// What is to be said of it meanwhile.
    verdict: Verdict,
    pause: Duration,
    until: Instant,
}

/// The objects that are refused.
#[derive(Default)]
pub(super) struct Refusals(HashMap<Key, Refusal>);

impl Refusals {
    /// What was said of this object, if it is too early to send it again.
    pub(super) fn standing(&self, key: &Key, hash: &str) -> Option<&Verdict> {
        let refusal = self.0.get(key).filter(|refusal| refusal.hash == hash && refusal.until > Instant::now())?;
        Some(&refusal.verdict)
    }

    /// It was refused, or could not even be sent: then it is not its own fault, and is tried again soon.
    pub(super) fn add(&mut self, key: Key, hash: &str, error: &kube::Error, verdict: Verdict) {
        let before = self.0.get(&key).filter(|before| before.hash == hash);
        let pause = match (error, before) {
            (kube::Error::Api(_), Some(before)) => (before.pause * 2).min(LONGEST),
            _ => FIRST,
        };
        let until = Instant::now() + pause;
        self.0.insert(key, Refusal { hash: hash.to_owned(), verdict, pause, until });
    }

    /// It was taken.
    pub(super) fn remove(&mut self, key: &Key) {
        self.0.remove(key);
    }

    /// Forgets what nobody wants any more.
    pub(super) fn keep(&mut self, wanted: &[Key]) {
        self.0.retain(|key, _| wanted.contains(key));
    }

    /// When the first of them is to be sent again.
    pub(super) fn next(&self) -> Option<Instant> {
        self.0.values().map(|refusal| refusal.until).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ObjectName;
    use crate::source::kubernetes::{Kind, reason};
    use kube::core::Status;

    fn refused() -> kube::Error {
        kube::Error::Api(Box::new(Status { code: 422, ..Status::default() }))
    }

    fn told() -> Verdict {
        Verdict::no(reason::APPLY_FAILED, "why")
    }

    #[test]
    fn a_refusal_stands_for_what_was_sent_and_for_nothing_else() {
        let object = |name: &str| (Kind::Deployment, ObjectName { namespace: "ns".to_owned(), name: name.to_owned() });
        let mut refusals = Refusals::default();
        refusals.add(object("a"), "one", &refused(), told());
        assert_eq!(refusals.standing(&object("a"), "one"), Some(&told()));
        assert_eq!(refusals.standing(&object("a"), "two"), None);
        assert_eq!(refusals.standing(&object("b"), "one"), None);
        refusals.keep(&[object("b")]);
        assert_eq!((refusals.standing(&object("a"), "one"), refusals.next()), (None, None));
    }

    #[test]
    fn pauses_double_up_to_a_minute_and_an_api_server_that_is_away_is_asked_soon() {
        let object = (Kind::Deployment, ObjectName { namespace: "ns".to_owned(), name: "a".to_owned() });
        let mut refusals = Refusals::default();
        let mut pause = |error: &kube::Error| {
            refusals.add(object.clone(), "one", error, told());
            refusals.0[&object].pause.as_secs()
        };
        let pauses: Vec<_> = (0..8).map(|_| pause(&refused())).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(pause(&kube::Error::TlsRequired), 1);
    }
}
