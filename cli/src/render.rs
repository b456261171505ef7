//! `mcp-gateway render`.

use crate::args::{RenderArgs, RenderTarget};
use crate::{Failure, console, key, render_resources, validate};
use controller::render::{self, BOOTSTRAP_FILE, Layout, routed};
use controller::sink::Folder;
use std::path::PathBuf;

pub(crate) fn render(args: &RenderArgs) -> Result<(), Failure> {
    if let RenderTarget::Kubernetes(target) = args.target {
        return render_resources::render(args, target);
    }
    if !args.resources.is_empty() {
        return Err(
            "error: resources are read with --target istio or --target envoy-gateway; a declaration is named with \
                    --file, and the folder to write with --output"
                .into(),
        );
    }
    let output = args.output.as_ref().ok_or("error: name the folder to write with --output")?;
    let declaration = validate::read(&args.declaration.source())?;
    let layout = Layout {
        listen: declaration.listen,
        broker: args.broker,
        key: key::read(args.key_file.as_deref(), args.broker)?,
        wasm: args.wasm.clone(),
        mode: args.filter_mode,
        directory: output.clone(),
        admin: None,
        system_ca: system_ca(),
    };
    let folder = if args.key_file.is_some() { Folder::private(output) } else { Folder::shared(output) };
    folder
        .write(&render::render(&routed(declaration.gateway), &layout))
        .map_err(|error| format!("error: {} cannot be written: {error}", output.display()))?;
    console::say(&format!("{} is ready for envoy -c", output.join(BOOTSTRAP_FILE).display()));
    Ok(())
}

/// The certificate authorities that this machine trusts.
pub(crate) fn system_ca() -> PathBuf {
    openssl_probe::probe().cert_file.unwrap_or_else(|| "/etc/ssl/certs/ca-certificates.crt".into())
}
