//! Other modules to compare with: a listener for each, in the same Envoy.

use crate::Failure;
use controller::render::{FILTER, Rendered};
use serde_json::json;
use std::path::PathBuf;

/// The name of the listener of the module with this number.
pub(crate) fn listener(number: usize) -> String {
    format!("against-{number}")
}

/// Adds a listener like the rendered one for each of these modules. Each has a VM of its own, and shares no data with the others.
///
/// # Errors
/// If what is rendered no longer looks as this expects.
pub(crate) fn add(rendered: &mut Rendered, modules: &[PathBuf]) -> Result<(), Failure> {
    let changed = || "error: the rendered configuration has another shape: bring against.rs up to date".to_owned();
    let extension = rendered.extension.resources.first().and_then(|extension| extension.get("typed_config"));
    let extension = extension.ok_or_else(changed)?.clone();
    let listeners = rendered.bootstrap["static_resources"]["listeners"].as_array_mut().ok_or_else(changed)?;
    let own = listeners.first().ok_or_else(changed)?.clone();
    for (number, module) in modules.iter().enumerate() {
        let name = listener(number);
        let mut extension = extension.clone();
        let vm = extension.pointer_mut("/config/vm_config").ok_or_else(changed)?;
        vm["vm_id"] = json!(name);
        vm["code"]["local"]["filename"] = json!(module);
        let mut listener = own.clone();
        listener["name"] = json!(name);
        let manager = listener.pointer_mut("/filter_chains/0/filters/0/typed_config").ok_or_else(changed)?;
        manager["stat_prefix"] = json!(name);
        let filters = manager["http_filters"].as_array_mut().ok_or_else(changed)?;
        let filter = filters.iter_mut().find(|filter| filter["name"] == FILTER).ok_or_else(changed)?;
        *filter = json!({ "name": FILTER, "typed_config": extension });
        listeners.push(listener);
    }
    Ok(())
}
