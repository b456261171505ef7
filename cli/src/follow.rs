//! Following a declaration's file as it changes.

use crate::{Failure, console};
use controller::source::{Declaration, Source};
use notify::{RecursiveMode, Watcher};
use std::path::Path;
use std::time::Duration;
use tokio::sync::mpsc;

/// An editor writes a file in several steps; they are taken as one.
const SETTLING: Duration = Duration::from_millis(100);

/// The good declarations that follow the first one. Broken ones are reported, and change nothing.
pub(crate) struct Changes {
    declarations: mpsc::Receiver<Declaration>,
    _watcher: notify::RecommendedWatcher,
}

impl Changes {
    /// Follows `source`, which was read as `current`.
    ///
    /// The folder is watched, not the file: editors and Kubernetes put another file in its place.
    pub(crate) fn follow(source: Source, current: Declaration) -> Result<Self, Failure> {
        let folder = match source.path().parent() {
            Some(parent) if parent != Path::new("") => parent.to_owned(),
            _ => ".".into(),
        };
        let (touched, touches) = mpsc::channel(1);
        let cannot = |error: notify::Error| format!("error: {} cannot be watched: {error}", folder.display());
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| !event.kind.is_access()) {
                // A full channel already holds the news.
                let _ = touched.try_send(());
            }
        })
        .map_err(cannot)?;
        watcher.watch(&folder, RecursiveMode::NonRecursive).map_err(cannot)?;
        let (sender, declarations) = mpsc::channel(1);
        tokio::spawn(read_again(source, current, touches, sender));
        Ok(Self { declarations, _watcher: watcher })
    }

    /// The next one. Pending for ever if there is none.
    pub(crate) async fn next(&mut self) -> Declaration {
        match self.declarations.recv().await {
            Some(declaration) => declaration,
            None => std::future::pending().await,
        }
    }
}

async fn read_again(
    source: Source,
    mut current: Declaration,
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
                if declaration == current {
                    continue;
                }
                current = declaration.clone();
                if sender.send(declaration).await.is_err() {
                    return;
                }
            }
            Err(mistakes) => {
                let text = mistakes.to_string();
                if text != reported {
                    console::complain(&format!("{text}\nthe last good configuration stays in force"));
                    reported = text;
                }
            }
        }
    }
}
