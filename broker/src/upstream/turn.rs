//! Many servers are not spoken to all at once.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Servers that are connected to at once, or asked for the lists of certain clients.
pub(super) const AT_ONCE: usize = 64;

/// After this long others may begin too: a server that does not answer holds nobody up.
const TURN: Duration = Duration::from_secs(2);

/// Does something when its turn has come.
pub(super) async fn in_turn<T>(turns: Arc<Semaphore>, what: impl Future<Output = T>) -> T {
    // It is never closed.
    let turn = turns.acquire_owned().await.ok();
    let mut what = pin!(what);
    if let Ok(done) = tokio::time::timeout(TURN, &mut what).await {
        return done;
    }
    drop(turn);
    what.await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test(start_paused = true)]
    async fn so_many_at_once_and_the_slow_give_way() {
        let turns = Arc::new(Semaphore::new(2));
        let running = Arc::new(AtomicUsize::new(0));
        for _ in 0..2 {
            tokio::spawn(in_turn(Arc::clone(&turns), pending::<()>()));
        }
        tokio::task::yield_now().await;
        for _ in 0..5 {
            let running = Arc::clone(&running);
            tokio::spawn(in_turn(Arc::clone(&turns), async move {
                running.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(TURN / 2).await;
                assert!(running.fetch_sub(1, Ordering::Relaxed) <= 2);
            }));
        }
        tokio::time::sleep(TURN / 2).await;
        assert_eq!(running.load(Ordering::Relaxed), 0);
        tokio::time::sleep(TURN).await;
        assert_eq!(running.load(Ordering::Relaxed), 2);
    }
}
