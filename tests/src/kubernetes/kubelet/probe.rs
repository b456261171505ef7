//! Probes of containers.

use k8s_openapi::api::core::v1::{Container, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How often a probe is repeated that has not succeeded yet: quicker than declared, to save the tests' time.
const EAGER: Duration = Duration::from_millis(100);

/// How often a probe is repeated.
pub(super) fn period(probe: &Probe, succeeded: bool) -> Duration {
    let declared = Duration::from_secs(probe.period_seconds.unwrap_or(10).unsigned_abs().into());
    if succeeded { declared } else { declared.min(EAGER) }
}

/// Whether the container answers as the probe wants it.
pub(super) async fn succeeds(probe: &Probe, container: &Container, address: &str) -> bool {
    let timeout = Duration::from_secs(probe.timeout_seconds.unwrap_or(1).unsigned_abs().into());
    let (port, path) = if let Some(get) = &probe.http_get {
        (&get.port, Some(get.path.clone().unwrap_or_else(|| "/".to_owned())))
    } else if let Some(socket) = &probe.tcp_socket {
        (&socket.port, None)
    } else {
        return true;
    };
    let Some(at) = number(port, container).and_then(|port| format!("{address}:{port}").parse().ok()) else {
        return false;
    };
    tokio::time::timeout(timeout, ask(at, path.as_deref())).await.is_ok_and(|answer| answer.unwrap_or(false))
}

fn number(port: &IntOrString, container: &Container) -> Option<i32> {
    match port {
        IntOrString::Int(number) => Some(*number),
        IntOrString::String(name) => {
            let mut ports = container.ports.iter().flatten();
            ports.find(|port| port.name.as_ref() == Some(name)).map(|port| port.container_port)
        }
    }
}

async fn ask(at: SocketAddr, path: Option<&str>) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(at).await?;
    let Some(path) = path else { return Ok(true) };
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: {at}\r\nuser-agent: kube-probe/1.36\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut line = [0; 12];
    stream.read_exact(&mut line).await?;
    let status = std::str::from_utf8(&line).ok().and_then(|line| line.get(9..12)?.parse::<u16>().ok());
    Ok(status.is_some_and(|status| (200..400).contains(&status)))
}
