//! `MCPServerRegistration`.

use super::references::{CaCertificateRef, CredentialRef, ExtensionRef, TargetRef};
use super::schema;
use super::status::{GatewayStatus, Refused};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an MCP server is, and how it is registered.
#[derive(Debug, Clone, PartialEq, CustomResource, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "mcpgateway.dev",
    version = "v1alpha1",
    kind = "MCPServerRegistration",
    plural = "mcpserverregistrations",
    shortname = "mcpsr",
    category = "mcp-gateway",
    namespaced,
    status = "RegistrationStatus",
    derive = "PartialEq",
    doc = "An MCP server whose tools, prompts and resources clients of a gateway get.",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].status",
        description = "Whether a client can call the server now"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].reason",
        description = "Why that is so"
    ),
    printcolumn(
        name = "Prefix",
        type_ = "string",
        json_path = ".spec.prefix",
        description = "In front of the names of its tools and prompts"
    ),
    printcolumn(
        name = "Tools",
        type_ = "integer",
        json_path = ".status.tools",
        description = "Tools that clients see"
    ),
    printcolumn(
        name = "Era",
        type_ = "string",
        json_path = ".status.era",
        description = "The eras of MCP that the server speaks"
    ),
    printcolumn(
        name = "Transport",
        type_ = "string",
        json_path = ".status.transport",
        description = "How the server is reached"
    ),
    printcolumn(
        name = "Target",
        type_ = "string",
        json_path = ".spec.targetRef.name",
        description = "The resource that leads to the server",
        priority = "1"
    ),
    printcolumn(
        name = "URL",
        type_ = "string",
        json_path = ".spec.url",
        description = "The server outside of the cluster",
        priority = "1"
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].message",
        description = "Why the server is ready or not, in full",
        priority = "1"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[x_kube(validation = Rule::new("has(self.targetRef) != has(self.url)")
    .message("write either targetRef, for a server that a resource of the cluster leads to, or url, for one outside; not both and not neither"))]
#[x_kube(validation = Rule::new("!has(self.url) || self.path == '/mcp'")
    .message("path belongs to targetRef: with url take it away, and write the path into the url")
    .field_path(".path"))]
#[x_kube(validation = Rule::new("!has(self.forwardHeaders) || size(self.forwardHeaders) == 0 || self.prefix != ''")
    .message("forwardHeaders needs a prefix: what the server lists depends on the caller, so names alone cannot lead to it; register it with one, as in acme_")
    .field_path(".forwardHeaders"))]
#[x_kube(validation = Rule::new("!has(self.forwardHeaders) || (has(self.unsafePassthrough) && self.unsafePassthrough) || !self.forwardHeaders.exists(h, h.matches('(?i)^(authorization|cookie|proxy-authorization)$'))")
    .message("forwardHeaders holds Authorization, Cookie or Proxy-Authorization, which are meant for the gateway and for no server behind it: give callers a header of its own for this server, as in X-Api-Key, or set unsafePassthrough if the server has to see it")
    .field_path(".forwardHeaders"))]
#[x_kube(validation = Rule::new("!has(self.forwardHeaders) || !has(self.credentialRef) || !self.forwardHeaders.exists(h, h.lowerAscii() == self.credentialRef.header.lowerAscii())")
    .message("forwardHeaders names the header that credentialRef sets: keep it in one of the two")
    .field_path(".forwardHeaders"))]
#[x_kube(validation = Rule::new("!has(self.forwardHeaders) || size(self.forwardHeaders) == 0 || !has(self.cache) || !has(self.cache.scope) || self.cache.scope != 'Shared'")
    .message("cache.scope is Shared, but lists of a server with forwardHeaders depend on the caller: take it away")
    .field_path(".cache"))]
#[serde(rename_all = "camelCase")]
pub struct RegistrationSpec {
    /// Stands in front of the names of the server's tools and prompts, its separator included, as in `weather_`; the URIs of its
    /// resources get a key made of it. Two servers of a gateway cannot have the same; without a prefix, names that two servers have are
    /// offered by neither. Cannot be changed: clients hold the names that it makes.
    #[serde(default)]
    #[schemars(length(max = 64))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9_.-]*$')")
        .message("prefix holds other characters than A-Z, a-z, 0-9, _, . and -: take them away, as in weather_"))]
    #[x_kube(validation = Rule::new("self == oldSelf")
        .message("prefix cannot be changed, as clients hold the names that it makes: register the server under another name with the new prefix, and delete this registration"))]
    pub prefix: String,
    /// Path of the server's MCP endpoint, query included, for a server named by `targetRef`.
    #[serde(default = "RegistrationSpec::default_path")]
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(validation = Rule::new("self.startsWith('/')").message("path has to begin with /, as in /mcp"))]
    #[x_kube(validation = Rule::new("self.matches(\"^[^?]*([?].*)?$\") && self.matches(\"^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@?]|%[0-9a-fA-F]{2})*$\")")
        .message("path holds characters that a URL cannot have: write them as %XX, and take away #"))]
    #[x_kube(validation = Rule::new("!self.matches('//|/[.][.]?([/?]|$)|%2[fF]|/(%2[eE]|[.])*%2[eE]')")
        .message("path holds //, /./, /../, %2F or a %2E that begins a part, which proxies change: write the path without them"))]
    pub path: String,
    /// The resource that leads to the server. Either this or `url` has to be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_ref: Option<TargetRef>,
    /// URL of the MCP endpoint of a server outside of the cluster, beginning with `https://`. Either this or `targetRef` has to be
    /// there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = Rule::new("isURL(self) && self.startsWith('https://') && url(self).getHostname() != '' && url(self).getPort() != '0' && !self.matches('^https://[^/?]*[*]')")
        .message("url has to be an absolute https URL, as in https://mcp.example.com/mcp; for a server without TLS name a Service or ServiceEntry in targetRef"))]
    #[x_kube(validation = Rule::new("!self.matches('^https://[^/?]*:(6553[6-9]|655[4-9][0-9]|65[6-9][0-9]{2}|6[6-9][0-9]{3}|[7-9][0-9]{4}|[0-9]{6,})([/?]|$)')")
        .message("url has a port above 65535: correct it, or take it away for 443"))]
    #[x_kube(validation = Rule::new("!self.matches('^https://[^/?]*@')")
        .message("url holds a user or password, which anybody can read here: put it into a Secret and name that in credentialRef"))]
    #[x_kube(validation = Rule::new("!self.contains('#')")
        .message("url has a fragment (#...), which is never sent: take it away"))]
    pub url: Option<String>,
    /// How the server is reached. `Auto`: found out. `StreamableHTTP`, or `SSE` for the HTTP+SSE of 2024-11-05.
    #[serde(default)]
    pub transport: ServerTransport,
    /// Which of the server's eras of MCP is used. `Auto`: those that it speaks. `Legacy`: only sessions (`initialize`). `Modern`: only
    /// revision 2026-07-28 and later.
    #[serde(default)]
    pub era: Era,
    /// A credential that is sent to the server with every request. The client's own get there only by `forwardHeaders`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_ref: Option<CredentialRef>,
    /// Headers of the client that are sent to the server too, as in `X-Api-Key`: it tells callers apart by them, and the lists, sessions and
    /// answers of one are never another's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(min = 1, max = 64)))]
    #[x_kube(validation = Rule::new("self.all(h, h.matches('^[A-Za-z0-9-]+$'))")
        .message("forwardHeaders holds what is no name of a header: use letters, digits and -"))]
    #[x_kube(validation = Rule::new("!self.exists(h, h.matches('(?i)^((accept|content-|mcp-|x-mcp-|x-envoy-|x-forwarded-).*|connection|date|expect|forwarded|host|keep-alive|last-event-id|origin|proxy-authenticate|proxy-connection|te|trailer|transfer-encoding|upgrade|via|x-request-id|baggage|traceparent|tracestate)$'))")
        .message("forwardHeaders holds a header that the gateway and proxies set themselves: take it away"))]
    #[x_kube(validation = Rule::new("self.all(h, self.exists_one(other, other.lowerAscii() == h.lowerAscii()))")
        .message("forwardHeaders holds a header twice: keep one"))]
    pub forward_headers: Vec<String>,
    /// Lets Authorization, Cookie and Proxy-Authorization into `forwardHeaders`. MCP forbids to hand a client's token on: it was issued for
    /// the gateway, and whoever runs the server can use it there in the client's name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unsafe_passthrough: bool,
    /// How the server's lists are kept, where you know more than the server tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<Cache>,
    /// Certificate authorities that the server's certificate is checked with instead of the system's, in PEM form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_certificate_ref: Option<CaCertificateRef>,
    /// `Enabled`, or `Disabled`: clients see nothing of the server, and it is not asked anything.
    #[serde(default)]
    pub state: ServerState,
    /// How long the server may take to connect and to begin an answer, as in 30s or 2m. Running answers have no limit.
    #[serde(default = "RegistrationSpec::default_timeout")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = Rule::new("self.matches('^([0-9]{1,5}(h|m|s|ms)){1,4}$') && duration(self) >= duration('100ms') && duration(self) <= duration('1h')")
        .message("timeout has to be a duration from 100ms to 1h: write a number and a unit, as in 30s or 2m"))]
    pub timeout: String,
    /// What happens when the server no longer knows a session. `Reopen`: a new one is opened and the client does not notice. `End`: the
    /// client's session ends too, for servers whose state in the session matters.
    #[serde(default)]
    pub on_session_loss: OnSessionLoss,
    /// The gateways that the server is registered with. When left out: for an HTTPRoute those that extend a Gateway which is a parent of
    /// it, for other targets all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub extension_refs: Vec<ExtensionRef>,
}

impl RegistrationSpec {
    fn default_path() -> String {
        "/mcp".to_owned()
    }

    fn default_timeout() -> String {
        "60s".to_owned()
    }
}

/// How a server's lists are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cache {
    /// Who may share the lists. `Shared`: all clients. `Private`: each asks for its own. When left out: what the server says; a server of
    /// the revisions before 2026-07-28 says nothing, which is `Private`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<CacheScope>,
    /// For how long lists are kept at most, as in 5m or 1h, which is also how long those of a server of the revisions before 2026-07-28 are
    /// fresh. 5 minutes at most, and not fresh at all, when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = Rule::new("self.matches('^([0-9]{1,5}(h|m|s|ms)){1,4}$') && duration(self) >= duration('1s') && duration(self) <= duration('24h')")
        .message("maxAge has to be a duration from 1s to 24h: write a number and a unit, as in 5m or 1h"))]
    pub max_age: Option<String>,
}

/// Who may share lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CacheScope {
    /// All clients.
    Shared,
    /// Nobody but the client that asked.
    Private,
}

/// How a server is reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ServerTransport {
    /// Found out.
    #[default]
    Auto,
    /// Streamable HTTP.
    #[serde(rename = "StreamableHTTP")]
    StreamableHttp,
    /// HTTP+SSE of 2024-11-05.
    #[serde(rename = "SSE")]
    Sse,
}

/// Which eras of MCP are used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Era {
    /// Those that the server speaks.
    #[default]
    Auto,
    /// Only sessions.
    Legacy,
    /// Only revision 2026-07-28 and later.
    Modern,
}

/// Whether a server is offered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ServerState {
    /// It is.
    #[default]
    Enabled,
    /// It is not, and nothing is asked of it.
    Disabled,
}

/// What happens when a server no longer knows a session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnSessionLoss {
    /// A new one is opened.
    #[default]
    Reopen,
    /// The client's ends too.
    End,
}

/// What was seen of a server.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegistrationStatus {
    /// `Accepted`: the registration may be what it says. `ResolvedRefs`: what it refers to is there. `Compatible`: no policy of the mesh is
    /// known to stand against it. `Programmed`: the gateway has been told. `Ready`: a client can call the server now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
    /// `metadata.generation` that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The gateways that the server is registered with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gateways: Vec<GatewayStatus>,
    /// The eras of MCP that the server speaks: `Legacy`, `Modern`, or `Legacy,Modern`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub era: Option<String>,
    /// How the server is reached: `StreamableHTTP` or `SSE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<String>,
    /// Revisions of MCP that the server speaks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub protocol_versions: Vec<String>,
    /// Tools that clients see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<i64>,
    /// Prompts that clients see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompts: Option<i64>,
    /// Resources that clients see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<i64>,
    /// Resource templates that clients see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub templates: Option<i64>,
    /// When the server last answered the broker. Written when something else changes too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_contact: Option<Time>,
    /// The first 50 of the server's names and URIs that no client sees: each with the reason and, where names collide, whose it is too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Refused>,
    /// How many of the server's names and URIs no client sees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused_count: Option<i64>,
}
