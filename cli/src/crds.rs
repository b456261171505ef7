//! `mcp-gateway crds`.

use crate::{Failure, console};
use controller::api::{Crd, crds};

pub(crate) fn print() -> Result<(), Failure> {
    let documents: Vec<_> = crds().iter().map(Crd::yaml).collect();
    console::say(documents.join("---\n").trim_end());
    Ok(())
}
