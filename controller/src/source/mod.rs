//! Where declarations come from: `gateway.yaml`, or the `mcpServers` file of a desktop client.
//!
//! Every mistake is reported, not only the first, with its place, its field and what to do.

mod check;
mod comments;
mod editing;
mod expand;
mod fields;
pub(crate) mod forward;
mod gateway;
pub mod kubernetes;
mod mcp_json;
mod mistake;
mod node;
pub(crate) mod redis;
mod server;
mod session_store;
#[cfg(test)]
mod tests;
mod transport;
pub(crate) mod values;
mod virtual_server;

pub use mistake::{Mistakes, Remark};

use editing::DeclaredEditing;
use expand::Environment;
use mistake::Report;
use node::Node;
use protocol::config::{Access, Gateway, Limits, SessionStore, VirtualServer};
use server::Declared;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// Where the gateway listens if nothing else is said.
pub const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// The environment variable with the secret that session ids are sealed with.
const SESSION_KEY: &str = "MCP_GATEWAY_SESSION_KEY";

/// A file that declares a gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// `gateway.yaml`.
    Gateway(PathBuf),
    /// `{"mcpServers": …}`.
    McpJson(PathBuf),
}

/// A gateway as it was declared, without mistakes.
#[derive(Debug, Clone, PartialEq)]
pub struct Declaration {
    /// Where clients come in.
    pub listen: SocketAddr,
    /// The rest.
    pub gateway: Gateway,
    /// What the operator should know: names that had to be changed, entries left out.
    pub notes: Vec<Remark>,
    /// Other files whose content is part of it: the authorities of servers.
    pub files: Vec<PathBuf>,
}

impl Source {
    /// The file's path.
    pub fn path(&self) -> &Path {
        match self {
            Self::Gateway(path) | Self::McpJson(path) => path,
        }
    }

    /// Reads and checks the file. Variables come from the process's environment.
    pub fn read(&self) -> Result<Declaration, Mistakes> {
        let text = std::fs::read_to_string(self.path()).map_err(|error| {
            let fix = match error.kind() {
                ErrorKind::NotFound => {
                    ": write it (README.md, Your own servers), or name another with --file or --mcp-json"
                }
                _ => "",
            };
            Mistakes::of_file(self.path(), format!("cannot be read: {error}{fix}"))
        })?;
        self.parse(&text, &|name| std::env::var(name).ok())
    }

    fn parse(&self, text: &str, environment: Environment<'_>) -> Result<Declaration, Mistakes> {
        let path = self.path();
        let directory = path.parent().map(Path::to_owned).unwrap_or_default();
        let mut context = Context { report: Report::default(), environment, directory };
        let parsed = match self {
            Self::Gateway(_) => Node::parse(text),
            Self::McpJson(_) => Node::parse(&comments::blanked(text)),
        };
        let read = match parsed {
            Ok(document) => self.read_document(&document, &mut context),
            Err((place, message)) => {
                context.report.mistake(place, "", message);
                None
            }
        };
        if let Some(read) = &read {
            check::check(&read.servers, read.listen, &mut context.report);
        }
        let (notes, files) = context.report.finish(path)?;
        let Some(read) = read else {
            return Err(Mistakes::of_file(path, "declares nothing".to_owned()));
        };
        let servers: Vec<_> = read.servers.into_iter().map(|declared| declared.server).collect();
        let editing = read.editing.complete(&servers);
        let Read { virtual_servers, access, limits, session_store, .. } = read;
        let gateway = Gateway { version: None, servers, virtual_servers, access, limits, editing, session_store };
        Ok(Declaration { listen: read.listen, gateway, notes, files })
    }

    fn read_document(&self, document: &Node, context: &mut Context<'_>) -> Option<Read> {
        match self {
            Self::Gateway(_) => gateway::read(document, context),
            Self::McpJson(_) => Some(Read {
                listen: DEFAULT_LISTEN,
                servers: mcp_json::read(document, context),
                virtual_servers: Vec::new(),
                access: Access::default(),
                limits: Limits::default(),
                editing: DeclaredEditing::default(),
                session_store: SessionStore::default(),
            }),
        }
    }
}

/// What a document said, before the checks between servers.
struct Read {
    listen: SocketAddr,
    servers: Vec<Declared>,
    virtual_servers: Vec<VirtualServer>,
    access: Access,
    limits: Limits,
    editing: DeclaredEditing,
    session_store: SessionStore,
}

/// What every reader needs.
struct Context<'a> {
    report: Report,
    environment: Environment<'a>,
    /// Relative paths in the file start here.
    directory: PathBuf,
}
