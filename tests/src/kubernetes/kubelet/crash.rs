//! A pod whose processes end all at once, as those that run out of memory do.

use rustix::process::{Pid, Signal, kill_process};
use std::path::Path;

/// Kills what runs in a pod's network, without a word to it or to the API server.
pub(in crate::kubernetes) fn crash(network: &Path) {
    // Twice followed: the folder's link to the open file, and what that is.
    let Ok(of_pod) = std::fs::read_link(network).and_then(std::fs::read_link) else { return };
    for process in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = process.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw) else { continue };
        if std::fs::read_link(process.path().join("ns/net")).is_ok_and(|network| network == of_pod) {
            // It may have ended meanwhile.
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}
