//! What is said to the person at the terminal.

use std::io::Write;

/// A result, on standard output. A closed output is no reason to end.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// Progress, or something that went wrong, on standard error.
pub(crate) fn complain(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
