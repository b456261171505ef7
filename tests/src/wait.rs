//! Waiting for what happens elsewhere.

use std::time::Duration;

/// How long anything may take before a test fails. Long, since the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How often a condition is looked at.
const PERIOD: Duration = Duration::from_millis(10);

/// Waits until `look` finds something. `what` completes "waited in vain until …".
///
/// # Panics
///
/// After [`PATIENCE`].
pub async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let waiting = async {
        loop {
            if let Some(found) = look() {
                return found;
            }
            tokio::time::sleep(PERIOD).await;
        }
    };
    in_time(waiting, || panic!("waited in vain until {what}")).await
}

/// Waits until somebody who is asked has an answer. `what` completes "waited in vain until …".
///
/// # Panics
///
/// After [`PATIENCE`].
pub async fn until_told<T>(what: &str, ask: impl AsyncFnMut() -> Option<T>) -> T {
    until_told_within(PATIENCE, what, ask).await
}

/// The same, for what takes longer.
///
/// # Panics
///
/// After `patience`.
pub async fn until_told_within<T>(patience: Duration, what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let waiting = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(PERIOD).await;
        }
    };
    tokio::time::timeout(patience, waiting).await.unwrap_or_else(|_| panic!("waited in vain until {what}"))
}

/// The outcome of `work`, that has to come within [`PATIENCE`].
///
/// # Panics
///
/// When it does not.
pub async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    in_time(work, || panic!("{what} took longer than {PATIENCE:?}")).await
}

async fn in_time<T>(work: impl Future<Output = T>, late: impl FnOnce() -> T) -> T {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| late())
}
