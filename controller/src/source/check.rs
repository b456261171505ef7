//! What servers must not share.

use super::mistake::Report;
use super::server::Declared;
use protocol::naming::UriKey;
use std::net::SocketAddr;

/// Reports names, prefixes and URI keys that two servers claim, and a server that is the gateway itself.
pub(super) fn check(servers: &[Declared], listen: SocketAddr, report: &mut Report) {
    for (i, later) in servers.iter().enumerate() {
        for earlier in servers.iter().take(i) {
            pair(earlier, later, report);
        }
        if is_self(&later.server.url, listen) {
            let message = format!("is the gateway's own endpoint (listen: {listen}): give a server's URL");
            report.mistake(later.url_at, &format!("{}.url", later.path), message);
        }
    }
}

fn pair(earlier: &Declared, later: &Declared, report: &mut Report) {
    let (a, b) = (&earlier.server, &later.server);
    let line = earlier.name_at.line;
    if a.name == b.name {
        let message = format!("`{}` is the name of the server in line {line} too: give each its own", b.name);
        report.mistake(later.name_at, &format!("{}.name", later.path), message);
    }
    let (Some(key_a), Some(key_b)) = (UriKey::of(&a.prefix), UriKey::of(&b.prefix)) else { return };
    let field = format!("{}.prefix", later.path);
    if a.prefix == b.prefix {
        let message =
            format!("`{}` is the prefix of server `{}` (line {line}) too: give each its own", b.prefix, a.name);
        report.mistake(later.prefix_at, &field, message);
        return;
    }
    if key_a == key_b {
        let message = format!(
            "`{}` and the prefix `{}` of server `{}` (line {line}) give resource URIs the same mark `{}`: \
             change one by more than case and separators",
            b.prefix,
            a.prefix,
            a.name,
            key_a.as_str()
        );
        report.mistake(later.prefix_at, &field, message);
    }
}

fn is_self(url: &str, listen: SocketAddr) -> bool {
    let Ok(url) = url::Url::parse(url) else { return false };
    if url.port_or_known_default() != Some(listen.port()) {
        return false;
    }
    let here = listen.ip();
    match url.host() {
        Some(url::Host::Ipv4(ip)) => here == ip || (here.is_unspecified() && ip.is_loopback()),
        Some(url::Host::Ipv6(ip)) => here == ip || (here.is_unspecified() && ip.is_loopback()),
        Some(url::Host::Domain(name)) => name == "localhost" && (here.is_unspecified() || here.is_loopback()),
        None => false,
    }
}
