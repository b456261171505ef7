//! Servers that take too long to begin an answer.
//!
//! Envoy has a timer for this, but it costs a request several microseconds to set and to clear. Here a request costs an entry in a
//! list, which is looked through once a second: a deadline is kept to the second.

use crate::host;
use crate::stream::Stream;
use proxy_wasm::hostcalls;
use std::cell::RefCell;
use std::rc::Weak;

/// Requests whose answer has not begun.
#[derive(Default)]
pub(crate) struct Deadlines {
    waiting: Vec<(u64, Weak<RefCell<Stream>>)>,
}

impl Deadlines {
    /// Has a request refused that has no answer at `until`, in seconds since the epoch.
    pub(crate) fn add(&mut self, until: u64, stream: Weak<RefCell<Stream>>) {
        self.waiting.push((until, stream));
    }

    /// Takes out the requests whose time is over, and forgets those that have been answered.
    fn over(&mut self, now: u64) -> Vec<Weak<RefCell<Stream>>> {
        let mut over = Vec::new();
        self.waiting.retain(|(until, stream)| {
            let waits = stream.upgrade().is_some_and(|stream| stream.borrow().waits());
            if waits && *until <= now {
                over.push(stream.clone());
            }
            waits && *until > now
        });
        over
    }
}

/// Refuses the requests whose time is over. Called in the root's context.
pub(crate) fn check(deadlines: &RefCell<Deadlines>, now: u64) {
    let over = deadlines.borrow_mut().over(now);
    for stream in over.iter().filter_map(Weak::upgrade) {
        let mut stream = stream.borrow_mut();
        if host::check("ending a request", hostcalls::set_effective_context(stream.id())).is_some() {
            stream.too_late();
        }
    }
}
