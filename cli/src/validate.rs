//! `mcp-gateway validate`.

use crate::args::DeclarationArgs;
use crate::{Failure, console};
use controller::source::{Declaration, Source};

pub(crate) fn validate(args: &DeclarationArgs) -> Result<(), Failure> {
    let source = args.source();
    let declaration = read(&source)?;
    let count = declaration.gateway.servers.len();
    console::say(&format!("{}: valid, {count} server{}", source.path().display(), if count == 1 { "" } else { "s" }));
    Ok(())
}

/// The declaration in a file, its notes told.
pub(crate) fn read(source: &Source) -> Result<Declaration, Failure> {
    let declaration = source.read().map_err(|mistakes| mistakes.to_string())?;
    for note in &declaration.notes {
        console::complain(&format!("{}:{note}", source.path().display()));
    }
    Ok(declaration)
}
