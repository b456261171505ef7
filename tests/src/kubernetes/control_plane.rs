//! etcd, kube-apiserver and kube-controller-manager.

use super::launcher::Launcher;
use super::network::{NODE, SERVICES};
use super::part::Part;
use super::testbed::program;
use std::path::Path;
use std::sync::Arc;

/// Port of the API server.
pub(super) const PORT: u16 = 6443;

/// Token of the cluster's administrator.
const TOKEN: &str = "administrator";

const ETCD: &str = "http://127.0.0.1:2379";

/// What the cluster needs of kube-controller-manager.
const CONTROLLERS: &str = "deployment-controller,disruption-controller,endpointslice-controller,garbage-collector-controller,\
    job-controller,namespace-controller,replicaset-controller,root-ca-certificate-publisher-controller,\
    serviceaccount-controller";

/// The store. It may forget what a power cut would cost it: that is quicker.
pub(super) fn etcd(cluster: &Path, launcher: &Arc<Launcher>) -> Part {
    let part = Part::new("etcd", "etcd".into(), cluster, launcher);
    let (data, peer) = (cluster.join("etcd/data").display().to_string(), "http://127.0.0.1:2380");
    part.args(["--data-dir", &data, "--unsafe-no-fsync"])
        .args(["--listen-client-urls", ETCD, "--advertise-client-urls", ETCD])
        .args([
            "--listen-peer-urls",
            peer,
            "--initial-advertise-peer-urls",
            peer,
            "--initial-cluster",
            &format!("default={peer}"),
        ])
}

/// The API server, with roles in force.
pub(super) fn apiserver(cluster: &Path, launcher: &Arc<Launcher>) -> Part {
    let pki = cluster.join("pki");
    std::fs::create_dir_all(&pki).expect("a folder for certificates");
    super::certificates::write(&pki);
    std::fs::write(pki.join("tokens.csv"), format!("{TOKEN},administrator,administrator,\"system:masters\"\n"))
        .expect("writing tokens");
    let file = |name: &str| pki.join(name).display().to_string();
    Part::new("kube-apiserver", program("kube-apiserver"), cluster, launcher).args([
        format!("--etcd-servers={ETCD}"),
        format!("--bind-address={NODE}"),
        format!("--advertise-address={NODE}"),
        format!("--secure-port={PORT}"),
        "--endpoint-reconciler-type=none".to_owned(),
        format!("--service-cluster-ip-range={SERVICES}"),
        format!("--tls-cert-file={}", file("server.crt")),
        format!("--tls-private-key-file={}", file("server.key")),
        format!("--client-ca-file={}", file("ca.crt")),
        format!("--token-auth-file={}", file("tokens.csv")),
        "--authorization-mode=RBAC".to_owned(),
        format!("--service-account-key-file={}", file("sa.pub")),
        format!("--service-account-signing-key-file={}", file("sa.key")),
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local".to_owned(),
        "--allow-privileged=true".to_owned(),
        "--shutdown-delay-duration=0s".to_owned(),
    ])
}

/// The controllers of Kubernetes' own resources.
pub(super) fn controllers(cluster: &Path, launcher: &Arc<Launcher>) -> Part {
    Part::new("kube-controller-manager", program("kube-controller-manager"), cluster, launcher).args([
        format!("--kubeconfig={}", kubeconfig(cluster).display()),
        format!("--root-ca-file={}", cluster.join("pki/ca.crt").display()),
        format!("--controllers={CONTROLLERS}"),
        "--bind-address=127.0.0.1".to_owned(),
        "--leader-elect=false".to_owned(),
        "--kube-api-qps=200".to_owned(),
        "--kube-api-burst=400".to_owned(),
    ])
}

/// Where the administrator's configuration of clients is.
pub(super) fn kubeconfig(cluster: &Path) -> std::path::PathBuf {
    cluster.join("kubeconfig")
}

/// Writes the administrator's configuration of clients.
pub(super) fn write_kubeconfig(cluster: &Path) {
    let config = serde_json::json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {
            "server": format!("https://{NODE}:{PORT}"),
            "certificate-authority": cluster.join("pki/ca.crt"),
        }}],
        "users": [{"name": "administrator", "user": {"token": TOKEN}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "administrator"}}],
        "current-context": "test",
    });
    std::fs::write(kubeconfig(cluster), config.to_string()).expect("writing a kubeconfig");
}
