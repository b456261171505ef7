//! What a client tells of one case, and how it is compared.

use serde::Deserialize;
use serde_json::Value;

/// As the drivers print it: see `tests/fixtures/quadrants/README.md`.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Seen {
    /// The case's name.
    pub case: String,
    /// For each step its `result` or its `error`.
    pub steps: Vec<Value>,
    /// What came beside answers, each with `method` and `params`.
    pub notifications: Vec<Value>,
    /// What the server asked, each with `method` and `params`.
    pub asked: Vec<Value>,
}

/// Why a case did not pass.
pub type Verdict = Result<(), String>;

impl Seen {
    /// The result of a step.
    ///
    /// # Errors
    ///
    /// When it failed.
    pub fn result(&self, step: usize) -> Result<&Value, String> {
        let outcome = self.steps.get(step).ok_or_else(|| format!("step {step} was not taken"))?;
        outcome.get("result").ok_or_else(|| format!("step {step}: {outcome}"))
    }

    /// The result of a step contains what is expected.
    ///
    /// # Errors
    ///
    /// When it does not.
    pub fn expect(&self, step: usize, expected: &Value) -> Verdict {
        contains(self.result(step)?, expected).map_err(|fault| format!("step {step}{fault}"))
    }

    /// A step failed with one of the codes.
    ///
    /// # Errors
    ///
    /// When it did not.
    pub fn expect_error(&self, step: usize, codes: &[i64]) -> Verdict {
        let outcome = self.steps.get(step).ok_or_else(|| format!("step {step} was not taken"))?;
        let code = outcome["error"]["code"].as_i64();
        if code.is_some_and(|code| codes.contains(&code)) { Ok(()) } else { Err(format!("step {step}: {outcome}")) }
    }

    /// The parameters of all notifications of a method.
    pub fn told(&self, method: &str) -> Vec<&Value> {
        self.notifications.iter().filter(|told| told["method"] == method).map(|told| &told["params"]).collect()
    }

    /// All steps succeeded.
    ///
    /// # Errors
    ///
    /// When one did not.
    pub fn all_succeeded(&self) -> Verdict {
        (0..self.steps.len()).try_for_each(|step| self.result(step).map(|_| ()))
    }
}

/// Every member and item of `expected` is in `actual`. Members may be added, items may not.
///
/// # Errors
///
/// Where and how they differ.
pub(super) fn contains(actual: &Value, expected: &Value) -> Verdict {
    match (actual, expected) {
        (Value::Object(actual), Value::Object(expected)) => expected.iter().try_for_each(|(name, expected)| {
            let actual = actual.get(name).unwrap_or(&Value::Null);
            contains(actual, expected).map_err(|fault| format!(".{name}{fault}"))
        }),
        (Value::Array(actual), Value::Array(expected)) if actual.len() == expected.len() => {
            let mut pairs = actual.iter().zip(expected).enumerate();
            pairs.try_for_each(|(at, (actual, expected))| {
                contains(actual, expected).map_err(|fault| format!("[{at}]{fault}"))
            })
        }
        (Value::Number(actual), Value::Number(expected)) if actual.as_f64() == expected.as_f64() => {
            let same = (actual.is_f64() || expected.is_f64()) || actual == expected;
            if same { Ok(()) } else { Err(format!(": {actual} instead of {expected}")) }
        }
        _ if actual == expected => Ok(()),
        _ => Err(format!(": {actual} instead of {expected}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn members_may_be_added_and_numbers_are_exact() {
        let actual = json!({ "a": [1, { "b": 9_007_199_254_740_993_i64 }], "more": true });
        assert_eq!(contains(&actual, &json!({ "a": [1.0, {}] })), Ok(()));
        assert!(contains(&actual, &json!({ "a": [1] })).is_err());
        assert!(contains(&actual, &json!({ "a": [1, { "b": 9_007_199_254_740_992_i64 }] })).is_err());
        assert!(contains(&actual, &json!({ "c": 1 })).is_err());
    }
}
