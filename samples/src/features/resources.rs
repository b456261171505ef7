//! Resources: written notes, a picture, the counts of `slow_task`, and a template for further notes.

use rmcp::{
    ErrorData,
    model::{ReadResourceResult, Resource, ResourceContents, ResourceTemplate},
};
use serde_json::json;

use super::{
    notes::{self, NOTE_SCHEME},
    slow_task::SlowTaskCounts,
};

const COUNTS_URI: &str = "status://slow-task";
const PICTURE_URI: &str = "picture://dot";

/// A transparent PNG of one pixel, in Base64.
const PICTURE: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

/// The resource that is the note `name`.
pub(super) fn note(name: &str) -> Resource {
    Resource::new(notes::uri(name), name).with_title(format!("Note: {name}")).with_mime_type("text/plain")
}

/// The contents of the note `name`, or `None` when there can be no such note.
pub(super) fn note_contents(name: &str) -> Option<ResourceContents> {
    Some(ResourceContents::text(notes::text(name)?, notes::uri(name)))
}

/// All resources that can be named beforehand.
pub(super) fn list() -> Vec<Resource> {
    let mut resources: Vec<_> = notes::names().map(note).collect();
    resources.push(
        Resource::new(PICTURE_URI, "dot").with_description("A picture of one pixel.").with_mime_type("image/png"),
    );
    resources.push(
        Resource::new(COUNTS_URI, "slow-task")
            .with_description("How many calls of slow_task were started, completed and cancelled.")
            .with_mime_type("application/json"),
    );
    resources
}

/// The template under which any note can be read.
pub(super) fn templates() -> Vec<ResourceTemplate> {
    vec![
        ResourceTemplate::new(format!("{NOTE_SCHEME}{{name}}"), "note")
            .with_title("Note")
            .with_description("A note by its name: ASCII letters, digits, - and _.")
            .with_mime_type("text/plain"),
    ]
}

/// What is at `uri`.
///
/// # Errors
///
/// Resource not found, with the URI as `data.uri`: -32002, or -32602 in 2026-07-28.
pub(super) fn read(uri: &str, counts: &SlowTaskCounts) -> Result<ReadResourceResult, ErrorData> {
    let contents = match uri {
        COUNTS_URI => {
            Some(ResourceContents::text(json!(counts).to_string(), COUNTS_URI).with_mime_type("application/json"))
        }
        PICTURE_URI => Some(ResourceContents::blob(PICTURE, PICTURE_URI).with_mime_type("image/png")),
        _ => uri.strip_prefix(NOTE_SCHEME).and_then(note_contents),
    };
    let contents =
        contents.ok_or_else(|| ErrorData::resource_not_found("Resource not found", Some(json!({ "uri": uri }))))?;
    Ok(ReadResourceResult::new(vec![contents]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_listed_can_be_read() {
        let counts = SlowTaskCounts::default();
        for resource in list() {
            assert!(read(&resource.uri, &counts).is_ok(), "{}", resource.uri);
        }
    }

    #[test]
    fn an_unknown_uri_is_named_in_the_error() {
        let error = read("note://a/b", &SlowTaskCounts::default()).unwrap_err();
        assert_eq!(error.data, Some(json!({ "uri": "note://a/b" })));
    }
}
