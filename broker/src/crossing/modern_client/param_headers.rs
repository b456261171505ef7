//! `Mcp-Param-*` of a modern client: the gateway is the last who reads them, so it checks them (2026-07-28, *Streamable
//! HTTP*, *Custom Headers from Tool Parameters*).

use axum::http::HeaderMap;
use protocol::error::{Refusal, code};
use protocol::http::decode_value;
use protocol::json::Object;
use protocol::param_header::{Mirrored, mirrored};

/// Checks the headers of a call of `tool` (raw JSON, as its server lists it) with these `arguments`, raw JSON. Headers
/// that the tool does not name are passed over.
///
/// # Errors
/// -32020 for a header that says something else than the body, or is missing.
pub(super) fn check(tool: &str, arguments: &str, headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(schema) = Object::read(tool).and_then(|tool| tool.get("inputSchema")) else { return Ok(()) };
    // A tool with a wrong annotation is not listed.
    for parameter in mirrored(schema).unwrap_or_default() {
        check_one(&parameter, arguments, headers).map_err(|why| {
            Refusal::transport(400, code::HEADER_MISMATCH, format!("Header {} {why}.", parameter.header))
        })?;
    }
    Ok(())
}

fn check_one(parameter: &Mirrored, arguments: &str, headers: &HeaderMap) -> Result<(), &'static str> {
    let expected = parameter.value(arguments).map_err(|_| "stands for an integer beyond ±(2^53 - 1)")?;
    let mut values = headers.get_all(&parameter.header).iter();
    let given = values.next().map(|value| value.to_str().ok().and_then(decode_value).ok_or("cannot be decoded"));
    if values.next().is_some() {
        return Err("is there twice");
    }
    match (expected, given.transpose()?) {
        (None, None) => Ok(()),
        (Some(_), None) => Err("is missing, but the body has its argument"),
        (None, Some(_)) => Err("is there, but the body does not have its argument"),
        (Some(expected), Some(given)) => {
            let number = |text: &str| text.trim().parse::<f64>().ok();
            let equal = if parameter.integer && number(&expected).is_some() {
                number(&expected) == number(&given)
            } else {
                expected == given
            };
            if equal { Ok(()) } else { Err("says something else than the body") }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOOL: &str = r#"{"name":"x","inputSchema":{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"},"n":{"type":"integer","x-mcp-header":"N"}}}}"#;

    fn outcome(arguments: &str, headers: &[(&'static str, &str)]) -> Result<(), i64> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        check(TOOL, arguments, &map).map_err(|refusal| {
            assert_eq!(refusal.status, 400);
            refusal.code
        })
    }

    #[test]
    fn headers_say_what_the_body_says() {
        let both = r#"{"region":"é","n":42}"#;
        assert_eq!(outcome(both, &[("mcp-param-region", "=?base64?w6k=?="), ("mcp-param-n", "42.0")]), Ok(()));
        assert_eq!(outcome("{}", &[("mcp-param-other", "x")]), Ok(()));
        assert_eq!(outcome(r#"{"region":null}"#, &[]), Ok(()));
        for (arguments, headers) in [
            (both, &[("mcp-param-n", "42")][..]),
            (both, &[("mcp-param-region", "e"), ("mcp-param-n", "42")]),
            (both, &[("mcp-param-region", "=?base64?!?="), ("mcp-param-n", "42")]),
            (r#"{"n":42}"#, &[("mcp-param-n", "43")]),
            (r#"{"n":42}"#, &[("mcp-param-n", "42"), ("mcp-param-n", "42")]),
            ("{}", &[("mcp-param-region", "eu")]),
        ] {
            assert_eq!(outcome(arguments, headers), Err(code::HEADER_MISMATCH), "{arguments} {headers:?}");
        }
    }
}
