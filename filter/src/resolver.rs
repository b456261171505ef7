//! Questions to the broker that are under way. Requests of this worker that wait for the same answer share one.

use crate::cache::{Decision, Key, Way};
use crate::root::Shared;
use crate::stream::Stream;
use crate::{ended, host, news};
use protocol::caller::Shown;
use protocol::error::Refusal;
use protocol::resolve::{Answer, CHANGED_PATH, Changed, Outcome, PATH};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::time::Duration;

/// Beyond what the server may take to answer: the broker says itself that a server is too slow.
const GRACE: Duration = Duration::from_secs(5);

/// The questions, by the token of their HTTP call.
#[derive(Default)]
pub(crate) struct Resolver {
    open: HashMap<u32, Open>,
}

struct Open {
    key: Key,
    /// Where the session's slot was when the broker was asked: should the session end meanwhile, the answer is void.
    ended: u32,
    waiting: Vec<Weak<RefCell<Stream>>>,
}

/// Asks the broker, unless it is being asked already. `false` if it cannot be asked.
pub(crate) fn ask(shared: &Shared, key: &Key, shown: Shown, timeout: Duration, stream: Weak<RefCell<Stream>>) -> bool {
    let mut resolver = shared.resolver.borrow_mut();
    if let Some(open) = resolver.open.values_mut().find(|open| open.key == *key) {
        open.waiting.push(stream);
        return true;
    }
    let ended = key.session.as_deref().map_or(0, |session| ended::mark(&shared.settings, session));
    let question = key.question(shown);
    let Some(token) = host::ask_broker(shared.root, &shared.settings, PATH, &question, timeout + GRACE) else {
        return false;
    };
    resolver.open.insert(token, Open { key: key.clone(), ended, waiting: vec![stream] });
    true
}

/// Tells the broker that a server's lists are the session's own from now on. Should it not hear, they stay as they were.
pub(crate) fn tell_changed(shared: &Shared, session: &str, server: &str) {
    let changed = Changed { session: session.to_owned(), server: server.to_owned() };
    host::ask_broker(shared.root, &shared.settings, CHANGED_PATH, &changed, GRACE);
}

/// The HTTP call with this token has ended. Called in the root's context.
pub(crate) fn answered(shared: &Rc<Shared>, token: u32, body_size: usize) {
    let Some(open) = shared.resolver.borrow_mut().open.remove(&token) else { return };
    let decided = read(body_size).map(|answer| {
        shared.epoch.set(Some(answer.epoch));
        news::tell(&shared.settings, answer.epoch, None);
        let way = match answer.outcome {
            Outcome::Refuse(refusal) => return Err(refusal),
            Outcome::Route(destination) => Way::Server(Rc::new(destination)),
            Outcome::Bridge => Way::Broker,
        };
        let fresh_until = shared.seconds() + u64::from(answer.ttl);
        let decision = Decision { way: way.clone(), epoch: answer.epoch, ended: open.ended, fresh_until };
        shared.cache.borrow_mut().put(&shared.settings, open.key, decision, shared.ended.get());
        Ok(way)
    });
    for stream in open.waiting.iter().filter_map(Weak::upgrade) {
        let mut stream = stream.borrow_mut();
        if host::enter(stream.id()) {
            stream.resolved(decided.as_ref());
        }
    }
}

/// What the broker decided, or how it refuses.
pub(crate) type Decided = Result<Way, Refusal>;

fn read(body_size: usize) -> Option<Answer> {
    serde_json::from_slice(&host::broker_answer(body_size)?).ok()
}
