//! `mcp-gateway render --target`, for Kubernetes.

use crate::args::RenderArgs;
use crate::resource_files::files;
use crate::{Failure, console};
use controller::convert;
use controller::model::Cluster;
use controller::offline::{Files, Target};
use controller::source::kubernetes::Defaults;

pub(crate) fn render(args: &RenderArgs, target: Target) -> Result<(), Failure> {
    if args.resources.is_empty() {
        return Err(
            "error: name the files or folders with the resources: mcp-gateway render --target istio FILE|DIR".into()
        );
    }
    let sha256 = args.module_sha256.as_deref().map(digest).transpose()?;
    let cluster =
        Cluster { domain: args.cluster_domain.clone(), controller_namespace: args.controller_namespace.clone() };
    let defaults = Defaults { cluster, image: args.image.clone(), module: args.module.clone() };
    let mut resources = Files::new(defaults, sha256);
    for file in args.resources.iter().map(|input| files(input)).collect::<Result<Vec<_>, _>>()?.concat() {
        let shown = file.display();
        let yaml =
            std::fs::read_to_string(&file).map_err(|error| format!("error: {shown}: cannot be read: {error}"))?;
        for resource in convert::resources(&yaml).map_err(|error| format!("error: {shown}: is no YAML: {error}"))? {
            resources.add(resource, &args.namespace).map_err(|error| format!("error: {shown}: {error}"))?;
        }
    }
    let rendered = resources.render(target);
    let documents: Vec<_> = rendered.objects.iter().map(convert::yaml).collect();
    if !documents.is_empty() {
        console::say(documents.join("---\n").trim_end());
    }
    for line in rendered.notes.iter().chain(&rendered.mistakes) {
        console::complain(line);
    }
    match rendered.mistakes.len() {
        0 => Ok(()),
        count => Err(format!("error: {count} of the lines above tell what is missing in the output")),
    }
}

/// The digest without its algorithm.
fn digest(text: &str) -> Result<String, Failure> {
    let hex = text.strip_prefix("sha256:").unwrap_or(text);
    if hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(hex.to_owned());
    }
    Err(format!("error: --module-sha256 {text}: write the 64 hexadecimal digits that `mcp-gateway push` prints"))
}
