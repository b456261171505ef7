//! What a suite found in one scenario.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;

/// The outcome of one scenario at one server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// How many checks passed.
    pub passed: usize,
    /// How many checks failed.
    pub failed: usize,
    /// How many checks found what the specification advises against.
    pub warnings: usize,
    /// The checks that failed or warned, by their ids, each with what the suite says.
    pub faults: BTreeMap<String, String>,
}

/// As in `checks.json`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Check {
    id: String,
    description: String,
    status: Status,
    error_message: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Status {
    Success,
    Failure,
    Warning,
    /// Neither good nor bad.
    Info,
    /// Does not apply to this server.
    Skipped,
}

impl Outcome {
    /// Reads a `checks.json`.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub fn read(checks: &[u8]) -> Result<Self, serde_json::Error> {
        let mut outcome = Self::default();
        for check in serde_json::from_slice::<Vec<Check>>(checks)? {
            match check.status {
                Status::Success => outcome.passed += 1,
                Status::Failure => outcome.failed += 1,
                Status::Warning => outcome.warnings += 1,
                Status::Info | Status::Skipped => continue,
            }
            if !matches!(check.status, Status::Success) {
                outcome.faults.insert(check.id, check.error_message.unwrap_or(check.description));
            }
        }
        Ok(outcome)
    }

    /// Whether nothing was found to be wrong.
    pub fn is_clean(&self) -> bool {
        self.failed == 0 && self.warnings == 0
    }

    /// Whether it is no worse than `other`: no failure, as many checks passed, no more warnings.
    pub fn is_as_good_as(&self, other: &Self) -> bool {
        self.failed == 0 && self.passed >= other.passed && self.warnings <= other.warnings
    }
}

/// `3` for three passed checks, `3 -1 ?2` when one failed besides, and two warned.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.passed.to_string();
        for (sign, count) in [('-', self.failed), ('?', self.warnings)] {
            if count > 0 {
                text.push_str(&format!(" {sign}{count}"));
            }
        }
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_counted_by_status() {
        let check = |id: &str, status: &str| format!(r#"{{"id":"{id}","description":"d","status":"{status}"}}"#);
        let all = ["SUCCESS", "FAILURE", "WARNING", "INFO", "SKIPPED", "SUCCESS"].map(|status| check(status, status));
        let outcome = Outcome::read(format!("[{}]", all.join(",")).as_bytes()).unwrap();
        assert_eq!((outcome.passed, outcome.failed, outcome.warnings), (2, 1, 1));
        assert_eq!(outcome.faults.keys().collect::<Vec<_>>(), ["FAILURE", "WARNING"]);
        assert_eq!(outcome.to_string(), "2 -1 ?1");
    }
}
