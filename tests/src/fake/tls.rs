//! Servers behind TLS, with certificates of an authority that nobody knows.

use axum::serve::Listener;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{TlsAcceptor, rustls};

/// Who a server is.
#[derive(Clone)]
pub struct Identity {
    host: String,
    pem: String,
    certificate: String,
    key: String,
    acceptor: TlsAcceptor,
}

impl Identity {
    /// A certificate for a host name, signed by an authority of its own.
    pub fn of(host: &str) -> Self {
        let key = || rcgen::KeyPair::generate().expect("making a key");
        let (root_key, key) = (key(), key());
        let mut root = rcgen::CertificateParams::default();
        root.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        root.distinguished_name.push(rcgen::DnType::CommonName, "an authority");
        let pem = root.self_signed(&root_key).expect("making an authority").pem();
        let issuer = rcgen::Issuer::new(root, root_key);
        let leaf = rcgen::CertificateParams::new([host.to_owned()]).expect("a host name");
        let leaf = leaf.signed_by(&key, &issuer).expect("making a certificate");
        let (certificate, key_pem) = (leaf.pem(), key.serialize_pem());
        let key = rustls::pki_types::PrivateKeyDer::from(key);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("TLS has versions")
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key)
            .expect("the key is the certificate's");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Self { host: host.to_owned(), pem, certificate, key: key_pem, acceptor }
    }

    /// The authority's certificate, in PEM form.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The server's own certificate, in PEM form.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// The key of that certificate, in PEM form.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The host name.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Connections after their handshake; those that fail in it are dropped.
    pub(super) fn listen(&self, listener: TcpListener) -> impl Listener<Io = TlsStream<TcpStream>, Addr = SocketAddr> {
        TlsListener { listener, acceptor: self.acceptor.clone() }
    }
}

struct TlsListener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = Listener::accept(&mut self.listener).await;
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}
