//! Until when nothing of a server has to be asked for again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Told by the server's supervisor, read by every list of a client. Clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Fresh {
    begun: Instant,
    /// Milliseconds after `begun`; 0 while something is known to be outdated.
    until: Arc<AtomicU64>,
}

impl Fresh {
    /// Nothing is known yet.
    pub(super) fn unknown() -> Self {
        Self { begun: Instant::now(), until: Arc::default() }
    }

    /// All lists are as the server has them, and need not be asked for again until then.
    pub(super) fn set(&self, until: Instant) {
        let until = until.saturating_duration_since(self.begun).as_millis();
        self.until.store(u64::try_from(until).unwrap_or(u64::MAX), Ordering::Release);
    }

    /// Something is outdated.
    pub(super) fn clear(&self) {
        self.until.store(0, Ordering::Release);
    }

    /// Whether no list has to be asked for again by now.
    pub(super) fn is(&self) -> bool {
        self.begun.elapsed() < Duration::from_millis(self.until.load(Ordering::Acquire))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_fresh_until_then() {
        let fresh = Fresh::unknown();
        assert!(!fresh.is());
        fresh.set(Instant::now() + Duration::from_secs(60));
        assert!(fresh.clone().is());
        fresh.set(Instant::now());
        assert!(!fresh.is());
        fresh.set(Instant::now() + Duration::from_secs(60));
        fresh.clear();
        assert!(!fresh.is());
    }
}
