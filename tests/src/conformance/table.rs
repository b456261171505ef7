//! Outcomes side by side.

use super::{Outcome, Suite};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// How client and server meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// Without a gateway, client and server of one era: what there is to be had.
    Direct,
    /// The same through the gateway.
    Through,
    /// Through the gateway, client and server of different eras.
    Crossed,
}

impl Way {
    /// All of them, in the order of the table's columns.
    pub const ALL: [Self; 3] = [Self::Direct, Self::Through, Self::Crossed];
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Direct => "direct",
            Self::Through => "through",
            Self::Crossed => "crossed",
        })
    }
}

/// A scenario's outcome each way.
pub type Row = BTreeMap<Way, Outcome>;

/// What a suite is run at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tested {
    /// The suite is the client.
    Servers,
    /// The suite is the server.
    Clients,
}

/// The outcomes of one suite.
#[derive(Debug)]
pub struct Table {
    /// The suite.
    pub suite: Suite,
    /// What it was run at.
    pub tested: Tested,
    /// How many scenarios there are to be.
    pub expected: usize,
    /// Its scenarios by name.
    pub rows: BTreeMap<String, Row>,
    /// The outcomes that are those of a second attempt.
    second: BTreeSet<(String, Way)>,
}

impl Table {
    /// One for the suite's scenarios for servers, without rows.
    pub fn of_servers(suite: Suite) -> Self {
        Self { suite, tested: Tested::Servers, expected: suite.servers, ..Self::of_clients(suite) }
    }

    /// One for the suite's scenarios for clients, without rows.
    pub fn of_clients(suite: Suite) -> Self {
        Self {
            suite,
            tested: Tested::Clients,
            expected: suite.clients.len(),
            rows: BTreeMap::new(),
            second: BTreeSet::new(),
        }
    }

    /// Takes in the outcomes of a run.
    pub fn add(&mut self, way: Way, outcomes: BTreeMap<String, Outcome>) {
        for (scenario, outcome) in outcomes {
            self.rows.entry(scenario).or_default().insert(way, outcome);
        }
    }

    /// Takes in the outcome of a scenario that was tried again.
    pub fn add_second(&mut self, way: Way, scenario: String, outcome: Outcome) {
        self.second.insert((scenario.clone(), way));
        self.add(way, [(scenario, outcome)].into());
    }

    /// How many scenarios went as well that way as directly.
    pub fn good(&self, way: Way) -> usize {
        self.rows.values().filter(|row| is_good(row, way)).count()
    }
}

/// Whether a scenario went as well that way as directly, or directly without a fault.
pub(super) fn is_good(row: &Row, way: Way) -> bool {
    let (Some(outcome), Some(direct)) = (row.get(&way), row.get(&Way::Direct)) else { return false };
    if way == Way::Direct { direct.is_clean() } else { outcome.is_as_good_as(direct) }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Suite { version, revision, era, .. } = self.suite;
        let tested = match self.tested {
            Tested::Servers => "servers",
            Tested::Clients => "clients",
        };
        write!(f, "{:48}", format!("{tested} of {revision} ({era}), suite {version}"))?;
        for way in Way::ALL {
            write!(f, " {way:>10}")?;
        }
        writeln!(f)?;
        for (scenario, row) in &self.rows {
            write!(f, "  {scenario:46}")?;
            for way in Way::ALL {
                let cell = row.get(&way).map_or_else(|| "absent".to_owned(), ToString::to_string);
                let cell = if is_good(row, way) { cell } else { format!("! {cell}") };
                let cell = if self.second.contains(&(scenario.clone(), way)) { cell + "*" } else { cell };
                write!(f, " {cell:>10}")?;
            }
            writeln!(f)?;
        }
        write!(f, "  {:46}", format!("of {} scenarios", self.rows.len()))?;
        for way in Way::ALL {
            write!(f, " {:>10}", self.good(way))?;
        }
        writeln!(f)?;
        if !self.second.is_empty() {
            writeln!(f, "  * at the second attempt")?;
        }
        Ok(())
    }
}
