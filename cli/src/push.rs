//! `mcp-gateway push`.

use crate::args::PushArgs;
use crate::{Failure, console, envoy};
use controller::oci::{Credentials, ModuleUrl, Pushed, Registries};
use std::path::Path;

/// What a WebAssembly module of version 1 begins with.
const MAGIC: &[u8] = b"\0asm\x01\0\0\0";

pub(crate) async fn push(args: PushArgs) -> Result<(), Failure> {
    let fail = |error: &dyn std::fmt::Display| format!("error: {error}");
    let module = read(&envoy::module(args.module.as_deref(), "--module")?)?;
    let url: ModuleUrl = args.url.parse().map_err(|error| fail(&error))?;
    if args.url.contains('@') {
        return Err(format!("error: {url}: a digest cannot be pushed to; name a tag"));
    }
    let plain_http = if args.plain_http { vec![url.registry().to_owned()] } else { Vec::new() };
    let credentials = Credentials::of_this_machine(url.registry()).map_err(|error| fail(&error))?;
    let Pushed { sha256, length } =
        Registries::new(plain_http).push(&url, module, &credentials).await.map_err(|error| fail(&error))?;
    if args.quiet {
        console::say(&sha256);
    } else {
        console::say(&format!("Pushed {length} bytes to {url}\ndigest: sha256:{sha256}"));
        console::say("For a WasmPlugin; the quotes keep YAML from taking the digest for a number:");
        console::say(&format!("  url: {url}\n  sha256: \"{sha256}\""));
    }
    Ok(())
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let module =
        std::fs::read(file).map_err(|error| format!("error: --module {} cannot be read: {error}", file.display()))?;
    if module.starts_with(MAGIC) {
        Ok(module)
    } else {
        Err(format!("error: --module {} is no WebAssembly module; build the filter: make wasm", file.display()))
    }
}
