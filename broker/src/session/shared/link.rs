//! The connection to the store: made, watched, and made again.

use super::commands::{self, Keys};
use super::{News, fault};
use crate::session::id::Handle;
use backon::{BackoffBuilder as _, ExponentialBuilder};
use protocol::config::{Gateway, Redis, SessionStore};
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, IntoConnectionInfo as _, Msg, ProtocolVersion, PushInfo, PushKind, RedisError,
    TlsCertificates,
};
use serde::Serialize;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, Interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// How long a connection may take to be made, until it can be used.
const CONNECT: Duration = Duration::from_secs(2);
/// How often a connection that nobody uses is tried.
const PING: Duration = Duration::from_secs(5);
/// How long an answer to that may take.
const PING_PATIENCE: Duration = Duration::from_secs(2);
/// When a store that is away is tried again: first, and at the latest.
const SOON: Duration = Duration::from_millis(100);
const LATER: Duration = Duration::from_secs(5);

/// Messages that may wait to be read.
const PUSHES: usize = 4096;

/// How the store is.
#[derive(Debug, Clone)]
pub(super) enum Link {
    /// There is none.
    Off,
    /// It is being connected to for the first time.
    Connecting { url: String },
    /// It can be used.
    Up(Up),
    /// It cannot be used.
    Down { url: String, why: String, since: SystemTime },
}

/// A connection that can be used.
#[derive(Clone)]
pub(super) struct Up {
    pub(super) connection: MultiplexedConnection,
    pub(super) keys: Keys,
    url: String,
    failed: watch::Sender<Option<String>>,
}

impl std::fmt::Debug for Up {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Up").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Up {
    /// Whether it still can, as far as anybody knows.
    pub(super) fn is_good(&self) -> bool {
        self.failed.borrow().is_none()
    }

    /// Something that was asked did not work: the connection is given up, and nobody waits for it any more.
    pub(super) fn failed(&self, why: String) {
        self.failed.send_if_modified(|failed| {
            failed.is_none() && {
                *failed = Some(why);
                true
            }
        });
    }
}

/// How the store is, as `/status` tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoreStatus {
    /// Which kind it is.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Where it is, without credentials.
    pub url: String,
    /// `connecting`, `up` or `down`.
    pub state: &'static str,
    /// Why it cannot be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Since when it cannot be used, in RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
}

impl Link {
    pub(super) fn is_connecting(&self) -> bool {
        matches!(self, Self::Connecting { .. })
    }

    pub(super) fn status(&self) -> Option<StoreStatus> {
        let (url, state, down) = match self {
            Self::Off => return None,
            Self::Connecting { url } => (url, "connecting", None),
            Self::Up(up) => (&up.url, "up", None),
            Self::Down { url, why, since } => (url, "down", Some((why, since))),
        };
        Some(StoreStatus {
            kind: "redis",
            url: url.clone(),
            state,
            error: down.map(|(why, _)| why.clone()),
            since: down.map(|(_, since)| humantime::format_rfc3339_seconds(*since).to_string()),
        })
    }
}

/// Follows the configuration until `ending`.
pub(super) fn start(
    gateway: watch::Receiver<Arc<Gateway>>,
    news: mpsc::Sender<News>,
    ending: CancellationToken,
) -> watch::Receiver<Link> {
    let first = match &gateway.borrow().session_store {
        SessionStore::Memory => Link::Off,
        SessionStore::Redis(redis) => Link::Connecting { url: redis.url.clone() },
    };
    let (link, seen) = watch::channel(first);
    tokio::spawn(async move { ending.run_until_cancelled(follow(gateway, link, news)).await });
    seen
}

async fn follow(mut gateway: watch::Receiver<Arc<Gateway>>, link: watch::Sender<Link>, news: mpsc::Sender<News>) {
    loop {
        let store = gateway.borrow_and_update().session_store.clone();
        let changed = async {
            // Whoever configured the broker is gone: nothing changes any more.
            if gateway.wait_for(|gateway| gateway.session_store != store).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        match &store {
            SessionStore::Memory => {
                link.send_replace(Link::Off);
                changed.await;
            }
            SessionStore::Redis(redis) => {
                if !link.borrow().is_connecting() {
                    link.send_replace(Link::Connecting { url: redis.url.clone() });
                }
                tokio::select! {
                    () = stay_connected(redis, &link, &news) => {}
                    () = changed => tracing::info!("the session store is another one now"),
                }
            }
        }
    }
}

/// Connects, over and over.
async fn stay_connected(redis: &Redis, link: &watch::Sender<Link>, news: &mpsc::Sender<News>) {
    let patient = || {
        ExponentialBuilder::default()
            .with_jitter()
            .with_min_delay(SOON)
            .with_max_delay(LATER)
            .without_max_times()
            .build()
    };
    let mut pauses = patient();
    loop {
        let (pushed, mut pushes) = mpsc::channel(PUSHES);
        let (failed, failure) = watch::channel(None);
        let connected = timeout(CONNECT, connect(redis, pushed, failed.clone())).await;
        let why = match connected {
            Ok(Ok((connection, keys))) => {
                tracing::info!(url = redis.url, "the session store can be used");
                let up = Up { connection: connection.clone(), keys, url: redis.url.clone(), failed };
                link.send_replace(Link::Up(up));
                let begun = Instant::now();
                let why = used(connection, failure, &mut pushes, news).await;
                if begun.elapsed() > LATER {
                    pauses = patient();
                }
                why
            }
            Ok(Err(error)) => fault::why(&error),
            Err(_) => fault::no_answer(CONNECT),
        };
        let was_down = matches!(&*link.borrow(), Link::Down { why: before, .. } if *before == why);
        if !was_down {
            tracing::warn!(
                url = redis.url,
                "the session store cannot be used: {why}. Sessions are in this broker's memory alone"
            );
        }
        link.send_modify(|link| {
            let since = match link {
                Link::Down { since, .. } => *since,
                _ => SystemTime::now(),
            };
            *link = Link::Down { url: redis.url.clone(), why, since };
        });
        sleep(pauses.next().unwrap_or(LATER)).await;
    }
}

/// A connection that works, and hears of sessions that end.
async fn connect(
    redis: &Redis,
    pushed: mpsc::Sender<PushInfo>,
    failed: watch::Sender<Option<String>>,
) -> Result<(MultiplexedConnection, Keys), RedisError> {
    let push = move |info| {
        pushed.try_send(info).inspect_err(|_| {
            // What was missed is asked for when it is connected to again.
            failed.send_replace(Some("it tells more than can be taken in".to_owned()));
        })
    };
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT))
        .set_response_timeout(None)
        .set_push_sender(push);
    let mut connection = client(redis)?.get_multiplexed_async_connection_with_config(&config).await?;
    let keys = Keys::new(&redis.key_prefix);
    connection.subscribe(keys.channel()).await?;
    commands::probe(&mut connection, &keys).await?;
    Ok((connection, keys))
}

fn client(redis: &Redis) -> Result<Client, RedisError> {
    // The first one stays: there is one in the program already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let info = redis.url.as_str().into_connection_info()?;
    let mut settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    if let Some(username) = &redis.username {
        settings = settings.set_username(username);
    }
    if let Some(password) = &redis.password {
        settings = settings.set_password(password);
    }
    let info = info.set_redis_settings(settings);
    match &redis.ca {
        Some(ca) => {
            let root_cert = Some(ca.clone().into_bytes());
            Client::build_with_tls(info, TlsCertificates { client_tls: None, root_cert })
        }
        None => Client::open(info),
    }
}

/// Passes on what comes, until the connection turns out to be broken: why.
async fn used(
    mut connection: MultiplexedConnection,
    mut failure: watch::Receiver<Option<String>>,
    pushes: &mut mpsc::Receiver<PushInfo>,
    news: &mpsc::Sender<News>,
) -> String {
    // The broker is ending if nobody hears it.
    let _ = news.send(News::Up).await;
    let mut pings = tokio::time::interval(PING);
    loop {
        tokio::select! {
            why = failure_of(&mut failure) => return why,
            push = pushes.recv() => match push {
                None => return "the connection was closed".to_owned(),
                Some(push) if push.kind == PushKind::Disconnection => return "the connection was closed".to_owned(),
                Some(push) => {
                    if let Some(handle) = ended(push) {
                        let _ = news.send(News::Ended(handle)).await;
                    }
                }
            },
            answered = pinged(&mut pings, &mut connection) => {
                if let Err(why) = answered {
                    return why;
                }
            }
        }
    }
}

/// Why something that was asked did not work, as soon as it does not.
async fn failure_of(failure: &mut watch::Receiver<Option<String>>) -> String {
    let failed = failure.wait_for(Option::is_some).await.ok().and_then(|failed| failed.clone());
    match failed {
        Some(why) => why,
        None => std::future::pending().await,
    }
}

/// Tries the connection at the next tick.
async fn pinged(pings: &mut Interval, connection: &mut MultiplexedConnection) -> Result<(), String> {
    pings.tick().await;
    match timeout(PING_PATIENCE, commands::ping(connection)).await {
        Ok(answered) => answered.map_err(|error| fault::why(&error)),
        Err(_) => Err(fault::no_answer(PING_PATIENCE)),
    }
}

/// The session that a message of the channel names.
fn ended(push: PushInfo) -> Option<Handle> {
    Msg::from_push_info(push)?.get_payload::<String>().ok()?.parse().ok()
}
