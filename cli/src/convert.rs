//! `mcp-gateway convert`.

use crate::args::ConvertArgs;
use crate::resource_files::files;
use crate::{Failure, console};
use controller::convert::{self as resources, Converted};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Stands for stdin.
const STDIN: &str = "-";
/// What comes of stdin, in a folder.
const OF_STDIN: &str = "stdin.yaml";
/// What an expression of a template begins with.
const TEMPLATE: &str = "{{";

pub(crate) fn convert(args: &ConvertArgs) -> Result<(), Failure> {
    let (mut converted, mut others, mut unread) = (0, 0, 0);
    let mut outputs = Vec::new();
    for input in &args.inputs {
        let found = if input == Path::new(STDIN) { vec![input.clone()] } else { files(input)? };
        for file in found {
            let result = match read(&file) {
                Ok(result) => result,
                Err(error) => {
                    console::complain(&format!("{}: {error}", file.display()));
                    unread += 1;
                    continue;
                }
            };
            for remark in &result.remarks {
                console::complain(&format!("{}: {remark}", file.display()));
            }
            converted += result.resources.len();
            others += result.others;
            let texts: Vec<_> = result.resources.iter().map(resources::yaml).collect();
            if !texts.is_empty() {
                outputs.push((place(input, &file), texts.join("---\n")));
            }
        }
    }
    match &args.output {
        Some(folder) => write(folder, &outputs)?,
        None if outputs.is_empty() => {}
        None => {
            let texts: Vec<_> = outputs.into_iter().map(|(_, text)| text).collect();
            console::say(texts.join("---\n").trim_end());
        }
    }
    console::complain(&format!("{converted} resources converted, {others} of other groups left as they are"));
    if unread == 0 { Ok(()) } else { Err(format!("{unread} files could not be read: correct or remove them")) }
}

/// What becomes of one file. An error says why it is left out: a folder may hold anything.
fn read(file: &Path) -> Result<Converted, String> {
    let text = if file == Path::new(STDIN) { io::read_to_string(io::stdin()) } else { fs::read_to_string(file) };
    let yaml = text.map_err(|error| format!("cannot be read and is left out: {error}"))?;
    resources::convert(&yaml).map_err(|error| {
        if yaml.contains(TEMPLATE) {
            "is a template and left out: render it first, as `helm template` does".to_owned()
        } else {
            format!("is no YAML and left out: {error}")
        }
    })
}

/// Where in the output's folder what came of `file` belongs: at the same place as `file` has under `input`.
fn place(input: &Path, file: &Path) -> PathBuf {
    if file == Path::new(STDIN) {
        return PathBuf::from(OF_STDIN);
    }
    let place = file.strip_prefix(input).ok().filter(|place| !place.as_os_str().is_empty());
    let place = place.map(Path::to_owned).or_else(|| file.file_name().map(PathBuf::from)).unwrap_or_default();
    if place.extension().is_some_and(|extension| extension == "json") {
        place.with_added_extension("yaml")
    } else {
        place
    }
}

/// Writes all of it, or nothing where something is in the way.
fn write(folder: &Path, outputs: &[(PathBuf, String)]) -> Result<(), Failure> {
    let mut places = BTreeSet::new();
    for (place, _) in outputs {
        let target = folder.join(place);
        if target.exists() {
            return Err(format!("{}: is there already: choose another folder", target.display()));
        }
        if !places.insert(place) {
            return Err(format!("{}: comes of two inputs: convert them into two folders", place.display()));
        }
    }
    for (place, text) in outputs {
        let target = folder.join(place);
        let unwritable = |error: std::io::Error| format!("{}: cannot be written: {error}", target.display());
        fs::create_dir_all(target.parent().unwrap_or(folder)).map_err(unwritable)?;
        fs::write(&target, text).map_err(unwritable)?;
    }
    Ok(())
}
