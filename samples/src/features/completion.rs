//! Completion of the prompt's arguments and of the template's variable.

use rmcp::{
    ErrorData,
    model::{CompleteRequestParams, CompleteResult, CompletionInfo, Reference},
};

use super::{notes, prompts::STYLES};

/// The known values that begin with what was typed.
///
/// # Errors
///
/// -32602 when the argument is not one of the prompt or template.
pub(super) fn complete(request: &CompleteRequestParams) -> Result<CompleteResult, ErrorData> {
    let template = notes::uri("{name}");
    let candidates: Vec<&str> = match (&request.r#ref, request.argument.name.as_str()) {
        (Reference::Prompt(prompt), "note") if prompt.name == "summarize" => notes::names().collect(),
        (Reference::Prompt(prompt), "style") if prompt.name == "summarize" => STYLES.to_vec(),
        (Reference::Resource(resource), "name") if resource.uri == template => notes::names().collect(),
        _ => {
            return Err(ErrorData::invalid_params(
                "params.ref, params.argument.name: no such argument; there are note and style of the prompt summarize, \
                 and name of note://{name}",
                None,
            ));
        }
    };
    let values = candidates
        .into_iter()
        .filter(|candidate| candidate.starts_with(&request.argument.value))
        .map(str::to_owned)
        .collect();
    let completion = CompletionInfo::with_all_values(values).map_err(|error| ErrorData::internal_error(error, None))?;
    Ok(CompleteResult::new(completion))
}

#[cfg(test)]
mod tests {
    use rmcp::model::ArgumentInfo;

    use super::*;

    fn values(reference: Reference, name: &str, value: &str) -> Option<Vec<String>> {
        let request = CompleteRequestParams::new(reference, ArgumentInfo::new(name, value));
        complete(&request).ok().map(|result| result.completion.values)
    }

    #[test]
    fn values_begin_with_what_was_typed() {
        let style = values(Reference::for_prompt("summarize"), "style", "de");
        assert_eq!(style, Some(vec!["detailed".to_owned()]));
        let name = values(Reference::for_resource("note://{name}"), "name", "w");
        assert_eq!(name, Some(vec!["welcome".to_owned()]));
    }

    #[test]
    fn unknown_arguments_are_refused() {
        assert_eq!(values(Reference::for_prompt("summarize"), "name", ""), None);
        assert_eq!(values(Reference::for_prompt("other"), "note", ""), None);
    }
}
