//! Which way a client reaches a server: in its own era, or through a translation.

use super::server::{Server, Snapshot, Spoken};
use protocol::era::Era;
use std::sync::Arc;

/// How a client's messages get to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// In the client's own era.
    Direct,
    /// In the other era: the broker translates.
    Crossed,
}

impl Way {
    /// The era of the leg that serves clients of `client`.
    pub fn leg(self, client: Era) -> Era {
        match self {
            Self::Direct => client,
            Self::Crossed => client.other(),
        }
    }
}

impl Snapshot {
    /// How clients of `era` reach the server; `None` while nothing is known of it.
    ///
    /// The client's own era, where the server speaks it. A legacy client that can be asked something (`asks_back`) is the
    /// exception: a legacy leg without sessions could not take its answers, so the modern one serves it.
    pub fn way(&self, era: Era, asks_back: bool) -> Option<Way> {
        match (self.spoken(era), self.spoken(era.other())) {
            (Some(own), Some(_)) if era == Era::Legacy && asks_back && !own.has_sessions() => Some(Way::Crossed),
            (Some(_), _) => Some(Way::Direct),
            (None, Some(_)) => Some(Way::Crossed),
            (None, None) => None,
        }
    }

    /// The leg that [`Snapshot::way`] leads to.
    pub fn serving(&self, era: Era, asks_back: bool) -> Option<&Arc<Spoken>> {
        self.spoken(self.way(era, asks_back)?.leg(era))
    }
}

impl Server {
    /// See [`Snapshot::way`].
    pub fn way(&self, era: Era, asks_back: bool) -> Option<Way> {
        self.snapshot.borrow().way(era, asks_back)
    }

    /// See [`Snapshot::serving`].
    pub fn serving(&self, era: Era, asks_back: bool) -> Option<Arc<Spoken>> {
        self.snapshot.borrow().serving(era, asks_back).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Offer;
    use crate::status::State;
    use crate::upstream::{Capabilities, Envelope, Leg, LegacySession};
    use protocol::era::Revision;

    fn spoken(leg: Leg) -> Arc<Spoken> {
        Arc::new(Spoken {
            leg,
            capabilities: Capabilities::default(),
            server_info: None,
            instructions: None,
            offer: Arc::new(Offer::empty(false)),
            crossed: Arc::new(Offer::empty(false)),
        })
    }

    fn ways(session: Option<Option<&str>>, modern: bool) -> [Option<Way>; 4] {
        let legacy = |id: Option<&str>| {
            Leg::Legacy(LegacySession::new(id.map(str::to_owned), Revision::LATEST.as_str().to_owned()))
        };
        let snapshot = Snapshot {
            state: State::Ready,
            error: None,
            legacy: session.map(|id| spoken(legacy(id))),
            modern: modern.then(|| spoken(Leg::Modern(Envelope::gateway()))),
        };
        let way = |era, asks_back| snapshot.way(era, asks_back);
        [way(Era::Legacy, false), way(Era::Legacy, true), way(Era::Modern, false), way(Era::Modern, true)]
    }

    #[test]
    fn everybody_gets_there_and_in_the_own_era_if_that_loses_nothing() {
        use Way::{Crossed, Direct};
        assert_eq!(ways(None, false), [None; 4]);
        assert_eq!(ways(None, true), [Some(Crossed), Some(Crossed), Some(Direct), Some(Direct)]);
        assert_eq!(ways(Some(Some("s")), true), [Some(Direct); 4]);
        assert_eq!(ways(Some(None), true), [Some(Direct), Some(Crossed), Some(Direct), Some(Direct)]);
        assert_eq!(ways(Some(None), false), [Some(Direct), Some(Direct), Some(Crossed), Some(Crossed)]);
    }
}
