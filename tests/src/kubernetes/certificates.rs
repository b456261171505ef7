//! The API server's certificate, and the keys of service accounts' tokens.

use super::network::NODE;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use std::path::Path;

/// Writes `ca.crt`, `server.crt`, `server.key`, `sa.key` and `sa.pub` into a folder.
pub(super) fn write(folder: &Path) {
    let mut authority = CertificateParams::new(Vec::new()).expect("no names are valid");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(DnType::CommonName, "cluster");
    let authority_key = KeyPair::generate().expect("making a key");
    let authority_certificate = authority.self_signed(&authority_key).expect("signing");
    let issuer = Issuer::new(authority, authority_key);
    let names =
        [NODE, "127.0.0.1", "10.96.0.1", "localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"];
    let server = CertificateParams::new(names.map(str::to_owned)).expect("the names are valid");
    let server_key = KeyPair::generate().expect("making a key");
    let server_certificate = server.signed_by(&server_key, &issuer).expect("signing");
    let tokens = KeyPair::generate().expect("making a key");
    let files = [
        ("ca.crt", authority_certificate.pem()),
        ("server.crt", server_certificate.pem()),
        ("server.key", server_key.serialize_pem()),
        ("sa.key", tokens.serialize_pem()),
        ("sa.pub", tokens.public_key_pem()),
    ];
    for (name, pem) in files {
        std::fs::write(folder.join(name), pem).expect("writing a certificate");
    }
}
