//! Carries connections to Services.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Before what failed is tried again.
const PAUSE: Duration = Duration::from_millis(100);

/// Where connections may be carried to.
pub(super) type Backends = Vec<SocketAddr>;

/// All Services' ports.
#[derive(Debug, Default)]
pub(super) struct Proxies(BTreeMap<SocketAddr, Proxy>);

#[derive(Debug)]
struct Proxy {
    backends: Arc<Mutex<Backends>>,
    task: JoinHandle<()>,
}

impl Proxies {
    /// Sets where connections to which address go. Open ones stay where they are.
    pub(super) fn set(&mut self, wanted: BTreeMap<SocketAddr, Backends>) {
        self.0.retain(|at, _| wanted.contains_key(at));
        for (at, backends) in wanted {
            let proxy = self.0.entry(at).or_insert_with(|| Proxy::start(at));
            *proxy.backends.lock().unwrap_or_else(PoisonError::into_inner) = backends;
        }
    }
}

impl Proxy {
    fn start(at: SocketAddr) -> Self {
        let backends = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn(serve(at, backends.clone()));
        Self { backends, task }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(at: SocketAddr, backends: Arc<Mutex<Backends>>) {
    // Another Service may just have lost the address, and who serves that one may not have noticed yet.
    let listener = loop {
        match TcpListener::bind(at).await {
            Ok(listener) => break listener,
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    };
    let mut turn = 0_usize;
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        turn = turn.wrapping_add(1);
        let mut candidates = backends.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let count = candidates.len();
        candidates.rotate_left(turn.checked_rem(count).unwrap_or_default());
        tokio::spawn(carry(stream, candidates));
    }
}

/// To the first that answers. Without any, the connection is closed.
async fn carry(mut stream: TcpStream, backends: Backends) {
    for backend in backends {
        if let Ok(mut upstream) = TcpStream::connect(backend).await {
            let _ = stream.set_nodelay(true);
            let _ = upstream.set_nodelay(true);
            let _ = tokio::io::copy_bidirectional(&mut stream, &mut upstream).await;
            return;
        }
    }
    let _ = stream.set_zero_linger();
}
