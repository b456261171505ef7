//! A Gateway with an MCP endpoint, in a namespace of its own.

use super::Cluster;
use crate::client::{Http, Modern, Session};
use crate::fake::Fake;
use serde_json::{Value, json};

/// How the filter comes into Envoy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// `WasmPlugin`.
    WasmPlugin,
    /// `EnvoyFilter`.
    EnvoyFilter,
}

impl Mode {
    /// As resources have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::WasmPlugin => "WasmPlugin",
            Self::EnvoyFilter => "EnvoyFilter",
        }
    }
}

/// The resource of registrations, in full: another group has one of the same name.
const REGISTRATION: &str = "mcpserverregistrations.mcpgateway.dev";

/// A Gateway named `front`, with an `MCPGatewayExtension` named `mcp`.
#[derive(Debug, Clone)]
pub struct Site<'a> {
    /// The cluster.
    pub cluster: &'a Cluster,
    /// The namespace of everything.
    pub namespace: String,
    /// Host of the endpoint.
    pub host: String,
    /// The Gateway's address.
    pub address: String,
    http: Http,
}

impl<'a> Site<'a> {
    /// A site with one HTTP listener, whose endpoint answers.
    pub async fn new(cluster: &'a Cluster, mode: Mode) -> Self {
        let site = Self::declare(cluster, mode, "[{name: http, port: 80, protocol: HTTP}]", "").await;
        site.answers().await;
        site
    }

    /// A site with these listeners, and further fields of the extension as lines of YAML; its endpoint may not answer yet.
    pub async fn declare(cluster: &'a Cluster, mode: Mode, listeners: &str, more: &str) -> Self {
        cluster.install().await;
        let namespace = cluster.namespace().await;
        let host = format!("mcp.{namespace}.example.com");
        let mode = mode.name();
        let yaml = format!(
            r"
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: front}}
spec:
  gatewayClassName: istio
  listeners: {listeners}
---
apiVersion: mcpgateway.dev/v1alpha1
kind: MCPGatewayExtension
metadata: {{name: mcp}}
spec:
  targetRef: {{name: front}}
  publicHost: {host}
  dataPath: {{mode: {mode}}}
{more}
"
        );
        cluster.apply_in(&namespace, &yaml).await;
        let address = cluster.programmed(&namespace, "front").await;
        let http = Http::new().with_host(&host);
        Self { cluster, namespace, host, address, http }
    }

    /// Waits until the extension is ready.
    pub async fn answers(&self) {
        self.holds("mcpgatewayextension/mcp", "Ready").await;
    }

    /// Waits until a condition of a resource holds for what it now says.
    ///
    /// # Panics
    ///
    /// When it does not in time: with all conditions.
    pub async fn holds(&self, resource: &str, condition: &str) {
        self.becomes(resource, condition, "True", "").await;
    }

    /// Waits until a condition of a resource does not hold for what it now says, and for this cause: its `reason`, or a part of
    /// its `message`. Other causes may come first, as parts of the gateway hear of a change one after the other.
    ///
    /// # Panics
    ///
    /// When it does not in time: with all conditions.
    pub async fn fails(&self, resource: &str, condition: &str, cause: &str) -> Value {
        self.becomes(resource, condition, "False", cause).await
    }

    async fn becomes(&self, resource: &str, condition: &str, status: &str, cause: &str) -> Value {
        let mut last = Value::Null;
        let wanted = async {
            loop {
                let object = self.cluster.get(&self.namespace, resource).await;
                last = object["status"].clone();
                let all = last["conditions"].as_array().into_iter().flatten();
                let wanted = |found: &&Value| {
                    found["type"] == condition
                        && found["status"] == status
                        && found["observedGeneration"] == object["metadata"]["generation"]
                        && (found["reason"] == cause || found["message"].as_str().unwrap_or_default().contains(cause))
                };
                if let Some(found) = all.into_iter().find(wanted) {
                    return found.clone();
                }
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        };
        match tokio::time::timeout(super::PATIENCE, wanted).await {
            Ok(found) => found,
            Err(_) => panic!(
                "{condition} of {resource} did not become {status} ({cause}): {last:#}\n{}",
                self.cluster.logs("mcp-system")
            ),
        }
    }

    /// Makes a Service whose only endpoint is a server of the test.
    pub async fn serve(&self, name: &str, server: &Fake) {
        self.serve_in(&self.namespace, name, server).await;
    }

    /// The same in another namespace.
    pub async fn serve_in(&self, namespace: &str, name: &str, server: &Fake) {
        let (node, port) = (self.cluster.node(), server.port());
        let protocol = if server.url().starts_with("https") { "https" } else { "http" };
        let yaml = format!(
            r"
apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec: {{ports: [{{name: {protocol}, appProtocol: {protocol}, port: 8000, targetPort: {port}}}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: {name}, labels: {{kubernetes.io/service-name: {name}}}}}
addressType: IPv4
endpoints: [{{addresses: [{node}], conditions: {{ready: true}}}}]
ports: [{{name: {protocol}, port: {port}}}]
"
        );
        self.cluster.apply_in(namespace, &yaml).await;
    }

    /// Serves a server of the test, registers it by its Service, and waits until it is ready.
    pub async fn add(&self, name: &str, prefix: &str, server: &Fake) {
        self.serve(name, server).await;
        self.register(name, prefix, &format!("targetRef: {{kind: Service, name: {name}, port: 8000}}")).await;
        self.ready(name).await;
    }

    /// Registers a server; `more` are further fields, the target among them, as a line of YAML each.
    pub async fn register(&self, name: &str, prefix: &str, more: &str) {
        self.cluster.apply_in(&self.namespace, &registration(name, prefix, more)).await;
    }

    /// Waits until a registration is ready.
    pub async fn ready(&self, name: &str) {
        self.holds(&format!("{REGISTRATION}/{name}"), "Ready").await;
    }

    /// Waits until a registration is not ready for this cause: the `reason` of its condition, or a part of the `message`.
    pub async fn not_ready(&self, name: &str, cause: &str) {
        self.fails(&format!("{REGISTRATION}/{name}"), "Ready", cause).await;
    }

    /// A registration's status.
    pub async fn status(&self, name: &str) -> Value {
        self.cluster.get(&self.namespace, &format!("{REGISTRATION}/{name}")).await["status"].clone()
    }

    /// Declares another mode.
    pub async fn switch(&self, mode: Mode) {
        self.configure(json!({"dataPath": {"mode": mode.name()}})).await;
    }

    /// Changes the extension, by a JSON merge patch of its `spec`.
    pub async fn configure(&self, spec: Value) {
        let patch = json!({ "spec": spec }).to_string();
        self.kubectl(&["patch", "mcpgatewayextension", "mcp", "--type=merge", "-p", &patch]).await;
    }

    /// The extension's status.
    pub async fn extension(&self) -> Value {
        self.cluster.get(&self.namespace, "mcpgatewayextension/mcp").await["status"].clone()
    }

    /// Deletes a registration.
    pub async fn unregister(&self, name: &str) {
        self.kubectl(&["delete", REGISTRATION, name]).await;
    }

    /// Changes a registration, by a JSON merge patch of its `spec`.
    pub async fn change(&self, name: &str, spec: Value) {
        let patch = json!({ "spec": spec }).to_string();
        self.kubectl(&["patch", REGISTRATION, name, "--type=merge", "-p", &patch]).await;
    }

    /// Waits until a modern client's calls of a tool go straight to its server: it is called by way of the broker until Envoy's
    /// route to it is in force. Envoy has marked what came without the broker.
    pub async fn is_straight(&self, tool: &str, server: &Fake) {
        crate::until_told_within(super::PATIENCE, &format!("calls of {tool} go by Envoy alone"), async || {
            self.modern().call(tool, json!({})).await;
            (!server.calls().last()?.header("x-request-id").is_empty()).then_some(())
        })
        .await;
    }

    /// Runs `kubectl` in the namespace.
    ///
    /// # Panics
    ///
    /// When it fails.
    pub async fn kubectl(&self, args: &[&str]) -> String {
        let all = [&["-n", &self.namespace], args].concat();
        self.cluster.kubectl(&all).await.expect(&args.join(" "))
    }

    /// The endpoint, by the Gateway's address.
    pub fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }

    /// A client that asks for the endpoint's host.
    pub fn http(&self) -> &Http {
        &self.http
    }

    /// A client of 2026-07-28.
    pub fn modern(&self) -> Modern {
        Modern { http: self.http.clone(), url: self.url() }
    }

    /// A session of a legacy client.
    pub async fn legacy(&self) -> Session {
        self.legacy_able(&json!({})).await
    }

    /// A session of a legacy client that can do this.
    pub async fn legacy_able(&self, capabilities: &Value) -> Session {
        Session::open_with(&self.http, &self.url(), "2025-11-25", capabilities).await
    }
}

/// A registration, as YAML.
pub(super) fn registration(name: &str, prefix: &str, more: &str) -> String {
    let more: String = more.lines().map(|line| format!("  {line}\n")).collect();
    format!(
        r#"
apiVersion: mcpgateway.dev/v1alpha1
kind: MCPServerRegistration
metadata: {{name: {name}}}
spec:
  prefix: "{prefix}"
{more}
---
"#
    )
}
