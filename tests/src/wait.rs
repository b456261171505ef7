//! Waiting for what happens elsewhere.

use std::time::Duration;

/// How long anything may take before a test fails. Long, since the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How often a condition is looked at.
const PERIOD: Duration = Duration::from_millis(10);

/// Waits until `ready` gives a value. `what` completes "waited in vain until …".
///
/// # Panics
///
/// After [`PATIENCE`].
pub async fn until<T>(what: &str, mut ready: impl AsyncFnMut() -> Option<T>) -> T {
    let waiting = async {
        loop {
            if let Some(value) = ready().await {
                return value;
            }
            tokio::time::sleep(PERIOD).await;
        }
    };
    match tokio::time::timeout(PATIENCE, waiting).await {
        Ok(value) => value,
        Err(_) => panic!("waited in vain until {what}"),
    }
}

/// The outcome of `work`, that has to come within [`PATIENCE`].
///
/// # Panics
///
/// When it does not.
pub async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(value) => value,
        Err(_) => panic!("{what} took longer than {PATIENCE:?}"),
    }
}
