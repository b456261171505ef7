//! A cluster.

use super::launcher::Launcher;
use super::network::{NODE, Network};
use super::part::Part;
use super::services::Hosts;
use super::{Authorizer, Kubectl, control_plane, istiod, kubelet, registry, services, testbed};
use kube::config::{KubeConfigOptions, Kubeconfig};
use std::fs::Permissions;
use std::io::Write as _;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::{OnceCell, oneshot};

/// How much of a cluster a test needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// The API server, with the CRDs of the Gateway API and Istio: nothing acts on what is declared.
    ApiServer,
    /// Pods that run, Services, istiod, and a registry.
    Whole,
}

/// A running cluster. Ends with all that it started when dropped, and whenever the test's process ends.
#[derive(Debug)]
pub struct Cluster {
    parts: Vec<Part>,
    hosts: Option<Hosts>,
    folder: PathBuf,
    network: Network,
    namespaces: AtomicU32,
    authorizer: Authorizer,
    installed: OnceCell<()>,
    machinery: Mutex<Option<(oneshot::Sender<()>, JoinHandle<()>)>>,
    // The last: its end kills what is left.
    launcher: Option<Arc<Launcher>>,
}

tokio::task_local! {
    /// The namespaces of the test that runs.
    static NAMESPACES: Mutex<Vec<String>>;
}

/// Runs a test on the cluster that the tests of this binary share. It has to keep to namespaces of its own:
/// [`Cluster::namespace`].
///
/// # Panics
///
/// When the test does, and when the test bed cannot be used.
pub fn test(run: impl AsyncFnOnce(&Cluster) + Send) {
    test_on(shared(Size::Whole), run);
}

/// Runs a test on a bare API server, with CRDs, that the tests of this binary share. Nothing acts on what they declare.
///
/// # Panics
///
/// When the test does, and when the test bed cannot be used.
pub fn test_api(run: impl AsyncFnOnce(&Cluster) + Send) {
    test_on(shared(Size::ApiServer), run);
}

/// Runs a test on a cluster.
///
/// # Panics
///
/// When the test does.
pub fn test_on(cluster: &Cluster, run: impl AsyncFnOnce(&Cluster) + Send) {
    let inside = || {
        cluster.network.enter();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let made = Mutex::default();
        runtime.expect("a runtime").block_on(NAMESPACES.scope(made, async {
            run(cluster).await;
            cluster.delete_namespaces().await;
        }));
    };
    let result = std::thread::scope(|scope| scope.spawn(inside).join());
    if let Err(panic) = result {
        cluster.show_logs();
        std::panic::resume_unwind(panic);
    }
}

/// The cluster that the tests of this binary share.
fn shared(size: Size) -> &'static Cluster {
    static WHOLE: OnceLock<Cluster> = OnceLock::new();
    static API_SERVER: OnceLock<Cluster> = OnceLock::new();
    let cluster = if size == Size::Whole { &WHOLE } else { &API_SERVER };
    cluster.get_or_init(|| Cluster::start(size))
}

impl Cluster {
    /// Starts a cluster of the test's own.
    ///
    /// # Panics
    ///
    /// When the test bed cannot be set up.
    pub fn start(size: Size) -> Self {
        testbed::folder();
        let folder = temporary();
        let (launcher, network) = Launcher::start();
        let launcher = Arc::new(launcher);
        let mut parts = vec![control_plane::etcd(&folder, &launcher), control_plane::apiserver(&folder, &launcher)];
        control_plane::write_kubeconfig(&folder);
        if size == Size::Whole {
            parts.push(control_plane::controllers(&folder, &launcher));
            parts.push(registry::registry(&folder, &launcher));
            parts.push(istiod::istiod(&folder, &launcher));
        }
        let hosts = (size == Size::Whole).then(|| Hosts::new(&folder.join("hosts")));
        let cluster = Self {
            parts,
            hosts,
            folder,
            network,
            namespaces: AtomicU32::new(0),
            authorizer: Authorizer::default(),
            installed: OnceCell::new(),
            machinery: Mutex::default(),
            launcher: Some(launcher),
        };
        test_on(&cluster, async |cluster| cluster.begin(size).await);
        cluster
    }

    async fn begin(&self, size: Size) {
        for part in ["etcd", "kube-apiserver"] {
            self.part(part).start();
        }
        self.answers().await;
        self.install_crds().await;
        if size == Size::Whole {
            self.start_machinery();
            istiod::prepare(self).await;
            for part in ["kube-controller-manager", "registry", "istiod"] {
                self.part(part).start();
            }
            istiod::ready().await;
        }
    }

    /// Waits until the API server answers.
    pub async fn answers(&self) {
        let apiserver = self.part("kube-apiserver");
        crate::until_told_within(super::PATIENCE, "the API server is ready", async || {
            assert!(apiserver.runs(), "the API server ended:\n{}", tail(&apiserver.log(), 20));
            self.kubectl(&["get", "--raw", "/readyz"]).await.success.then_some(())
        })
        .await;
    }

    async fn install_crds(&self) {
        let crds = testbed::folder().join("crds");
        let crds = crds.to_str().expect("paths are UTF-8");
        self.kubectl(&["apply", "--server-side", "-f", crds]).await.expect("applying CRDs");
        self.kubectl(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=90s"])
            .await
            .expect("waiting for CRDs");
    }

    /// Starts what runs pods and carries connections to Services, on a thread of its own.
    fn start_machinery(&self) {
        let (stop, stopped) = oneshot::channel();
        let kubeconfig = self.kubeconfig();
        let hosts = self.hosts.clone().expect("a whole cluster has them");
        let launcher = self.launcher.clone().expect("there until it is dropped");
        let (folder, network) = (self.folder.clone(), self.network.path());
        let authorizer = self.authorizer.clone();
        let network = std::fs::File::open(network).expect("the network is there");
        let work = move || {
            Network::of(network).enter();
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            let runtime = runtime.expect("a runtime");
            runtime.block_on(async {
                let client = client(&kubeconfig).await;
                tokio::spawn(services::run(client.clone(), hosts.clone()));
                tokio::spawn(kubelet::run(client, folder, hosts, launcher));
                tokio::spawn(authorizer.serve());
                let _ = stopped.await;
            });
            runtime.shutdown_background();
        };
        let thread = std::thread::spawn(work);
        *self.machinery.lock().unwrap_or_else(PoisonError::into_inner) = Some((stop, thread));
    }

    /// A client with every right.
    pub async fn client(&self) -> kube::Client {
        client(&self.kubeconfig()).await
    }

    /// The configuration of clients with every right.
    pub fn kubeconfig(&self) -> PathBuf {
        control_plane::kubeconfig(&self.folder)
    }

    /// Runs `kubectl`.
    pub async fn kubectl(&self, args: &[&str]) -> Kubectl {
        Kubectl::run(&self.kubeconfig(), args, "").await
    }

    /// Runs `kubectl` with something on its stdin.
    pub async fn kubectl_with(&self, args: &[&str], input: &str) -> Kubectl {
        Kubectl::run(&self.kubeconfig(), args, input).await
    }

    /// Runs `helm`.
    pub async fn helm(&self, args: &[&str]) -> Kubectl {
        Kubectl::helm(&self.kubeconfig(), args).await
    }

    /// Runs a script of the repository, with variables of its own.
    pub async fn script(&self, script: &str, args: &[&str], variables: &[(&str, &str)]) -> Kubectl {
        Kubectl::script(&self.kubeconfig(), script, args, variables).await
    }

    /// The same with another configuration of clients.
    pub async fn script_with(
        &self,
        kubeconfig: &Path,
        script: &str,
        args: &[&str],
        variables: &[(&str, &str)],
    ) -> Kubectl {
        Kubectl::script(kubeconfig, script, args, variables).await
    }

    /// Applies resources, as YAML.
    ///
    /// # Panics
    ///
    /// When one is refused.
    pub async fn apply(&self, yaml: &str) {
        self.try_apply(yaml).await.expect("applying resources");
    }

    /// Applies resources, as YAML.
    pub async fn try_apply(&self, yaml: &str) -> Kubectl {
        Kubectl::run(&self.kubeconfig(), &["apply", "--server-side", "--force-conflicts", "-f", "-"], yaml).await
    }

    /// Applies resources in a namespace, as YAML.
    ///
    /// # Panics
    ///
    /// When one is refused.
    pub async fn apply_in(&self, namespace: &str, yaml: &str) {
        self.try_apply_in(namespace, yaml).await.expect("applying resources");
    }

    /// Applies resources in a namespace, as YAML.
    pub async fn try_apply_in(&self, namespace: &str, yaml: &str) -> Kubectl {
        let args = ["-n", namespace, "apply", "--server-side", "--force-conflicts", "-f", "-"];
        Kubectl::run(&self.kubeconfig(), &args, yaml).await
    }

    /// Waits until a Gateway is programmed, and gives its address.
    pub async fn programmed(&self, namespace: &str, gateway: &str) -> String {
        let gateway = format!("gateway/{gateway}");
        crate::until_told_within(super::PATIENCE, "the gateway is programmed", async || {
            let gateway = self.get(namespace, &gateway).await;
            let conditions = gateway["status"]["conditions"].as_array()?;
            conditions.iter().find(|condition| condition["type"] == "Programmed" && condition["status"] == "True")?;
            Some(gateway["status"]["addresses"][0]["value"].as_str()?.to_owned())
        })
        .await
    }

    /// A namespace that is the test's own.
    pub async fn namespace(&self) -> String {
        let name = format!("test-{}", self.namespaces.fetch_add(1, Ordering::Relaxed));
        self.kubectl(&["create", "namespace", &name]).await.expect("making a namespace");
        let _ = NAMESPACES.try_with(|made| made.lock().unwrap_or_else(PoisonError::into_inner).push(name.clone()));
        name
    }

    /// Deletes what a test that is over has made, so that the others do not carry it along. Nobody waits until it is gone.
    async fn delete_namespaces(&self) {
        let made = NAMESPACES.with(|made| std::mem::take(&mut *made.lock().unwrap_or_else(PoisonError::into_inner)));
        if !made.is_empty() {
            let made: Vec<_> = made.iter().map(String::as_str).collect();
            // The API server may be one that a test has not started again.
            self.kubectl(&[&["delete", "namespace", "--wait=false"], made.as_slice()].concat()).await;
        }
    }

    /// A resource, as the API server has it; `null` if there is none.
    pub async fn get(&self, namespace: &str, resource: &str) -> serde_json::Value {
        self.kubectl(&["-n", namespace, "get", resource, "-o", "json"]).await.json()
    }

    /// Installs the gateway's CRDs and controller, unless that is done.
    pub async fn install(&self) {
        self.installed.get_or_init(async || super::install::install(self).await).await;
    }

    /// A folder that goes with the cluster.
    pub(super) fn home(&self) -> PathBuf {
        self.folder.join("home")
    }

    /// One of its processes: `etcd`, `kube-apiserver`, `kube-controller-manager`, `registry` or `istiod`.
    ///
    /// # Panics
    ///
    /// When there is none of this name.
    pub fn part(&self, name: &str) -> &Part {
        self.parts.iter().find(|part| part.name() == name).unwrap_or_else(|| panic!("the cluster has no {name}"))
    }

    /// Address of what runs on the node and not in a pod: servers of the test itself.
    pub fn node(&self) -> IpAddr {
        NODE.parse().expect("an address")
    }

    /// Whom `CUSTOM` policies of [`PROVIDER`](super::PROVIDER) ask.
    pub fn authorizer(&self) -> &Authorizer {
        &self.authorizer
    }

    /// Asks the Envoy of a pod, by the beginning of the pod's name, for a page of its own: `None` if it does not answer.
    pub async fn envoy(&self, namespace: &str, pod: &str, page: &str) -> Option<String> {
        super::admin::ask(&kubelet::network(&self.folder, namespace, pod)?, page).await
    }

    /// Kills all processes of a pod, by the beginning of the pod's name. It is started again, as nobody has deleted it.
    ///
    /// # Panics
    ///
    /// When there is no such pod.
    pub fn crash(&self, namespace: &str, pod: &str) {
        kubelet::crash(&kubelet::network(&self.folder, namespace, pod).expect("a pod of this name"));
    }

    /// Host and port of the registry.
    pub fn registry(&self) -> &'static str {
        registry::HOST
    }

    /// Gives an address a name that pods resolve.
    pub fn name_host(&self, name: &str, address: &str) {
        self.hosts.as_ref().expect("a whole cluster has them").add(name, address);
    }

    /// What containers of a namespace's pods wrote, by pod and container.
    pub fn logs(&self, namespace: &str) -> String {
        let mut text = String::new();
        for (name, log) in kubelet::logs(&self.folder, namespace) {
            text.push_str(&format!("--- {namespace}/{name} ---\n{}\n", tail(&log, 60)));
        }
        text
    }

    /// All that containers of a namespace's pods wrote.
    pub fn whole_log(&self, namespace: &str) -> String {
        let logs = kubelet::logs(&self.folder, namespace).into_iter();
        logs.map(|(_, log)| String::from_utf8_lossy(&std::fs::read(log).unwrap_or_default()).into_owned()).collect()
    }

    /// Shows what its processes wrote last, as a part of the test's own output.
    fn show_logs(&self) {
        let mut text = String::new();
        for part in &self.parts {
            text.push_str(&format!("--- {} ---\n{}\n", part.name(), tail(&part.log(), 8)));
        }
        for (name, log) in kubelet::logs(&self.folder, "") {
            text.push_str(&format!("--- {name} ---\n{}\n", tail(&log, 30)));
        }
        std::io::stderr().write_all(text.as_bytes()).ok();
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.machinery.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = stop.send(());
            let _ = thread.join();
        }
    }
}

async fn client(kubeconfig: &Path) -> kube::Client {
    // Refused if there is one already.
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let config = Kubeconfig::read_from(kubeconfig).expect("the kubeconfig that was just written");
    let config = kube::Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await;
    kube::Client::try_from(config.expect("a valid kubeconfig")).expect("a client")
}

/// A folder that is removed when this process has ended, however it does: a shared cluster is never dropped.
fn temporary() -> PathBuf {
    const KEEPER: &str =
        r#"read -r _; for _ in 1 2 3 4 5 6 7 8 9 10; do rm -rf "$1" 2>/dev/null && exit; sleep 0.2; done"#;
    let folder =
        tempfile::Builder::new().prefix("mcp-gateway-cluster-").tempdir().expect("a folder for temporary files").keep();
    // Pods' users have to come through.
    std::fs::set_permissions(&folder, Permissions::from_mode(0o755)).expect("opening the folder");
    let keeper = Command::new("setsid")
        .args(["sh", "-c", KEEPER, "keeper"])
        .arg(&folder)
        .stdin(Stdio::piped())
        .spawn()
        .expect("`setsid` has to be there");
    // Its stdin is closed by the kernel, at the end of this process.
    std::mem::forget(keeper);
    folder
}

/// The last lines of a file, those left out that only repeat the one before.
fn tail(file: &Path, lines: usize) -> String {
    let text = std::fs::read(file).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let mut all: Vec<_> = text.lines().collect();
    let without_time = |line: &str| line.split_once([' ', '\t']).map(|(_, rest)| rest.to_owned());
    all.dedup_by_key(|line| without_time(line).unwrap_or_else(|| (*line).to_owned()));
    all[all.len().saturating_sub(lines)..].join("\n")
}
