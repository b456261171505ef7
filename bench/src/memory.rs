//! Growth of Envoy's resident memory while large bodies pass.

use crate::call::{Call, FIRST_ID, TOOL, head};
use crate::client::Connection;
use crate::process::{Process, Resident};
use crate::rig::{FAST_PREFIX, Rig, SLOW_PREFIX};
use crate::{Failure, session};
use futures::future::try_join_all;
use std::time::Duration;

/// Uploads at once.
pub(crate) const UPLOADS: usize = 16;
/// Bytes of each.
pub(crate) const UPLOAD_BYTES: usize = 20 << 20;
/// Bytes of the call to a slow reader.
pub(crate) const SLOW_BYTES: usize = 100 << 20;
/// Small calls before, so that what Envoy sets up once is there.
const WARM_UP_CALLS: u64 = 200;
const WARM_UP_BYTES: usize = 300;
const SAMPLE: Duration = Duration::from_millis(2);
/// How long the uploads may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Resident memory of Envoy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Growth {
    pub(crate) before: Resident,
    /// The most that was seen during the work, in bytes.
    pub(crate) peak: u64,
    pub(crate) after: Resident,
}

impl Growth {
    /// From just before the work to the peak, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.peak.saturating_sub(self.before.now)
    }
}

/// Many large calls at once, to a server that reads as fast as it can.
pub(crate) async fn uploads(rig: &Rig) -> Result<Growth, Failure> {
    large_calls(rig, FAST_PREFIX, UPLOADS, UPLOAD_BYTES).await
}

/// One huge call to a server that reads slowly.
pub(crate) async fn slow_call(rig: &Rig) -> Result<Growth, Failure> {
    large_calls(rig, SLOW_PREFIX, 1, SLOW_BYTES).await
}

async fn large_calls(rig: &Rig, prefix: &str, count: usize, size: usize) -> Result<Growth, Failure> {
    let tool = format!("{prefix}{TOOL}");
    let mut prepared = Vec::new();
    for _ in 0..count {
        let session = session::open(rig.filter).await?;
        let mut connection = Connection::open(rig.filter).await?;
        warm_up(rig, &mut connection, &session, &tool).await?;
        prepared.push((connection, head(rig.filter, Some(&session), size)));
    }
    let call = Call::new(&tool, size);
    let work = try_join_all(
        prepared.iter_mut().map(|(connection, head)| session::call(connection, head, call.bytes(), FIRST_ID)),
    );
    watch(&rig.envoy.process()?, work).await
}

async fn warm_up(rig: &Rig, connection: &mut Connection, session: &str, tool: &str) -> Result<(), Failure> {
    let mut call = Call::new(tool, WARM_UP_BYTES);
    let head = head(rig.filter, Some(session), WARM_UP_BYTES);
    for id in FIRST_ID..FIRST_ID + WARM_UP_CALLS {
        call.set_id(id);
        session::call(connection, &head, call.bytes(), id).await.map_err(|error| format!("error: {error}"))?;
    }
    Ok(())
}

/// Looks at `process` while `work` is done.
async fn watch<T>(process: &Process, work: impl Future<Output = Result<T, String>>) -> Result<Growth, Failure> {
    let before = process.resident()?;
    let mut peak = before.now;
    let work = tokio::time::timeout(PATIENCE, work);
    tokio::pin!(work);
    let mut samples = tokio::time::interval(SAMPLE);
    loop {
        tokio::select! {
            done = &mut work => {
                done.map_err(|_| format!("error: the calls took more than {} s", PATIENCE.as_secs()))?
                    .map_err(|error| format!("error: {error}"))?;
                break;
            }
            _ = samples.tick() => peak = peak.max(process.resident()?.now),
        }
    }
    let after = process.resident()?;
    // The kernel's own mark misses nothing, where it has moved.
    if after.most > before.most {
        peak = peak.max(after.most);
    }
    Ok(Growth { before, peak: peak.max(after.now), after })
}
