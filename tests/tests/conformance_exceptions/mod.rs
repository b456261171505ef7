//! The scenarios that do not pass through the gateway, each with its reason. A listed scenario that begins to pass makes the
//! test fail, so that the lists stay true.

use mcp_gateway_tests::conformance::Way;
use mcp_gateway_tests::conformance::judge::Exception;
use mcp_gateway_tests::peers::Era;

/// What the other era cannot express.
pub(crate) const CANNOT: &[Exception] = &[];

/// What the gateway does not do yet.
pub(crate) const FAILING: &[Exception] = &[Exception {
    suite: Era::Legacy,
    way: Way::Through,
    scenario: "server-sse-polling",
    checks: &["server-sse-disconnect-resume"],
    reason: "the gateway does not resume a server's stream by its Last-Event-ID",
}];
