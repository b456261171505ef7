//! `mcp-gateway convert`.

use crate::args::ConvertArgs;
use crate::{Failure, console};
use controller::convert as resources;
use std::fs;
use std::path::{Path, PathBuf};

/// What the names of files with resources end with.
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];

pub(crate) fn convert(args: &ConvertArgs) -> Result<(), Failure> {
    let (mut converted, mut others, mut unread, mut documents) = (0, 0, 0, Vec::new());
    for input in &args.inputs {
        for file in files(input)? {
            let shown = file.display();
            let yaml = fs::read_to_string(&file).map_err(|error| format!("{shown}: cannot be read: {error}"))?;
            // A folder may also hold templates, which say nothing by themselves.
            let result = match resources::convert(&yaml) {
                Ok(result) => result,
                Err(error) => {
                    console::complain(&format!("{shown}: is no YAML and left out: {error}"));
                    unread += 1;
                    continue;
                }
            };
            for remark in &result.remarks {
                console::complain(&format!("{shown}: {remark}"));
            }
            converted += result.resources.len();
            others += result.others;
            let texts: Vec<_> = result.resources.iter().map(resources::yaml).collect();
            match &args.output {
                Some(folder) if !texts.is_empty() => write(folder, input, &file, &texts.join("---\n"))?,
                Some(_) => {}
                None => documents.extend(texts),
            }
        }
    }
    if !documents.is_empty() {
        console::say(documents.join("---\n").trim_end());
    }
    console::complain(&format!("{converted} resources converted, {others} of other groups left as they are"));
    if unread == 0 { Ok(()) } else { Err(format!("{unread} files could not be read: correct or remove them")) }
}

/// The files that `input` stands for, by name.
fn files(input: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = |error: std::io::Error| format!("{}: cannot be read: {error}", input.display());
    if !fs::metadata(input).map_err(unreadable)?.is_dir() {
        return Ok(vec![input.to_owned()]);
    }
    let entries: Result<Vec<_>, _> = fs::read_dir(input).map_err(unreadable)?.collect();
    let mut paths: Vec<_> = entries.map_err(unreadable)?.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        // A link to a folder may lead back here.
        let is_folder = path.is_dir() && !path.is_symlink();
        let is_resource = path.extension().is_some_and(|extension| EXTENSIONS.iter().any(|known| extension == *known));
        if is_folder {
            found.extend(files(&path)?);
        } else if is_resource && path.is_file() {
            found.push(path);
        }
    }
    Ok(found)
}

/// Writes what came of `file`, at the same place under `folder` as `file` has under `input`.
fn write(folder: &Path, input: &Path, file: &Path, text: &str) -> Result<(), Failure> {
    let place = file.strip_prefix(input).ok().filter(|place| !place.as_os_str().is_empty());
    let place = place.map(Path::to_owned).or_else(|| file.file_name().map(PathBuf::from)).unwrap_or_default();
    let target = folder.join(place).with_extension("yaml");
    let unwritable = |error: std::io::Error| format!("{}: cannot be written: {error}", target.display());
    if target.exists() {
        return Err(format!("{}: is there already: choose another folder", target.display()));
    }
    fs::create_dir_all(target.parent().unwrap_or(folder)).map_err(unwritable)?;
    fs::write(&target, text).map_err(unwritable)
}
