//! The pods' `/etc/hosts`, which is one file for all.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Names that pods resolve.
#[derive(Debug, Clone)]
pub(in crate::kubernetes) struct Hosts {
    file: PathBuf,
    names: Arc<Mutex<Names>>,
}

#[derive(Debug, Default)]
struct Names {
    services: BTreeMap<(String, String), String>,
    others: BTreeMap<String, String>,
    written: String,
}

impl Hosts {
    /// Those in a file that is made now.
    pub(in crate::kubernetes) fn new(file: &Path) -> Self {
        let hosts = Self { file: file.to_owned(), names: Arc::default() };
        File::create(file).expect("making a file of hosts");
        hosts.services(BTreeMap::new());
        hosts
    }

    /// Where it is.
    pub(in crate::kubernetes) fn file(&self) -> &Path {
        &self.file
    }

    /// Gives an address a name.
    pub(in crate::kubernetes) fn add(&self, name: &str, address: &str) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.others.insert(name.to_owned(), address.to_owned());
        self.write(&mut names);
    }

    /// Sets the addresses of Services, by namespace and name.
    pub(super) fn services(&self, services: BTreeMap<(String, String), String>) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.services = services;
        self.write(&mut names);
    }

    /// In place, since pods have mounted the file: longer text at once, shorter text padded, so that who reads meanwhile
    /// finds every name that was and stays.
    fn write(&self, names: &mut Names) {
        let mut text = "127.0.0.1 localhost\n".to_owned();
        for (name, address) in &names.others {
            let _ = writeln!(text, "{address} {name}");
        }
        for ((namespace, name), address) in &names.services {
            let _ = writeln!(
                text,
                "{address} {name}.{namespace}.svc.cluster.local {name}.{namespace}.svc {name}.{namespace}"
            );
        }
        if text.trim_end() == names.written.trim_end() {
            return;
        }
        let padding = names.written.len().saturating_sub(text.len());
        let padded = format!("{text}{}", "\n".repeat(padding));
        let file = File::options().write(true).open(&self.file).expect("the file of hosts");
        file.write_all_at(padded.as_bytes(), 0).expect("writing the file of hosts");
        names.written = padded;
    }
}
