//! What the store is asked, in its own words.

use super::kept::{Field, Raw};
use crate::session::id::Handle;
use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands as _, RedisResult, Script, cmd, pipe};
use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::Duration;

/// Keeps ARGV[3] in field ARGV[1] for ARGV[4] seconds, if the session has not ended and nothing but ARGV[2] is there. Gives what is
/// there then, or nothing if it has ended.
static CLAIM: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        if redis.call('EXISTS', KEYS[2]) == 1 then return false end
        local there = redis.call('HGET', KEYS[1], ARGV[1])
        if there and there ~= ARGV[2] then return there end
        redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
        redis.call('EXPIRE', KEYS[1], ARGV[4])
        return ARGV[3]
        ",
    )
});

/// What keys are called.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    prefix: String,
}

impl Keys {
    pub(super) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    /// The hash with what is kept of a session.
    fn session(&self, handle: Handle) -> String {
        format!("{}session:{handle}", self.prefix)
    }

    /// Whether a session has ended.
    fn ended(&self, handle: Handle) -> String {
        format!("{}ended:{handle}", self.prefix)
    }

    /// The channel of sessions that end.
    pub(super) fn channel(&self) -> String {
        format!("{}ended", self.prefix)
    }

    /// What is written to find out whether writing is possible.
    fn probe(&self) -> String {
        format!("{}probe", self.prefix)
    }
}

/// What became of a claim.
pub(super) enum Claimed {
    Kept,
    Taken(Raw),
    Ended,
}

/// The entries of a session, by name.
type Entries = HashMap<String, String>;

/// Finds out whether the store takes what is written, and scripts.
pub(super) async fn probe(c: &mut MultiplexedConnection, keys: &Keys) -> RedisResult<()> {
    let () = c.set_ex(keys.probe(), 1, 60).await?;
    let () = CLAIM.prepare_invoke().load_async(c).await.map(drop)?;
    Ok(())
}

pub(super) async fn ping(c: &mut MultiplexedConnection) -> RedisResult<()> {
    cmd("PING").query_async(c).await
}

pub(super) async fn load(
    c: &mut MultiplexedConnection,
    keys: &Keys,
    handle: Handle,
) -> RedisResult<(bool, Vec<(String, Raw)>)> {
    let (has_ended, entries): (bool, Entries) =
        pipe().exists(keys.ended(handle)).hgetall(keys.session(handle)).query_async(c).await?;
    Ok((has_ended, entries.into_iter().map(|(name, raw)| (name, Raw(raw))).collect()))
}

pub(super) async fn read(
    c: &mut MultiplexedConnection,
    keys: &Keys,
    handle: Handle,
    field: &Field,
) -> RedisResult<Option<Raw>> {
    let raw: Option<String> = c.hget(keys.session(handle), field.name()).await?;
    Ok(raw.map(Raw))
}

pub(super) async fn claim(
    c: &mut MultiplexedConnection,
    keys: &Keys,
    (handle, field): (Handle, &Field),
    instead: Option<&Raw>,
    raw: &Raw,
    lease: Duration,
) -> RedisResult<Claimed> {
    let there: Option<String> = CLAIM
        .key(keys.session(handle))
        .key(keys.ended(handle))
        .arg(field.name())
        .arg(instead.map_or("", |instead| instead.0.as_str()))
        .arg(&raw.0)
        .arg(lease.as_secs())
        .invoke_async(c)
        .await?;
    Ok(match there {
        None => Claimed::Ended,
        Some(there) if there == raw.0 => Claimed::Kept,
        Some(theirs) => Claimed::Taken(Raw(theirs)),
    })
}

pub(super) async fn keep(
    c: &mut MultiplexedConnection,
    keys: &Keys,
    (handle, field): (Handle, &Field),
    raw: &Raw,
    lease: Duration,
) -> RedisResult<()> {
    let key = keys.session(handle);
    pipe().hset(&key, field.name(), &raw.0).ignore().expire(&key, seconds(lease)).ignore().query_async(c).await
}

pub(super) async fn end(
    c: &mut MultiplexedConnection,
    keys: &Keys,
    handle: Handle,
    lifetime: Duration,
) -> RedisResult<Vec<(String, Raw)>> {
    let session = keys.session(handle);
    let (entries,): (Entries,) = pipe()
        .atomic()
        .hgetall(&session)
        .del(&session)
        .ignore()
        .set_ex(keys.ended(handle), 1, lifetime.as_secs().max(1))
        .ignore()
        .publish(keys.channel(), handle.to_string())
        .ignore()
        .query_async(c)
        .await?;
    Ok(entries.into_iter().map(|(name, raw)| (name, Raw(raw))).collect())
}

pub(super) async fn ended(c: &mut MultiplexedConnection, keys: &Keys, handles: &[Handle]) -> RedisResult<Vec<bool>> {
    let mut all = pipe();
    for handle in handles {
        all.exists(keys.ended(*handle));
    }
    all.query_async(c).await
}

pub(super) async fn renew(
    c: &mut MultiplexedConnection,
    keys: &Keys,
    handles: &[Handle],
    lease: Duration,
) -> RedisResult<Vec<bool>> {
    let mut all = pipe();
    for handle in handles {
        all.expire(keys.session(*handle), seconds(lease));
    }
    all.query_async(c).await
}

pub(super) async fn remaining(
    c: &mut MultiplexedConnection,
    keys: &Keys,
    handles: &[Handle],
) -> RedisResult<Vec<Duration>> {
    let mut all = pipe();
    for handle in handles {
        all.ttl(keys.session(*handle));
    }
    let all: Vec<i64> = all.query_async(c).await?;
    Ok(all.into_iter().map(|left| Duration::from_secs(u64::try_from(left).unwrap_or_default())).collect())
}

fn seconds(lease: Duration) -> i64 {
    i64::try_from(lease.as_secs()).unwrap_or(i64::MAX)
}
