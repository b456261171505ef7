//! The command line.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use controller::offline::Target;
use controller::source::Source;
use protocol::config::FilterMode;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// MCP Gateway: many MCP servers behind one endpoint, inside Envoy.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the whole gateway, Envoy included, until Ctrl-C
    Run(RunArgs),
    /// Run the broker alone, beside an Envoy that is started by hand
    Broker(BrokerArgs),
    /// Run the controller, which makes gateways of what a Kubernetes cluster declares
    Controller(ControllerArgs),
    /// Check a declaration: every mistake is named by file, field and fix
    Validate(DeclarationArgs),
    /// Write the configuration that `envoy -c` needs beside `mcp-gateway broker`, or print what Kubernetes resources come to
    Render(RenderArgs),
    /// Put the filter's module into an OCI registry, for Istio
    Push(PushArgs),
    /// Print the definitions of the Kubernetes resources
    Crds,
    /// Turn resources of mcp.kuadrant.io, or mcp.kagenti.com before, into those of this gateway; what has no counterpart is named on stderr
    Convert(ConvertArgs),
    /// Become a program that ends with the process that started it
    #[command(hide = true)]
    Tied(TiedArgs),
    /// End what servers' processes a gateway has left behind, when it has ended
    #[command(hide = true)]
    Reap,
}

/// An address with its port; whoever writes something else is told how.
fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "write ADDRESS:PORT, as in 127.0.0.1:8080 or [::1]:8080")
}

#[derive(Debug, Args)]
pub(crate) struct ConvertArgs {
    /// Files, `-` for stdin, or folders whose *.yaml, *.yml and *.json are read, those in folders within too
    #[arg(required = true, value_name = "FILE|DIR")]
    pub(crate) inputs: Vec<PathBuf>,
    /// Write a file for each that is read, under the same name, instead of all to stdout
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct TiedArgs {
    /// The process that starts it
    pub(crate) parent: i32,
    pub(crate) program: PathBuf,
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) arguments: Vec<std::ffi::OsString>,
}

/// Which file declares the gateway.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct DeclarationArgs {
    /// The gateway's declaration [default: gateway.yaml]
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The file of a desktop client or IDE instead: {"mcpServers": …}
    #[arg(long, value_name = "FILE")]
    mcp_json: Option<PathBuf>,
}

impl DeclarationArgs {
    /// The file that was named.
    pub(crate) fn source(&self) -> Source {
        match (&self.mcp_json, &self.file) {
            (Some(path), _) => Source::McpJson(path.clone()),
            (None, Some(path)) => Source::Gateway(path.clone()),
            (None, None) => Source::Gateway("gateway.yaml".into()),
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) declaration: DeclarationArgs,
    /// Where clients come in, instead of what the declaration says; port 0 for any
    #[arg(long, value_name = "ADDR:PORT", value_parser = address)]
    pub(crate) listen: Option<SocketAddr>,
    /// The broker's own port: /status, /metrics, /readyz
    #[arg(long, value_name = "ADDR:PORT", value_parser = address, default_value = "127.0.0.1:0")]
    pub(crate) broker_listen: SocketAddr,
    /// The Envoy to run [default: `envoy` on the path, or the one that scripts/setup-envoy.sh installed]
    #[arg(long, value_name = "PATH", env = "MCP_GATEWAY_ENVOY")]
    pub(crate) envoy: Option<PathBuf>,
    /// The filter's module [default: mcp-gateway.wasm beside this program]
    #[arg(long, value_name = "PATH", env = "MCP_GATEWAY_WASM")]
    pub(crate) wasm: Option<PathBuf>,
    /// How Envoy runs the filter: `header` as Istio's WasmPlugin does, where only modern calls take the fast path
    #[arg(long, value_name = "MODE", default_value = "body", value_parser = filter_mode())]
    pub(crate) filter_mode: FilterMode,
    /// Envoy's worker threads [default: the number of cores]
    #[arg(long, value_name = "N")]
    pub(crate) concurrency: Option<u16>,
}

#[derive(Debug, Args)]
pub(crate) struct ControllerArgs {
    /// The controller's own namespace, where its lease is
    #[arg(long, value_name = "NAMESPACE", env = "POD_NAMESPACE", default_value = "mcp-system")]
    pub(crate) namespace: String,
    /// Image of the brokers, where an MCPGatewayExtension names none
    #[arg(long, value_name = "IMAGE", env = "MCP_GATEWAY_IMAGE")]
    pub(crate) image: String,
    /// The filter's module, where an MCPGatewayExtension names none: oci://HOST/REPOSITORY:TAG
    #[arg(long, value_name = "URL", env = "MCP_GATEWAY_MODULE")]
    pub(crate) wasm: String,
    /// Its port for /healthz, /readyz and /metrics
    #[arg(long, value_name = "ADDR:PORT", value_parser = address, default_value = "0.0.0.0:8092")]
    pub(crate) listen: SocketAddr,
    /// What the host names of the cluster's services end with
    #[arg(long, value_name = "DOMAIN", default_value = "cluster.local")]
    pub(crate) cluster_domain: String,
    /// A registry that is spoken to without TLS; may be repeated
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(crate) insecure_registry: Vec<String>,
    /// Who this is, among several controllers [default: the host's name]
    #[arg(long, value_name = "NAME", env = "POD_NAME")]
    pub(crate) identity: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct BrokerArgs {
    #[command(flatten)]
    pub(crate) declaration: DeclarationArgs,
    /// The Secret that the controller keeps the configuration in, instead of a file
    #[arg(long, value_name = "NAMESPACE/NAME", requires = "key_dir", conflicts_with_all = ["file", "mcp_json", "key_file"])]
    pub(crate) config_secret: Option<String>,
    /// The folder with the gateway's keys: `key` for the filter, `config` for the configuration
    #[arg(long, value_name = "DIR", requires = "config_secret")]
    pub(crate) key_dir: Option<PathBuf>,
    /// The public port: /mcp without Envoy, /status, /metrics, /readyz
    #[arg(long, value_name = "ADDR:PORT", value_parser = address, default_value = "127.0.0.1:8090")]
    pub(crate) listen: SocketAddr,
    /// The port for the filter in Envoy
    #[arg(long, value_name = "ADDR:PORT", value_parser = address, default_value = "127.0.0.1:8091")]
    pub(crate) internal_listen: SocketAddr,
    /// A port for /metrics, /healthz and /readyz alone, beside the public one
    #[arg(long, value_name = "ADDR:PORT", value_parser = address, env = "MCP_GATEWAY_METRICS_LISTEN")]
    pub(crate) metrics_listen: Option<SocketAddr>,
    /// What the filter proves itself with; the same file as for `render`
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// This machine's address for other replicas, that have the same key and MCP_GATEWAY_SESSION_KEY: they pass on what belongs to
    /// this one
    #[arg(long, value_name = "ADDR", env = "MCP_GATEWAY_ADVERTISE")]
    pub(crate) advertise: Option<IpAddr>,
}

#[derive(Debug, Args)]
pub(crate) struct RenderArgs {
    /// What for: `envoy` writes files of a declaration; `istio` prints what the controller makes of resources, and `envoy-gateway`
    /// the data path for Envoy Gateway. Neither asks a cluster, nor prints credentials
    #[arg(long, value_name = "TARGET", default_value = "envoy", value_parser = render_target())]
    pub(crate) target: RenderTarget,
    /// For `istio` and `envoy-gateway`: files, or folders, with the resources: Gateway, MCPGatewayExtension, MCPServerRegistrations, and
    /// what they name, but for Secrets with credentials
    #[arg(value_name = "FILE|DIR", conflicts_with_all = ["file", "mcp_json", "output"])]
    pub(crate) resources: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) declaration: DeclarationArgs,
    /// For `envoy`: the folder to write; Envoy is told to read its files there
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    /// The broker's internal port
    #[arg(long, value_name = "ADDR:PORT", value_parser = address, default_value = "127.0.0.1:8091")]
    pub(crate) broker: SocketAddr,
    /// The filter's module, as Envoy finds it
    #[arg(long, value_name = "PATH", default_value = "dist/mcp-gateway.wasm")]
    pub(crate) wasm: PathBuf,
    /// How Envoy runs the filter: `header` as Istio's WasmPlugin does, where only modern calls take the fast path
    #[arg(long, value_name = "MODE", default_value = "body", value_parser = filter_mode())]
    pub(crate) filter_mode: FilterMode,
    /// What the filter proves itself with; the same file as for `broker`
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// Namespace of resources that name none
    #[arg(short, long, value_name = "NAMESPACE", default_value = "default")]
    pub(crate) namespace: String,
    /// Image of the brokers, where an MCPGatewayExtension names none
    #[arg(long, value_name = "IMAGE", default_value = "mcp-gateway")]
    pub(crate) image: String,
    /// The filter's module in a registry, where an MCPGatewayExtension names none
    #[arg(long, value_name = "URL", default_value = "oci://registry.example.com/mcp-gateway-wasm")]
    pub(crate) module: String,
    /// Its digest, as `mcp-gateway push` prints it: no registry is asked
    #[arg(long, value_name = "HEX")]
    pub(crate) module_sha256: Option<String>,
    /// The controller's own namespace
    #[arg(long, value_name = "NAMESPACE", default_value = "mcp-system")]
    pub(crate) controller_namespace: String,
    /// What the host names of the cluster's services end with
    #[arg(long, value_name = "DOMAIN", default_value = "cluster.local")]
    pub(crate) cluster_domain: String,
}

/// What `render` is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RenderTarget {
    /// An Envoy that is started by hand.
    Envoy,
    /// A cluster.
    Kubernetes(Target),
}

#[derive(Debug, Args)]
pub(crate) struct PushArgs {
    /// Where to: oci://HOST[:PORT]/REPOSITORY:TAG
    pub(crate) url: String,
    /// The filter's module [default: mcp-gateway.wasm beside this program]
    #[arg(long, value_name = "FILE", env = "MCP_GATEWAY_WASM")]
    pub(crate) module: Option<PathBuf>,
    /// The registry has no TLS; one on this machine never needs it
    #[arg(long)]
    pub(crate) plain_http: bool,
    /// Print the digest alone
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

fn filter_mode() -> impl TypedValueParser<Value = FilterMode> {
    PossibleValuesParser::new(["body", "header"])
        .map(|mode| if mode == "header" { FilterMode::Header } else { FilterMode::Body })
}

fn render_target() -> impl TypedValueParser<Value = RenderTarget> {
    PossibleValuesParser::new(["envoy", "istio", "envoy-gateway"]).map(|target| match target.as_str() {
        "istio" => RenderTarget::Kubernetes(Target::Istio),
        "envoy-gateway" => RenderTarget::Kubernetes(Target::EnvoyGateway),
        _ => RenderTarget::Envoy,
    })
}
