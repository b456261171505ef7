//! What has to be true of a table.

use super::table::is_good;
use super::{Outcome, Row, Table, Way};
use crate::peers::Era;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// A scenario that does not pass, with the checks that fail or warn in it. Everything else in it has to pass.
#[derive(Debug, Clone, Copy)]
pub struct Exception {
    /// The era of the suite.
    pub suite: Era,
    /// How client and server meet.
    pub way: Way,
    /// The scenario's name.
    pub scenario: &'static str,
    /// The ids of the checks. None: fewer checks than directly pass, but none fails.
    pub checks: &'static [&'static str],
    /// Why.
    pub reason: &'static str,
}

impl Exception {
    fn is_for(&self, table: &Table, scenario: &str, way: Way) -> bool {
        (self.suite, self.way, self.scenario) == (table.suite.era, way, scenario)
    }
}

/// What is wrong with a table, one line each, given the scenarios that do not pass.
pub fn faults(table: &Table, exceptions: &[Exception]) -> Vec<String> {
    let mut faults = Vec::new();
    if table.rows.len() != table.expected {
        faults.push(format!("{:?} {:?}: {} scenarios ran", table.suite, table.tested, table.rows.len()));
    }
    for (scenario, row) in &table.rows {
        for way in Way::ALL {
            let exception = exceptions.iter().find(|exception| exception.is_for(table, scenario, way));
            if let Some(fault) = fault(row, way, exception) {
                faults.push(format!("{} {scenario}, {way}: {fault}", table.suite.revision));
            }
        }
    }
    faults
}

/// The scenarios that are not as they have to be, to be tried again: some have deadlines of half a second.
pub fn doubtful(table: &Table, exceptions: &[Exception]) -> Vec<(String, Way)> {
    let cells = table.rows.iter().flat_map(|(scenario, row)| Way::ALL.map(|way| (scenario, row, way)));
    cells
        .filter(|(scenario, row, way)| {
            let exception = exceptions.iter().find(|exception| exception.is_for(table, scenario, *way));
            fault(row, *way, exception).is_some()
        })
        .map(|(scenario, _, way)| (scenario.clone(), way))
        .collect()
}

fn fault(row: &Row, way: Way, exception: Option<&Exception>) -> Option<String> {
    let Some(outcome) = row.get(&way) else { return Some("the suite gave up".to_owned()) };
    match (is_good(row, way), exception) {
        (true, None) => None,
        (true, Some(exception)) => Some(format!("passes, and is listed as one that does not: {}", exception.reason)),
        (false, None) => Some(described(outcome, row)),
        (false, Some(exception)) => {
            let expected: BTreeSet<_> = exception.checks.iter().copied().collect();
            let found: BTreeSet<_> = outcome.faults.keys().map(String::as_str).collect();
            (expected != found).then(|| format!("expected faults in {expected:?}; {}", described(outcome, row)))
        }
    }
}

fn described(outcome: &Outcome, row: &Row) -> String {
    let direct = row.get(&Way::Direct).map_or_else(|| "absent".to_owned(), ToString::to_string);
    let mut text = format!("{outcome} instead of {direct}");
    for (check, message) in &outcome.faults {
        let _ = write!(text, "\n    {check}: {message}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::suite::SUITES;
    use super::*;

    const LISTED: Exception =
        Exception { suite: Era::Legacy, way: Way::Crossed, scenario: "s", checks: &["c"], reason: "r" };

    fn outcome(passed: usize, faults: &[&str]) -> Outcome {
        let told = faults.iter().map(|id| ((*id).to_owned(), String::new())).collect();
        Outcome { passed, failed: faults.len(), faults: told, ..Outcome::default() }
    }

    fn judged(crossed: Outcome, exceptions: &[Exception]) -> Vec<String> {
        let mut table = Table::of_servers(super::super::Suite { servers: 1, ..SUITES[0] });
        for (way, outcome) in [(Way::Direct, outcome(2, &[])), (Way::Through, outcome(2, &[])), (Way::Crossed, crossed)]
        {
            table.add(way, [("s".to_owned(), outcome)].into());
        }
        assert_eq!(doubtful(&table, exceptions).len(), faults(&table, exceptions).len());
        faults(&table, exceptions)
    }

    #[test]
    fn what_is_as_good_as_directly_is_right() {
        assert!(judged(outcome(2, &[]), &[]).is_empty());
    }

    #[test]
    fn failures_and_missing_checks_are_told() {
        assert_eq!(judged(outcome(1, &["c"]), &[]).len(), 1);
        assert_eq!(judged(outcome(1, &[]), &[]).len(), 1);
    }

    #[test]
    fn a_listed_scenario_fails_as_listed() {
        assert!(judged(outcome(1, &["c"]), &[LISTED]).is_empty());
        assert_eq!(judged(outcome(1, &["c", "d"]), &[LISTED]).len(), 1);
        assert_eq!(judged(outcome(2, &[]), &[LISTED]).len(), 1);
    }
}
