//! What is wrong in a declaration, and where.

use super::node::Place;
use std::fmt;
use std::path::{Path, PathBuf};

/// One mistake, or one thing worth knowing, in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// Line, counted from 1.
    pub line: u64,
    /// Column, counted from 1.
    pub column: u64,
    /// The field, as a path: `servers[1].url`. Empty for the document.
    pub field: String,
    /// What is wrong and how to put it right.
    pub message: String,
}

/// Everything that is wrong in a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Mistakes {
    /// The file.
    pub file: PathBuf,
    /// In the order of their lines. Never empty.
    pub remarks: Vec<Remark>,
    /// Other files that it names, as far as it was read: correcting one of them may put it right.
    pub files: Vec<PathBuf>,
}

impl Mistakes {
    /// A mistake that concerns the file as a whole: it cannot be read, for one.
    pub(super) fn of_file(file: &Path, message: String) -> Self {
        let remark = Remark { line: 1, column: 1, field: String::new(), message };
        Self { file: file.to_owned(), remarks: vec![remark], files: Vec::new() }
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, remark) in self.remarks.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{}:{remark}", self.file.display())?;
        }
        Ok(())
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.line, self.column)?;
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.message)
    }
}

/// Collects remarks while a file is read.
#[derive(Debug, Default)]
pub(super) struct Report {
    mistakes: Vec<Remark>,
    notes: Vec<Remark>,
    files: Vec<PathBuf>,
}

impl Report {
    /// Something that has to be put right.
    pub(super) fn mistake(&mut self, place: Place, field: &str, message: impl Into<String>) {
        self.mistakes.push(remark(place, field, message.into()));
    }

    /// Something worth knowing.
    pub(super) fn note(&mut self, place: Place, field: &str, message: impl Into<String>) {
        self.notes.push(remark(place, field, message.into()));
    }

    /// Another file whose content is part of the declaration.
    pub(super) fn file(&mut self, path: &Path) {
        if !self.files.iter().any(|known| known == path) {
            self.files.push(path.to_owned());
        }
    }

    /// The notes and the other files, if there was no mistake.
    pub(super) fn finish(mut self, file: &Path) -> Result<(Vec<Remark>, Vec<PathBuf>), Mistakes> {
        if self.mistakes.is_empty() {
            return Ok((self.notes, self.files));
        }
        self.mistakes.sort_by_key(|m| (m.line, m.column));
        Err(Mistakes { file: file.to_owned(), remarks: self.mistakes, files: self.files })
    }
}

fn remark(place: Place, field: &str, message: String) -> Remark {
    Remark { line: place.line, column: place.column, field: field.to_owned(), message }
}
