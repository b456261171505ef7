//! The yardstick: a second listener in the rendered configuration, without the filter.

use crate::Failure;
use controller::render::{FILTER, Rendered};
use serde_json::{Value, json};

/// Names the listener and its cluster.
pub(crate) const PLAIN: &str = "plain";

/// Adds a listener like the rendered one, but without the filter and straight to the first server, over a cluster like
/// the rendered one.
///
/// # Errors
/// If what is rendered no longer looks as this expects.
pub(crate) fn add(rendered: &mut Rendered) -> Result<(), Failure> {
    let changed = || "error: the rendered configuration has another shape: bring plain.rs up to date".to_owned();
    let mut cluster = rendered.clusters.resources.first().ok_or_else(changed)?.clone();
    // Envoy knows the type of a static resource.
    cluster.as_object_mut().and_then(|cluster| cluster.remove("@type")).ok_or_else(changed)?;
    cluster["name"] = json!(PLAIN);
    cluster["alt_stat_name"] = json!(PLAIN);
    cluster["load_assignment"]["cluster_name"] = json!(PLAIN);

    let resources = &mut rendered.bootstrap["static_resources"];
    let mut listener = resources.pointer("/listeners/0").ok_or_else(changed)?.clone();
    listener["name"] = json!(PLAIN);
    let manager = listener.pointer_mut("/filter_chains/0/filters/0/typed_config").ok_or_else(changed)?;
    manager["stat_prefix"] = json!(PLAIN);
    manager.as_object_mut().and_then(|manager| manager.remove("rds")).ok_or_else(changed)?;
    manager["route_config"] = json!({
        "name": PLAIN,
        "virtual_hosts": [{
            "name": PLAIN,
            "domains": ["*"],
            "routes": [{
                "match": { "path": "/mcp" },
                "route": { "cluster": PLAIN, "timeout": "0s", "idle_timeout": "0s" },
            }],
        }],
    });
    let filters = manager["http_filters"].as_array_mut().ok_or_else(changed)?;
    let before = filters.len();
    filters.retain(|filter| filter["name"] != FILTER);
    if filters.len() + 1 != before {
        return Err(changed());
    }
    let mut push = |kind: &str, resource: Value| {
        resources[kind].as_array_mut().map(|resources| resources.push(resource)).ok_or_else(changed)
    };
    push("listeners", listener)?;
    push("clusters", cluster)
}
