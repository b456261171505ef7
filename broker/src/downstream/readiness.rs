//! When a broker is given clients.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// How long clients wait for a broker that has not asked everybody: a server that says nothing must not keep all others from them.
const PATIENCE: Duration = Duration::from_secs(20);

/// Whether a broker is ready. Once it is, it stays so: servers that come later are none of the clients' that it already has.
pub(crate) struct Readiness {
    since: Instant,
    reached: AtomicBool,
}

impl Default for Readiness {
    fn default() -> Self {
        Self { since: Instant::now(), reached: AtomicBool::new(false) }
    }
}

impl Readiness {
    /// Whether it is ready. `waits`: there is something that has not been asked yet.
    pub(super) fn reached(&self, waits: bool) -> bool {
        if !waits || self.since.elapsed() >= PATIENCE {
            self.reached.store(true, Ordering::Relaxed);
        }
        self.reached.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn nobody_is_waited_for_without_end_and_what_is_ready_stays_so() {
        let slow = Readiness::default();
        assert!(!slow.reached(true));
        tokio::time::advance(PATIENCE).await;
        assert!(slow.reached(true));
        let quick = Readiness::default();
        assert!(quick.reached(false));
        assert!(quick.reached(true));
    }
}
