//! Many registrations at once.

use mcp_gateway_tests::fake::{Exchange, Fake};
use mcp_gateway_tests::kubernetes::{self, Mode, Site};
use serde_json::json;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

const COUNT: usize = 100;

/// How long it may take until all are callable. Much more than it takes on a machine that does nothing else.
const LIMIT: Duration = Duration::from_secs(120);

#[test]
fn a_hundred_servers_are_registered_at_once() {
    kubernetes::test(async |cluster| {
        let site = Site::new(cluster, Mode::EnvoyFilter).await;
        let servers: Vec<_> =
            (0..4).map(|_| Fake::modern().at(cluster.node()).tool("add", Exchange::ok).start()).collect();
        for (number, server) in servers.iter().enumerate() {
            site.serve(&format!("service-{number}"), server).await;
        }
        let mut yaml = String::new();
        for number in 0..COUNT {
            let service = number % servers.len();
            let _ = write!(
                yaml,
                r"
apiVersion: mcpgateway.dev/v1alpha1
kind: MCPServerRegistration
metadata: {{name: server-{number}}}
spec: {{prefix: s{number}_, targetRef: {{kind: Service, name: service-{service}, port: 8000}}}}
---
"
            );
        }
        cluster.apply_in(&site.namespace, &yaml).await;
        let since = Instant::now();
        let modern = site.modern();
        for number in 0..COUNT {
            while modern.call(&format!("s{number}_add"), json!({})).await["result"].is_null() {
                assert!(since.elapsed() < LIMIT, "server {number} cannot be called");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        let callable = since.elapsed();
        for number in [0, COUNT / 2, COUNT - 1] {
            site.ready(&format!("server-{number}")).await;
        }
        let text =
            format!("{COUNT} registrations: all callable after {callable:?}, ready after {:?}\n", since.elapsed());
        std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes()).ok();
        assert_eq!(site.legacy().await.tools().await.len(), COUNT);
    });
}
