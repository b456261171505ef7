//! Servers that take too long to begin an answer.
//!
//! Envoy has a timer for this, but it costs a request several microseconds to set and to clear. Here a request costs an entry in a
//! slab, which is looked through with every tick: a server has all of its time, and at most two ticks more.

use crate::host;
use crate::stream::Stream;
use slab::Slab;
use std::cell::RefCell;
use std::rc::Weak;
use std::time::Duration;

/// Requests whose answer has not begun.
#[derive(Default)]
pub(crate) struct Deadlines {
    waiting: Slab<Waiting>,
}

struct Waiting {
    /// Since the epoch.
    until: Duration,
    stream: Weak<RefCell<Stream>>,
}

impl Deadlines {
    /// Has a request refused that has no answer at `until`, which is told since the epoch. Gives the place to [`Self::remove`] it from.
    pub(crate) fn add(&mut self, until: Duration, stream: Weak<RefCell<Stream>>) -> usize {
        self.waiting.insert(Waiting { until, stream })
    }

    /// The answer has begun. Entries that stayed would keep the memory of their streams until the next look.
    pub(crate) fn remove(&mut self, place: usize, stream: &Weak<RefCell<Stream>>) {
        if self.waiting.get(place).is_some_and(|waiting| waiting.stream.ptr_eq(stream)) {
            self.waiting.remove(place);
        }
    }

    /// Takes out the requests whose time is over, and forgets those that ended without an answer.
    fn over(&mut self, now: Duration) -> Vec<Weak<RefCell<Stream>>> {
        let mut over = Vec::new();
        self.waiting.retain(|_, Waiting { until, stream }| {
            if *until <= now {
                over.push(stream.clone());
            }
            *until > now && stream.strong_count() > 0
        });
        over
    }
}

/// Refuses the requests whose time is over. Called in the root's context.
pub(crate) fn check(deadlines: &RefCell<Deadlines>, now: Duration) {
    let over = deadlines.borrow_mut().over(now);
    for stream in over.iter().filter_map(Weak::upgrade) {
        let mut stream = stream.borrow_mut();
        if stream.waits() && host::enter(stream.id()) {
            stream.too_late();
        }
    }
}
