//! The tool `get_timestamp`.

use chrono::{DateTime, SecondsFormat, Utc};
use rmcp::{handler::server::wrapper::Parameters, tool, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;

use super::ToolsServer;

#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(crate) enum TimestampFormat {
    /// RFC 3339 in UTC with milliseconds.
    #[default]
    Rfc3339,
    /// Whole seconds since 1970-01-01T00:00:00Z.
    Unix,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    UnixMillis,
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct GetTimestampArguments {
    /// How to write the time.
    #[serde(default)]
    format: TimestampFormat,
}

#[tool_router(router = get_timestamp_router, vis = "pub(super)")]
impl ToolsServer {
    #[tool(
        title = "Current time",
        description = "Tells the current time in UTC: RFC 3339, or seconds or milliseconds since 1970.",
        annotations(read_only_hint = true, idempotent_hint = false, open_world_hint = false)
    )]
    fn get_timestamp(&self, Parameters(arguments): Parameters<GetTimestampArguments>) -> String {
        write_time(Utc::now(), arguments.format)
    }
}

fn write_time(time: DateTime<Utc>, format: TimestampFormat) -> String {
    match format {
        TimestampFormat::Rfc3339 => time.to_rfc3339_opts(SecondsFormat::Millis, true),
        TimestampFormat::Unix => time.timestamp().to_string(),
        TimestampFormat::UnixMillis => time.timestamp_millis().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_instant_in_each_format() {
        let time = DateTime::from_timestamp_millis(1_234_567_890_123).unwrap();
        let written = |format| write_time(time, format);
        assert_eq!(written(TimestampFormat::Rfc3339), "2009-02-13T23:31:30.123Z");
        assert_eq!(written(TimestampFormat::Unix), "1234567890");
        assert_eq!(written(TimestampFormat::UnixMillis), "1234567890123");
    }
}
