//! Servers behind TLS.

use crate::manners::legacy;
use crate::support::rig;
use axum::serve::Listener;
use broker::status::State;
use protocol::era::Era;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{TlsAcceptor, rustls};

/// Connections after their handshake; those that fail in it are dropped.
pub(crate) struct TlsListener {
    pub(crate) listener: TcpListener,
    pub(crate) acceptor: TlsAcceptor,
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, addr) = Listener::accept(&mut self.listener).await;
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, addr);
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// What a server presents for these host names, and the same certificate as PEM to be trusted.
fn certificate(names: &[&str]) -> (TlsAcceptor, String) {
    let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
    let signed = rcgen::generate_simple_self_signed(names).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(signed.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![signed.cert.der().clone()], key)
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), signed.cert.pem())
}

#[tokio::test]
async fn a_private_authority_is_trusted_when_it_is_named() {
    let (acceptor, pem) = certificate(&["localhost"]);
    let a = legacy().tools(&["x"]).start_tls(acceptor);

    let mut trusting = a.config("trusting", "t_");
    trusting.ca = Some(pem);
    let rig = rig(vec![trusting, a.config("wary", "w_")]);
    rig.sees_tools(Era::Legacy, &["t_x"]).await;
    let error = rig.is("wary", State::Down).await.error.unwrap();
    assert!(error.contains("certificate is not trusted") && error.contains("caFile"), "{error}");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let (acceptor, pem) = certificate(&["elsewhere.example"]);
    let a = legacy().start_tls(acceptor);
    let mut config = a.config("a", "");
    config.ca = Some(pem);
    let error = rig(vec![config]).is("a", State::Down).await.error.unwrap();
    assert!(error.contains("certificate is not trusted for this host name"), "{error}");
}

#[tokio::test]
async fn http_where_https_is_expected_is_named() {
    let a = legacy().start();
    let mut config = a.config("a", "");
    config.url = config.url.replace("http://", "https://");
    let error = rig(vec![config]).is("a", State::Down).await.error.unwrap();
    assert!(error.contains("does not speak TLS"), "{error}");
}

#[tokio::test]
async fn a_server_is_known_by_its_name_wherever_it_is() {
    let (acceptor, pem) = certificate(&["tools.example"]);
    let a = legacy().tools(&["x"]).start_tls(acceptor);

    let mut named = a.config("named", "n_");
    named.url = named.url.replace("localhost", "tools.example");
    named.address = Some("localhost".to_owned());
    named.ca = Some(pem.clone());
    let mut by_address = a.config("by-address", "a_");
    by_address.ca = Some(pem);
    let rig = rig(vec![named, by_address]);
    rig.sees_tools(Era::Legacy, &["n_x"]).await;
    rig.is("by-address", State::Down).await;
}
