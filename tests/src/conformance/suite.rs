//! Running a suite.

use super::fixture::{folder, node};
use super::outcome::Outcome;
use crate::gateway::Gateway;
use crate::peers::Era;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// A version of the suite at one revision of the specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suite {
    /// The release line of npm `@modelcontextprotocol/conformance`.
    pub version: &'static str,
    /// The revision that it speaks.
    pub revision: &'static str,
    /// The era of that revision.
    pub era: Era,
    /// Which of its scenarios: `all`, or `active`, which leaves out those that its authors have not finished.
    pub which: &'static str,
    /// How many scenarios it has for servers.
    pub servers: usize,
    /// Its scenarios for clients, but for those of authorization, which a gateway's servers do not see.
    pub clients: &'static [&'static str],
}

/// What is run: the released suite, and the one that knows 2026-07-28.
pub const SUITES: [Suite; 4] = [
    Suite {
        version: "0.1",
        revision: "2025-11-25",
        era: Era::Legacy,
        which: "active",
        servers: 30,
        clients: &["initialize", "tools_call", "elicitation-sep1034-client-defaults", "sse-retry"],
    },
    Suite {
        version: "0.2",
        revision: "2025-06-18",
        era: Era::Legacy,
        which: "all",
        servers: 27,
        clients: &["initialize", "tools_call"],
    },
    Suite {
        version: "0.2",
        revision: "2025-11-25",
        era: Era::Legacy,
        which: "all",
        servers: 33,
        clients: &[
            "initialize",
            "tools_call",
            "elicitation-sep1034-client-defaults",
            "sse-retry",
            "json-schema-2020-12-preservation",
        ],
    },
    Suite {
        version: "0.2",
        revision: "2026-07-28",
        era: Era::Modern,
        which: "all",
        servers: 40,
        clients: &[
            "tools_call",
            "request-metadata",
            "sep-2322-client-request-state",
            "http-standard-headers",
            "http-custom-headers",
            "http-invalid-tool-headers",
            "json-schema-ref-no-deref",
            "json-schema-2020-12-preservation",
        ],
    },
];

/// How long a run of all scenarios may take: a scenario has 30 s at most, and nearly all need a few milliseconds.
const PATIENCE: Duration = Duration::from_secs(150);

impl Suite {
    /// Runs all scenarios for servers.
    ///
    /// # Panics
    ///
    /// When the suite cannot be run, or takes too long.
    pub async fn run(&self, url: &str) -> BTreeMap<String, Outcome> {
        self.server(url, &["--suite", self.which]).await
    }

    /// Runs one scenario; `None` if the suite gave up on it.
    ///
    /// # Panics
    ///
    /// When the suite cannot be run, or takes too long.
    pub async fn run_one(&self, url: &str, scenario: &str) -> Option<Outcome> {
        self.server(url, &["--scenario", scenario]).await.remove(scenario)
    }

    /// Runs one scenario for clients with a client of `era`, behind the gateway if there is one: it is reconfigured, and has to
    /// be for this scenario alone. `None` if the suite gave up on it.
    ///
    /// # Panics
    ///
    /// When the suite cannot be run, or takes too long.
    pub async fn run_client(&self, scenario: &str, era: Era, behind: Option<&Gateway>) -> Option<Outcome> {
        let driver = folder().join("clients/driver.mjs");
        let driver = format!("{} {} --era {era}", node().display(), driver.display());
        let mut command = self.command("client");
        command.args(["--scenario", scenario, "--command", &driver]);
        if let Some(gateway) = behind {
            command
                .env("MCP_GATEWAY_CONFIG", gateway.config())
                .env("MCP_GATEWAY_ENDPOINT", gateway.url())
                .env("MCP_GATEWAY_STATUS", gateway.operator("/status"));
        }
        self.outcomes(command, "").await.remove(scenario)
    }

    async fn server(&self, url: &str, which: &[&str]) -> BTreeMap<String, Outcome> {
        let mut command = self.command("server");
        command.args(["--url", url]).args(which);
        self.outcomes(command, "server-").await
    }

    fn command(&self, tested: &str) -> Command {
        let mut command = Command::new(node());
        command
            .arg(folder().join(format!("bin/conformance-{}.js", self.version)))
            .args([tested, "--spec-version", self.revision])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Runs a command that leaves a folder for each scenario, of its name after `prefix`.
    async fn outcomes(&self, mut command: Command, prefix: &str) -> BTreeMap<String, Outcome> {
        let results = tempfile::tempdir().expect("a folder for temporary files");
        command.arg("--output-dir").arg(results.path());
        // Its status only says whether everything passed.
        let ended = tokio::time::timeout(PATIENCE, command.status()).await;
        ended
            .unwrap_or_else(|_| panic!("the suite {self:?} took longer than {PATIENCE:?}"))
            .expect("the suite can be run");
        outcomes(results.path(), prefix)
    }
}

/// What a run left in its folder: one folder a scenario, of its name between `prefix` and the time.
fn outcomes(results: &Path, prefix: &str) -> BTreeMap<String, Outcome> {
    const TIME: usize = "-2026-07-28T00-00-00-000Z".len();
    let entries = std::fs::read_dir(results).into_iter().flatten().flatten();
    let scenarios = entries.filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let scenario = name.strip_prefix(prefix)?.get(..name.len().checked_sub(prefix.len() + TIME)?)?;
        let checks = std::fs::read(entry.path().join("checks.json")).ok()?;
        Some((scenario.to_owned(), Outcome::read(&checks).ok()?))
    });
    scenarios.collect()
}
