//! What the client of a call is told in the end.

use super::state::Subject;
use protocol::era::Era;
use protocol::era::to_modern::{self, Page, missing_capability};
use protocol::error::status;
use protocol::json::{Change, Object};
use protocol::jsonrpc::Id;

/// A response with a raw `result`.
pub(super) fn response(id: &Id, result: &str) -> String {
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{},\"result\":{result}}}", id.raw())
}

/// The pages that a response demands, if it does.
pub(super) fn pages(message: &str) -> Option<Vec<Page>> {
    to_modern::pages(Object::read(message)?.get("error")?)
}

/// A legacy response as the modern one to the request with `id`, and its HTTP status. `lacking` are capabilities that the
/// server asked in vain for: that is why a call failed then.
pub(super) fn modern(
    subject: &Subject,
    message: &str,
    id: &Id,
    server_info: Option<&str>,
    lacking: Option<&str>,
) -> (u16, String) {
    let method = &subject.method;
    let Some(object) = Object::read(message) else { return (200, message.to_owned()) };
    let failed = object.get("error").is_some() || object.get("result").is_some_and(to_modern::is_failure);
    let error = match (lacking, object.get("error")) {
        (Some(lacking), _) if failed => Some(missing_capability(&subject.server, lacking)),
        (_, Some(error)) => Some(to_modern::error(method, error)),
        _ => None,
    };
    if let Some(error) = error {
        let code = Object::read(&error).and_then(|error| serde_json::from_str(error.get("code")?).ok());
        let body = format!("{{\"jsonrpc\":\"2.0\",\"id\":{},\"error\":{error}}}", id.raw());
        return (status(Era::Modern, code.unwrap_or_default()), body);
    }
    let made = object.edit(
        |name, value| match name {
            "id" => Change::Value(id.raw().to_owned()),
            "result" => Change::Value(to_modern::result(method, value, server_info)),
            _ => Change::Keep,
        },
        &[],
    );
    (200, made)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(message: &str, lacking: Option<&str>) -> (u16, String) {
        let subject = Subject {
            principal: None,
            method: "tools/call".into(),
            server: "demo".into(),
            target: "t".into(),
            digest: String::new(),
        };
        modern(&subject, message, &Id::from_raw(b"7").unwrap(), None, lacking)
    }

    #[test]
    fn an_answer_gets_the_clients_id_and_the_status_of_its_code() {
        let answer = r#"{"jsonrpc":"2.0","id":"g","result":{"content":[1.0]},"x":1e400}"#;
        let expected = r#"{"jsonrpc":"2.0","id":7,"result":{"content":[1.0],"resultType":"complete"},"x":1e400}"#;
        assert_eq!(told(answer, None), (200, expected.to_owned()));
        for (code, status) in [(-32601, 404), (-32602, 200), (-32050, 200), (-32021, 400)] {
            let error = format!(r#"{{"jsonrpc":"2.0","id":"g","error":{{"code":{code},"message":"m"}}}}"#);
            assert_eq!(told(&error, None), (status, error.replace("\"g\"", "7")));
        }
    }

    #[test]
    fn a_call_that_failed_for_want_of_a_capability_says_so() {
        let lacking = Some(r#"{"sampling":{}}"#);
        for failed in [r#"{"id":"g","error":{"code":-32603,"message":"m"}}"#, r#"{"id":"g","result":{"isError":true}}"#]
        {
            let (status, body) = told(failed, lacking);
            assert!(status == 400 && body.contains("-32021"), "{status} {body}");
        }
        assert_eq!(told(r#"{"id":"g","result":{}}"#, lacking).0, 200);
    }
}
