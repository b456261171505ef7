//! `mcp-gateway run`: the whole gateway in the foreground.

use crate::args::RunArgs;
use crate::broker_alone::{address, bind};
use crate::changes::Applier;
use crate::envoy::{self, Admin, Envoy, Launch};
use crate::follow::Changes;
use crate::render::system_ca;
use crate::signals::Signals;
use crate::{Failure, console, key, servers, validate};
use broker::Options;
use controller::render::{BOOTSTRAP_FILE, Layout, render, routed};
use controller::sink::Folder;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::sync::watch;

/// Paths of sockets have 107 bytes at most; this leaves room for ours.
const MAX_FOLDER_BYTES: usize = 70;

pub(crate) async fn run(args: RunArgs) -> Result<(), Failure> {
    let mut signals = Signals::catch()?;
    tokio::select! {
        // A signal before everything is up: what was started ends as it is dropped.
        () = signals.next() => Ok(()),
        started = start(args) => {
            let running = started?;
            signals.next().await;
            running.end(&mut signals).await;
            Ok(())
        }
    }
}

/// The parts of a running gateway.
struct Running {
    envoy: Envoy,
    broker: broker::Broker,
    tasks: [tokio::task::JoinHandle<()>; 2],
    _folder: TempDir,
}

async fn start(args: RunArgs) -> Result<Running, Failure> {
    let source = args.declaration.source();
    let declaration = validate::read(&source)?;
    let listen = args.listen.unwrap_or(declaration.listen);
    is_free(listen)?;
    let binary = envoy::envoy(args.envoy.as_deref())?;
    let wasm = envoy::wasm(args.wasm.as_deref())?;
    let folder = private_folder()?;
    let public = bind(args.broker_listen)?;
    let internal = bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let public_address = address(&public)?;
    let mut layout = Layout {
        listen,
        broker: address(&internal)?,
        key: key::random()?,
        wasm,
        mode: args.filter_mode,
        directory: folder.path().to_owned(),
        admin: Some(folder.path().join("admin.sock")),
        system_ca: system_ca(),
    };

    let changes = Changes::follow(source, declaration.clone())?;
    let declared = Arc::new(routed(declaration.gateway));
    let (gateway, followed) = watch::channel(Arc::clone(&declared));
    let broker =
        broker::start(followed, Options { public, internal, metrics: None, key: layout.key.clone(), advertised: None });
    let rendered = render(&declared, &layout);
    let sink = Folder::private(folder.path());
    let unwritten = |error| format!("error: {} cannot be written: {error}", folder.path().display());
    sink.write(&rendered).map_err(unwritten)?;
    let admin_socket = folder.path().join("admin.sock");
    let admin = Admin::new(&admin_socket)?;
    let launch =
        Launch { binary, bootstrap: folder.path().join(BOOTSTRAP_FILE), admin_socket, concurrency: args.concurrency };
    let mut status = broker.status();
    let envoy = Envoy::start(launch, admin.clone()).await?;
    let endpoint = admin.listen().await.unwrap_or(listen);
    if endpoint != listen {
        // The system chose the port: an Envoy that is started again has to take the same one.
        layout.listen = endpoint;
        sink.write(&render(&declared, &layout)).map_err(unwritten)?;
    }
    let told = servers::introduce(&mut status).await;
    servers::tell_store(&broker).await;
    console::say(&format!("Status: http://{public_address}/status"));
    console::say(&format!("MCP endpoint: http://{}/mcp", envoy::from_here(endpoint)));

    let applier = Applier { layout, folder: sink, admin, gateway, rendered, listen: declaration.listen };
    let tasks = [tokio::spawn(servers::report(status, told)), tokio::spawn(applier.follow(changes))];
    Ok(Running { envoy, broker, tasks, _folder: folder })
}

impl Running {
    /// Ends everything: calls that are under way get a moment, unless a second signal comes.
    async fn end(self, signals: &mut Signals) {
        console::say("Ending: calls under way get a moment; Ctrl-C again to end at once.");
        for task in &self.tasks {
            task.abort();
        }
        let politely = async {
            self.envoy.drain().await;
            self.broker.shutdown().await;
        };
        tokio::select! {
            () = politely => {}
            () = signals.next() => {}
        }
        self.envoy.end().await;
    }
}

/// Whether nobody else listens there. Envoy itself would share the port with another Envoy.
fn is_free(listen: SocketAddr) -> Result<(), Failure> {
    std::net::TcpListener::bind(listen).map(drop).map_err(|error| {
        format!("error: cannot listen on {listen}: {error}: end what listens there, or choose another address with --listen or `listen`")
    })
}

/// A folder that only this user can read, and that goes with the program.
fn private_folder() -> Result<TempDir, Failure> {
    let own = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let parent = [own, Some(std::env::temp_dir())]
        .into_iter()
        .flatten()
        .find(|path| path.is_dir() && path.as_os_str().len() <= MAX_FOLDER_BYTES)
        .unwrap_or_else(|| Path::new("/tmp").to_owned());
    tempfile::Builder::new()
        .prefix("mcp-gateway-")
        .permissions(std::fs::Permissions::from_mode(0o700))
        .tempdir_in(&parent)
        .map_err(|error| format!("error: no folder can be made in {}: {error}", parent.display()))
}
