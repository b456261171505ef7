//! The official conformance suites at one strictly legacy and one strictly modern server: directly, through the gateway, and
//! through the gateway at the server of the other era. `make conformance` shows the tables.

mod conformance_exceptions;

use conformance_exceptions::{CANNOT, FAILING};
use futures::{StreamExt as _, stream};
use mcp_gateway_tests::conformance::judge::{doubtful, faults};
use mcp_gateway_tests::conformance::suite::SUITES;
use mcp_gateway_tests::conformance::{Fixture, Suite, Table, Way};
use mcp_gateway_tests::gateway::{Config, Gateway};
use mcp_gateway_tests::peers::Era;

/// How many suites run at once.
const AT_ONCE: usize = 3;

/// A fixture, and a gateway that has it alone, without a prefix: scenarios name their tools.
struct Side {
    fixture: Fixture,
    gateway: Gateway,
}

impl Side {
    async fn start(era: Era) -> Self {
        let fixture = Fixture::start(era).await;
        let gateway = Config::new().server("fixture", "", fixture.url()).start().await;
        Self { fixture, gateway }
    }
}

struct Rig {
    legacy: Side,
    modern: Side,
}

impl Rig {
    /// Where a suite finds its server.
    fn url(&self, suite: Suite, way: Way) -> &str {
        let (own, other) = match suite.era {
            Era::Legacy => (&self.legacy, &self.modern),
            Era::Modern => (&self.modern, &self.legacy),
        };
        match way {
            Way::Direct => own.fixture.url(),
            Way::Through => own.gateway.url(),
            Way::Crossed => other.gateway.url(),
        }
    }
}

#[tokio::test]
async fn every_scenario_for_servers() {
    let (legacy, modern) = tokio::join!(Side::start(Era::Legacy), Side::start(Era::Modern));
    let rig = Rig { legacy, modern };
    let mut tables = SUITES.map(Table::new);
    let runs = tables.iter().enumerate().flat_map(|(at, table)| Way::ALL.map(|way| (at, table.suite, way)));
    let runs = stream::iter(runs.collect::<Vec<_>>())
        .map(async |(at, suite, way)| (at, way, suite.run(rig.url(suite, way)).await))
        .buffer_unordered(AT_ONCE);
    for (at, way, outcomes) in runs.collect::<Vec<_>>().await {
        tables[at].add(way, outcomes);
    }

    let exceptions = [CANNOT, FAILING].concat();
    let mut wrong = Vec::new();
    for table in &mut tables {
        // Some scenarios have deadlines of half a second, which a busy machine does not keep.
        for (scenario, way) in doubtful(table, &exceptions) {
            if let Some(outcome) = table.suite.run_one(rig.url(table.suite, way), &scenario).await {
                table.add(way, [(scenario, outcome)].into());
            }
        }
        println!("{table}");
        wrong.extend(faults(table, &exceptions));
    }
    for (title, listed) in [("Cannot pass, by what the eras are", CANNOT), ("Does not pass yet", FAILING)] {
        println!("{title}:");
        for exception in listed {
            println!("  {}, {} {}: {}", exception.scenario, exception.suite, exception.way, exception.reason);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
