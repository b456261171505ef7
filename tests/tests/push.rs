//! `mcp-gateway push`, and how the controller finds what was pushed: at Debian's `docker-registry`.

use controller::oci::{Credentials, ModuleUrl, OciError, Registries};
use mcp_gateway_tests::client::Http;
use mcp_gateway_tests::fake::Identity;
use mcp_gateway_tests::process::built;
use mcp_gateway_tests::registry::{PASSWORD, Registry, USER};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// `somebody:open sesame`.
const AUTH: &str = "c29tZWJvZHk6b3BlbiBzZXNhbWU=";
const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// A home of its own, where nobody has logged in, and a module in it.
struct Home(tempfile::TempDir);

/// What a command ended with.
struct Outcome {
    success: bool,
    stdout: String,
    stderr: String,
}

impl Home {
    fn new() -> Self {
        let home = Self(tempfile::tempdir().expect("a folder for temporary files"));
        home.put("module.wasm", &module());
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        let file = self.path(name);
        fs::create_dir_all(file.parent().expect("it is in a folder")).expect("making a folder");
        fs::write(file, bytes).expect("writing a file");
    }

    fn login(&self, file: &str, host: &str, auth: &str) {
        self.put(file, json!({ "auths": { host: { "auth": auth } } }).to_string().as_bytes());
    }

    fn push(&self, url: &str, args: &[&str], variables: &[(&str, &Path)]) -> Outcome {
        let path = format!("{}:{}", self.0.path().display(), std::env::var("PATH").unwrap_or_default());
        let Output { status, stdout, stderr } = Command::new(built("mcp-gateway"))
            .args(["push", url, "--module"])
            .arg(self.path("module.wasm"))
            .args(args)
            .env_clear()
            .env("HOME", self.0.path())
            .env("PATH", path)
            .envs(variables.iter().copied())
            .output()
            .expect("mcp-gateway starts");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Outcome { success: status.success(), stdout: text(stdout), stderr: text(stderr) }
    }
}

impl Outcome {
    /// The digest that `--quiet` printed.
    fn digest(&self) -> &str {
        assert!(self.success, "{}", self.stderr);
        self.stdout.trim()
    }

    fn fails_with(&self, parts: &[&str]) {
        assert!(!self.success && self.stdout.is_empty(), "{}", self.stdout);
        assert_eq!(self.stderr.lines().count(), 1, "{}", self.stderr);
        for part in parts {
            assert!(self.stderr.contains(part), "{part:?} is not in {}", self.stderr);
        }
    }
}

/// Something that looks like a module, large enough for more than one packet.
fn module() -> Vec<u8> {
    b"\0asm\x01\0\0\0".iter().copied().chain((0..300_000_u32).map(|i| (i % 251) as u8)).collect()
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn url(text: &str) -> ModuleUrl {
    text.parse().expect("a module's URL")
}

fn use_ring() {
    // An error says that another test was first.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

#[tokio::test]
async fn what_is_pushed_has_the_form_that_istio_takes_and_comes_back_byte_for_byte() {
    use_ring();
    let (registry, home) = (Registry::open().await, Home::new());
    let module_url = format!("oci://{}/team/filter:v1", registry.host());
    let pushed = home.push(&module_url, &[], &[]);
    assert!(pushed.success, "{}", pushed.stderr);

    let base = format!("http://{}/v2/team/filter", registry.host());
    let manifest =
        Http::new().request("GET", &format!("{base}/manifests/v1")).header("accept", OCI_MANIFEST).send("").await;
    let digest = hex(&manifest.body);
    assert!(pushed.stdout.contains(&format!("  url: {module_url}\n  sha256: \"{digest}\"\n")), "{}", pushed.stdout);
    let manifest: Value = serde_json::from_slice(&manifest.body).expect("a manifest");
    let layers = manifest["layers"].as_array().expect("layers");
    let types: Vec<_> = layers.iter().map(|layer| layer["mediaType"].as_str().unwrap_or_default()).collect();
    assert_eq!(
        types,
        ["application/vnd.module.wasm.config.v1+json", "application/vnd.module.wasm.content.layer.v1+wasm"]
    );
    let layer = layers[1]["digest"].as_str().expect("a digest");
    assert_eq!(Http::new().get(&format!("{base}/blobs/{layer}")).await.body, module());

    let again = home.push(&module_url, &["--quiet"], &[]);
    assert_eq!(again.digest(), digest, "the same module has the same digest");
    let found = Registries::default().module(&url(&module_url), &Credentials::ANONYMOUS).await;
    assert_eq!(found, Ok(digest));
}

#[tokio::test]
async fn logins_of_docker_podman_and_helpers_are_used() {
    use_ring();
    let registry = Registry::closed().await;
    let host = registry.host();
    let module_url = format!("oci://{host}/filter:v1");

    let docker = Home::new();
    docker.push(&module_url, &[], &[]).fails_with(&[&host, "docker login"]);
    docker.login(".docker/config.json", &host, AUTH);
    let digest = docker.push(&module_url, &["-q"], &[]).digest().to_owned();

    let elsewhere = Home::new();
    elsewhere.login("elsewhere/config.json", &host, AUTH);
    let folder = elsewhere.path("elsewhere");
    assert_eq!(elsewhere.push(&module_url, &["-q"], &[("DOCKER_CONFIG", &folder)]).digest(), digest);

    let podman = Home::new();
    podman.login("run/containers/auth.json", &host, AUTH);
    assert_eq!(podman.push(&module_url, &["-q"], &[("XDG_RUNTIME_DIR", &podman.path("run"))]).digest(), digest);
    let file = podman.path("run/containers/auth.json");
    assert_eq!(podman.push(&module_url, &["-q"], &[("REGISTRY_AUTH_FILE", &file)]).digest(), digest);

    let helper = Home::new();
    helper.put(".docker/config.json", json!({ "credHelpers": { &host: "test" } }).to_string().as_bytes());
    helper.push(&module_url, &[], &[]).fails_with(&["credential helper", ".docker/config.json"]);
    let answer = json!({ "ServerURL": host, "Username": USER, "Secret": PASSWORD });
    let script = format!("#!/bin/sh\ncat >/dev/null\nprintf '%s' '{answer}'\n");
    helper.put("docker-credential-test", script.as_bytes());
    fs::set_permissions(helper.path("docker-credential-test"), fs::Permissions::from_mode(0o755)).expect("chmod");
    assert_eq!(helper.push(&module_url, &["-q"], &[]).digest(), digest);

    let wrong = Home::new();
    wrong.login(".docker/config.json", &host, "c29tZWJvZHk6d3Jvbmc=");
    wrong.push(&module_url, &[], &[]).fails_with(&[&host, "are wrong", "log in with another"]);

    let secret = json!({ "auths": { &host: { "auth": AUTH } } }).to_string();
    let own = Credentials::of_secret(secret.as_bytes(), &host).expect("credentials");
    assert_eq!(Registries::default().module(&url(&module_url), &own).await, Ok(digest));
    let nobody = Registries::default().module(&url(&module_url), &Credentials::ANONYMOUS).await;
    assert!(matches!(nobody, Err(OciError::Refused { .. })), "{nobody:?}");
}

#[tokio::test]
async fn tls_is_spoken_except_where_it_is_renounced() {
    // An address of this machine that is not taken for it.
    let identity = Identity::of("0.0.0.0");
    let registry = Registry::with_tls(&identity).await;
    let home = Home::new();
    let host = format!("0.0.0.0:{}", registry.port());
    let module_url = format!("oci://{host}/filter:v1");
    home.push(&module_url, &[], &[]).fails_with(&[&host, "not trusted", "SSL_CERT_FILE"]);
    home.put("authority.pem", identity.pem().as_bytes());
    let trusting: [(&str, &Path); 1] = [("SSL_CERT_FILE", &home.path("authority.pem"))];
    assert_eq!(home.push(&module_url, &["-q"], &trusting).digest().len(), 64);

    let plain = Registry::open().await;
    let host = format!("0.0.0.0:{}", plain.port());
    let module_url = format!("oci://{host}/filter:v1");
    home.push(&module_url, &[], &trusting).fails_with(&[&host, "--plain-http"]);
    assert_eq!(home.push(&module_url, &["-q", "--plain-http"], &[]).digest().len(), 64);
}

#[tokio::test]
async fn what_cannot_be_pushed_is_told_in_a_line_with_what_to_do() {
    let home = Home::new();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    home.push(&format!("oci://{nobody}/filter:v1"), &[], &[]).fails_with(&["cannot be reached", "Connection refused"]);
    home.push("oci://no-such-host.invalid/filter:v1", &[], &[])
        .fails_with(&["no-such-host.invalid", "cannot be reached"]);
    home.push("ghcr.io/me/filter:v1", &[], &[]).fails_with(&["oci://HOST[:PORT]/REPOSITORY:TAG"]);
    let digest = format!("oci://{nobody}/filter@sha256:{}", "0".repeat(64));
    home.push(&digest, &[], &[]).fails_with(&["name a tag"]);
    home.put("module.wasm", b"(module)");
    home.push(&format!("oci://{nobody}/filter:v1"), &[], &[]).fails_with(&["module.wasm", "no WebAssembly module"]);
    fs::remove_file(home.path("module.wasm")).expect("removing a file");
    home.push(&format!("oci://{nobody}/filter:v1"), &[], &[]).fails_with(&["module.wasm", "--module"]);
}

#[tokio::test]
async fn a_module_that_an_agent_could_not_take_is_not_found() {
    use_ring();
    let registry = Registry::open().await;
    let host = registry.host();
    let find = async |tag: &str| {
        Registries::default().module(&url(&format!("oci://{host}/filter:{tag}")), &Credentials::ANONYMOUS).await
    };
    let missing = find("v1").await.expect_err("nothing is there");
    assert!(matches!(missing, OciError::Missing { .. }), "{missing}");

    let bytes = module();
    let layer = json!({
        "mediaType": "application/vnd.module.wasm.content.layer.v1+wasm",
        "digest": put_blob(&host, &bytes).await,
        "size": bytes.len(),
    });
    let manifest = json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": layer, "layers": [layer] });
    let address = format!("http://{host}/v2/filter/manifests/one-layer");
    let put =
        Http::new().request("PUT", &address).header("content-type", OCI_MANIFEST).send(manifest.to_string()).await;
    assert_eq!(put.status, 201, "{}", put.text());
    let one_layer = find("one-layer").await.expect_err("an agent refuses it").to_string();
    assert!(one_layer.contains("exactly two layers") && one_layer.contains("mcp-gateway push"), "{one_layer}");

    drop(registry);
    let gone = find("v1").await.expect_err("nobody is there");
    assert!(matches!(gone, OciError::Unreachable { .. }), "{gone}");
}

/// Puts a blob into a registry; gives its digest.
async fn put_blob(host: &str, bytes: &[u8]) -> String {
    let http = Http::new();
    let digest = format!("sha256:{}", hex(bytes));
    let upload = http.request("POST", &format!("http://{host}/v2/filter/blobs/uploads/")).send("").await;
    let place = upload.header("location");
    let separator = if place.contains('?') { '&' } else { '?' };
    let target = format!("{place}{separator}digest={digest}");
    let put =
        http.request("PUT", &target).header("content-type", "application/octet-stream").send(bytes.to_vec()).await;
    assert_eq!(put.status, 201, "{}", put.text());
    digest
}
