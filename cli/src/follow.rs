//! Following a declaration's files as they change.

use crate::{Failure, console};
use controller::source::{Declaration, Source};
use notify::{RecursiveMode, Watcher};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc;

/// An editor writes a file in several steps; they are taken as one.
const SETTLING: Duration = Duration::from_millis(100);

/// The good declarations that follow the first one. Broken ones are reported, and change nothing.
pub(crate) struct Changes {
    declarations: mpsc::Receiver<Declaration>,
}

impl Changes {
    /// Follows `source`, which was read as `current`, and the files that it names.
    pub(crate) fn follow(source: Source, current: Declaration) -> Result<Self, Failure> {
        let (mut folders, touches) = Folders::new(source.path())?;
        folders.watch_those_of(&current.files);
        let (sender, declarations) = mpsc::channel(1);
        tokio::spawn(read_again(source, current, folders, touches, sender));
        Ok(Self { declarations })
    }

    /// The next one. Pending for ever if there is none.
    pub(crate) async fn next(&mut self) -> Declaration {
        match self.declarations.recv().await {
            Some(declaration) => declaration,
            None => std::future::pending().await,
        }
    }
}

/// The folders that the files are in.
///
/// They are watched, not the files: editors and Kubernetes put another file in its place.
struct Folders {
    watcher: notify::RecommendedWatcher,
    /// That of the declaration itself.
    own: PathBuf,
    others: BTreeSet<PathBuf>,
    touched: mpsc::Sender<()>,
}

impl Folders {
    fn new(declaration: &Path) -> Result<(Self, mpsc::Receiver<()>), Failure> {
        let own = folder(declaration);
        let (touched, touches) = mpsc::channel(1);
        let cannot = |error: notify::Error| format!("error: {} cannot be watched: {error}", own.display());
        let touch = touched.clone();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| !event.kind.is_access()) {
                // A full channel already holds the news.
                let _ = touch.try_send(());
            }
        })
        .map_err(cannot)?;
        watcher.watch(&own, RecursiveMode::NonRecursive).map_err(cannot)?;
        Ok((Self { watcher, own, others: BTreeSet::new(), touched }, touches))
    }

    /// Watches the folders of `files` beside the declaration's own, and no others.
    fn watch_those_of(&mut self, files: &[PathBuf]) {
        // A link in a folder that does not change may lead to a file that does.
        let linked = files.iter().filter_map(|file| std::fs::canonicalize(file).ok());
        let mut wanted: BTreeSet<_> = files.iter().cloned().chain(linked).map(|file| folder(&file)).collect();
        wanted.remove(&self.own);
        for gone in self.others.difference(&wanted) {
            // It may have been removed.
            let _ = self.watcher.unwatch(gone);
        }
        wanted.retain(|folder| {
            self.others.contains(folder) || {
                let watched = self.watcher.watch(folder, RecursiveMode::NonRecursive);
                if let Err(error) = &watched {
                    console::complain(&format!("changes in {} go unnoticed: {error}", folder.display()));
                } else {
                    // What changed before this is to be noticed, too.
                    let _ = self.touched.try_send(());
                }
                watched.is_ok()
            }
        });
        self.others = wanted;
    }
}

fn folder(file: &Path) -> PathBuf {
    match file.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => ".".into(),
    }
}

async fn read_again(
    source: Source,
    mut current: Declaration,
    mut folders: Folders,
    mut touches: mpsc::Receiver<()>,
    sender: mpsc::Sender<Declaration>,
) {
    let mut reported = String::new();
    while touches.recv().await.is_some() {
        tokio::time::sleep(SETTLING).await;
        while touches.try_recv().is_ok() {}
        match source.read() {
            Ok(declaration) => {
                reported.clear();
                folders.watch_those_of(&declaration.files);
                if declaration == current {
                    continue;
                }
                current = declaration.clone();
                if sender.send(declaration).await.is_err() {
                    return;
                }
            }
            Err(mistakes) => {
                folders.watch_those_of(&[&current.files[..], &mistakes.files].concat());
                let text = mistakes.to_string();
                if text != reported {
                    console::complain(&format!("{text}\nthe last good configuration stays in force"));
                    reported = text;
                }
            }
        }
    }
}
