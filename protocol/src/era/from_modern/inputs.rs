//! What a modern client answered, as responses to a legacy server's requests.

use crate::era::Asked;
use crate::json::Object;

/// One answer: a result that the server can be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The key of the request.
    pub key: String,
    /// The result, raw JSON.
    pub result: String,
}

/// The answers in `inputResponses` (raw JSON) to what was asked, by key. Keys that were not asked are passed over, and
/// keys that are missing are not in what is returned.
///
/// # Errors
/// Which of them cannot be an answer, for a person.
pub fn answers<'k>(
    responses: Option<&str>,
    asked: impl IntoIterator<Item = (&'k str, Asked)>,
) -> Result<Vec<Answer>, String> {
    let responses = responses.unwrap_or("{}");
    let responses = Object::read(responses).ok_or("params.inputResponses has to be an object.")?;
    if let Some((key, _)) = responses.members().find(|(_, value)| !value.starts_with('{')) {
        return Err(format!("params.inputResponses[\"{key}\"] has to be an object."));
    }
    let mut answers = Vec::new();
    for (key, asked) in asked {
        let Some(result) = responses.get(key) else { continue };
        if !is_result(asked, result) {
            let what = match asked {
                Asked::Elicitation => "with an action: accept, decline or cancel",
                Asked::Sampling => "with role, content and model",
                Asked::Roots => "with roots, an array",
            };
            return Err(format!("params.inputResponses[\"{key}\"] has to be a result of {} {what}.", asked.method()));
        }
        answers.push(Answer { key: key.to_owned(), result: result.to_owned() });
    }
    Ok(answers)
}

fn is_result(asked: Asked, result: &str) -> bool {
    let Some(result) = Object::read(result) else { return false };
    match asked {
        Asked::Elicitation => {
            let known = matches!(result.text("action").as_deref(), Some("accept" | "decline" | "cancel"));
            known && result.get("content").is_none_or(|content| content.starts_with('{'))
        }
        Asked::Sampling => {
            let content = result.get("content").is_some_and(|content| content.starts_with(['{', '[']));
            content && result.text("role").is_some() && result.text("model").is_some()
        }
        Asked::Roots => result.get("roots").is_some_and(|roots| roots.starts_with('[')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const ASKED: [(&str, Asked); 3] = [("1", Asked::Elicitation), ("2", Asked::Sampling), ("3", Asked::Roots)];

    #[test]
    fn answers_go_by_their_keys_and_as_they_came() {
        let given = r#"{"3":{"roots":[]},"x":{},"1":{"action":"accept","content":{"n":1.0}}}"#;
        let found: Vec<_> = answers(Some(given), ASKED).unwrap().into_iter().map(|a| (a.key, a.result)).collect();
        let expected = [("1", r#"{"action":"accept","content":{"n":1.0}}"#), ("3", r#"{"roots":[]}"#)];
        assert_eq!(found, expected.map(|(key, result)| (key.to_owned(), result.to_owned())));
        assert_eq!(answers(None, ASKED), Ok(Vec::new()));
    }

    #[test]
    fn what_can_be_no_answer_is_named() {
        for bad in [
            "null",
            "5",
            r#"{"x":5}"#,
            r#"{"1":{}}"#,
            r#"{"1":{"action":"maybe"}}"#,
            r#"{"1":{"action":"accept","content":5}}"#,
            r#"{"2":{"role":"assistant","content":{}}}"#,
            r#"{"3":{"roots":{}}}"#,
        ] {
            assert!(answers(Some(bad), ASKED).unwrap_err().starts_with("params.inputResponses"), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_is_answered_makes_it_panic(json in crate::json::any_json()) {
            for given in [json.clone(), format!(r#"{{"1":{json}}}"#), format!(r#"{{"2":{{"content":{json}}}}}"#)] {
                let _ = answers(Some(&given), ASKED);
            }
        }
    }
}
