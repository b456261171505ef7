//! By scenario, over an API server that is only pretended: what the controller makes of a cluster.

mod api_server;
mod rights;

use super::{Options, run};
use crate::model::{Cluster, ObjectName};
use crate::oci::Registries;
use crate::sealed::{CONFIG, Seal};
use crate::source::kubernetes::Defaults;
use api_server::ApiServer;
use protocol::config::Gateway;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Nobody is there.
const MODULE: &str = "oci://127.0.0.1:1/filter:1";

/// A cluster with a Gateway that is extended, and a controller.
struct Scene {
    api: Arc<ApiServer>,
    _controller: DropGuard,
}

impl Scene {
    async fn new(objects: Vec<Value>) -> Self {
        Self::prepared(objects, |_| {}).await
    }

    async fn prepared(objects: Vec<Value>, prepare: impl FnOnce(&ApiServer)) -> Self {
        let api = Arc::new(ApiServer::default());
        prepare(&api);
        api.put(json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
            "metadata": { "namespace": "ns", "name": "front" },
            "spec": { "gatewayClassName": "istio", "listeners": [{ "name": "http", "port": 80, "protocol": "HTTP" }] },
            "status": { "conditions": [{ "type": "Programmed", "status": "True" }] },
        }));
        api.put(json!({
            "apiVersion": "mcpgateway.dev/v1alpha1", "kind": "MCPGatewayExtension",
            "metadata": { "namespace": "ns", "name": "main" },
            "spec": { "targetRef": { "name": "front" }, "publicHost": "mcp.example.com" },
        }));
        for object in objects {
            api.put(object);
        }
        let ending = CancellationToken::new();
        let cluster = Cluster { domain: "cluster.local".to_owned(), controller_namespace: "mcp-system".to_owned() };
        // In the program it is `main` that does this.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let controller = (Arc::clone(&api), ending.clone());
        std::thread::spawn(move || {
            let (api, ending) = controller;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let options = Options {
                    defaults: Defaults { cluster, image: "mcp-gateway:1".to_owned(), module: MODULE.to_owned() },
                    registries: Registries::default(),
                    identity: "one".to_owned(),
                    listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
                };
                run(api.client(), options, ending).await;
            });
        });
        Self { api, _controller: ending.drop_guard() }
    }

    /// Waits until something can be had.
    async fn until<T>(&self, what: &str, found: impl Fn(&ApiServer) -> Option<T>) -> T {
        let wanted = async {
            loop {
                if let Some(found) = found(&self.api) {
                    return found;
                }
                self.api.changes().await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(30), wanted).await;
        waited.unwrap_or_else(|_| panic!("never came: {what}; there is {:?}", self.api.names()))
    }

    fn config(api: &ApiServer) -> Option<Gateway> {
        let text = |secret: &str, key: &str| {
            let encoded = api.get("secrets", "ns", secret)?["data"][key].clone();
            let bytes: k8s_openapi::ByteString = serde_json::from_value(encoded).ok()?;
            String::from_utf8(bytes.0).ok()
        };
        let name = ObjectName { namespace: "ns".to_owned(), name: "main-broker-config".to_owned() };
        Seal::new(&text("main-broker-key", "config")?, &name).open(&text(&name.name, CONFIG)?).ok()
    }

    fn condition(api: &ApiServer, plural: &str, name: &str, kind: &str) -> Option<Value> {
        let object = api.get(plural, "ns", name)?;
        object["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind).cloned()
    }

    /// The name of the route of the only server.
    fn route(api: &ApiServer) -> Option<String> {
        api.names()
            .into_iter()
            .find_map(|(plural, name)| (plural == "httproutes" && name.contains("mcp-s-")).then_some(name))
    }
}

/// The resource that says that a module was found before.
fn in_force() -> Value {
    json!({
        "apiVersion": "extensions.istio.io/v1alpha1", "kind": "WasmPlugin",
        "metadata": { "namespace": "ns", "name": "main-mcp-gateway", "labels": { "mcpgateway.dev/namespace": "ns" } },
        "spec": { "url": MODULE, "sha256": "00" },
    })
}

fn server() -> Vec<Value> {
    vec![
        in_force(),
        json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": { "namespace": "ns", "name": "weather" }, "spec": { "ports": [{ "port": 80 }] },
        }),
        json!({
            "apiVersion": "mcpgateway.dev/v1alpha1", "kind": "MCPServerRegistration",
            "metadata": { "namespace": "ns", "name": "weather" },
            "spec": { "prefix": "w_", "targetRef": { "kind": "Service", "name": "weather" } },
        }),
    ]
}

#[tokio::test]
async fn the_broker_is_told_of_a_servers_route_once_it_is_accepted_and_forgets_it_before_it_goes() {
    let scene = Scene::new(server()).await;
    let route = scene.until("the server's route", Scene::route).await;
    let config = Scene::config(&scene.api).expect("the configuration is there before the route is");
    assert_eq!((config.servers.len(), config.servers[0].route.clone()), (1, None));
    scene.api.change("httproutes", "ns", &route, |object| {
        let condition = |kind: &str| json!({ "type": kind, "status": "True", "observedGeneration": 1 });
        object["status"] = json!({ "parents": [{
            "parentRef": { "name": "front", "namespace": "ns", "sectionName": "http" },
            "conditions": [condition("Accepted"), condition("ResolvedRefs")],
        }] });
    });
    let routed = |api: &ApiServer| Scene::config(api)?.servers.first()?.route.clone();
    let authority = scene.until("the broker knows the route", routed).await.authority;
    assert!(authority.ends_with(".mcp-gateway-internal"), "{authority}");
    scene.api.remove("mcpserverregistrations", "ns", "weather");
    scene.until("the broker has forgotten it", |api| Scene::config(api)?.servers.is_empty().then_some(())).await;
    assert!(Scene::route(&scene.api).is_some(), "calls that were decided before still use the route");
}

#[tokio::test]
async fn no_resource_names_a_module_that_its_registry_does_not_give_and_the_status_says_so() {
    let scene = Scene::new(Vec::new()).await;
    let unavailable = |api: &ApiServer| {
        let programmed = Scene::condition(api, "mcpgatewayextensions", "main", "Programmed")?;
        (programmed["reason"] == "ModuleUnavailable" && programmed["message"].as_str()?.contains("127.0.0.1:1"))
            .then_some(())
    };
    scene.until("the reason", unavailable).await;
    let names = scene.api.names();
    assert!(names.contains(&("deployments".to_owned(), "main-broker".to_owned())), "{names:?}");
    let named =
        |(plural, _): &&(String, String)| ["wasmplugins", "envoyfilters", "httproutes"].contains(&plural.as_str());
    assert_eq!(names.iter().find(named), None);
}

#[tokio::test]
async fn what_is_in_force_is_not_written_again() {
    let scene = Scene::new(server()).await;
    let told = |api: &ApiServer| Scene::condition(api, "mcpserverregistrations", "weather", "Ready");
    scene.until("a first status", told).await;
    let before = scene.until("no more writes", |api| api.is_quiet().then(|| api.writes())).await;
    scene.api.put(json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "other" } }));
    scene.until("a pass over it", |api| api.is_quiet().then_some(())).await;
    assert_eq!(scene.api.writes(), before);
}

#[tokio::test]
async fn a_registration_that_cannot_be_read_says_so_and_harms_no_other() {
    let mut objects = server();
    objects.push(json!({
        "apiVersion": "mcpgateway.dev/v1alpha1", "kind": "MCPServerRegistration",
        "metadata": { "namespace": "ns", "name": "broken" }, "spec": { "prefix": 7 },
    }));
    let scene = Scene::new(objects).await;
    let refused = |api: &ApiServer| Scene::condition(api, "mcpserverregistrations", "broken", "Accepted");
    let refused = scene.until("a status", refused).await;
    assert_eq!((&refused["status"], &refused["reason"]), (&json!("False"), &json!("Invalid")));
    scene.until("the other's route", Scene::route).await;
}

#[tokio::test]
async fn a_kind_that_the_cluster_does_not_have_is_told_by_its_name() {
    let mut extension = json!({
        "apiVersion": "mcpgateway.dev/v1alpha1", "kind": "MCPGatewayExtension",
        "metadata": { "namespace": "ns", "name": "main" },
        "spec": { "targetRef": { "name": "front" }, "publicHost": "mcp.example.com" },
    });
    extension["spec"]["dataPath"] = json!({ "mode": "EnvoyFilter" });
    let scene = Scene::prepared(vec![in_force(), extension], |api| api.lacks("envoyfilters")).await;
    let told = |api: &ApiServer| {
        let programmed = Scene::condition(api, "mcpgatewayextensions", "main", "Programmed")?;
        (programmed["reason"] == "UnsupportedVersion").then_some(programmed)
    };
    let programmed = scene.until("the reason", told).await;
    assert!(programmed["message"].as_str().unwrap().contains("no EnvoyFilter (networking.istio.io/"), "{programmed}");
}

#[tokio::test]
async fn what_cannot_be_made_for_one_server_harms_no_other() {
    let mut objects = server();
    objects.push(json!({
        "apiVersion": "mcpgateway.dev/v1alpha1", "kind": "MCPServerRegistration",
        "metadata": { "namespace": "ns", "name": "far" },
        "spec": { "prefix": "f_", "url": "https://mcp.example.net/mcp" },
    }));
    let scene = Scene::prepared(objects, |api| api.refuses("serviceentries")).await;
    scene.until("the other's route", Scene::route).await;
    let of_extension = |api: &ApiServer| Scene::condition(api, "mcpgatewayextensions", "main", "Programmed");
    let programmed = scene.until("a status", of_extension).await;
    assert_eq!(programmed["reason"], "Pending", "{programmed}");
    scene.until("no more writes", |api| api.is_quiet().then_some(())).await;
    let routes =
        scene.api.names().into_iter().filter(|(plural, name)| plural == "httproutes" && name.contains("mcp-s-"));
    assert_eq!(routes.count(), 1, "no route leads to what is not there");
}

#[tokio::test]
async fn what_is_refused_is_told_and_sent_again_ever_later() {
    let scene = Scene::prepared(Vec::new(), |api| api.refuses("deployments")).await;
    let tries = |count: usize| move |api: &ApiServer| Some(api.refused()).filter(|tries| tries.len() >= count);
    let tried = scene.until("three tries", tries(3)).await;
    let pauses: Vec<_> = tried.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(pauses[0] >= Duration::from_secs(1) && pauses[1] >= Duration::from_secs(2), "{pauses:?}");
    let programmed = Scene::condition(&scene.api, "mcpgatewayextensions", "main", "Programmed").expect("a status");
    assert_eq!((&programmed["status"], &programmed["reason"]), (&json!("False"), &json!("ApplyFailed")));
    let message = programmed["message"].as_str().unwrap();
    assert!(message.contains("Deployment ns/main-broker") && message.ends_with("refused"), "{message}");

    scene.api.relents();
    scene.until("the Deployment", |api| api.get("deployments", "ns", "main-broker")).await;
}

#[tokio::test]
async fn what_stands_against_a_gateway_is_a_condition_and_an_event() {
    let mut objects = server();
    objects.push(json!({
        "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
        "metadata": { "namespace": "ns", "name": "no-mcp" },
        "spec": { "action": "DENY", "rules": [{ "to": [{ "operation": { "hosts": ["mcp.example.com"] } }] }] },
    }));
    let scene = Scene::new(objects).await;
    let told = |api: &ApiServer| {
        let compatible = Scene::condition(api, "mcpgatewayextensions", "main", "Compatible")?;
        (compatible["status"] == "False").then_some(compatible)
    };
    let compatible = scene.until("the condition", told).await;
    assert_eq!(compatible["reason"], "AuthorizationPolicy");
    let event = |api: &ApiServer| api.all("events").into_iter().find(|event| event["reason"] == "AuthorizationPolicy");
    let event = scene.until("the event", event).await;
    assert!(event["type"] == "Warning" && event["note"].as_str().unwrap().contains("ns/no-mcp"), "{event}");
    scene.api.remove("authorizationpolicies", "ns", "no-mcp");
    let gone = |api: &ApiServer| {
        (Scene::condition(api, "mcpgatewayextensions", "main", "Compatible")?["status"] == "True").then_some(())
    };
    scene.until("nothing stands against it", gone).await;
}

#[tokio::test]
async fn an_older_route_of_somebody_else_is_told_by_its_name() {
    let route = json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": { "namespace": "ns", "name": "theirs", "creationTimestamp": "2020-01-01T00:00:00Z" },
        "spec": {
            "parentRefs": [{ "name": "front" }], "hostnames": ["mcp.example.com"],
            "rules": [{ "matches": [{ "path": { "type": "Exact", "value": "/mcp" } }] }],
        },
    });
    let scene = Scene::new(vec![route]).await;
    let event = |api: &ApiServer| api.all("events").into_iter().find(|event| event["reason"] == "RouteConflict");
    let event = scene.until("the event", event).await;
    assert!(event["note"].as_str().unwrap().contains("HTTPRoute ns/theirs takes /mcp"), "{event}");
    let told = |api: &ApiServer| {
        let compatible = Scene::condition(api, "mcpgatewayextensions", "main", "Compatible")?;
        (compatible["reason"] == "RouteConflict" && compatible["status"] == "False").then_some(())
    };
    scene.until("the condition", told).await;
}

#[tokio::test]
async fn of_secrets_and_config_maps_only_those_are_read_that_something_refers_to() {
    let big = "A".repeat(1 << 20);
    let secret = |name: &str, data: Value| json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "namespace": "ns", "name": name }, "data": data });
    let mut objects = server();
    objects.push(secret("unrelated", json!({ "token": big })));
    objects.push(secret("login", json!({ "token": "czNjcmV0" })));
    objects.push(json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "namespace": "ns", "name": "unrelated" },
        "data": { "text": big },
    }));
    let scene = Scene::new(objects).await;
    scene.until("the server's route", Scene::route).await;
    assert_eq!(scene.api.given("configmaps"), Vec::<String>::new());
    let given = scene.api.given("secrets");
    assert!(given.iter().all(|name| name.starts_with("main-broker-")), "{given:?}");
    scene.api.change("mcpserverregistrations", "ns", "weather", |object| {
        object["spec"]["credentialRef"] = json!({ "name": "login" });
    });
    let sent = |api: &ApiServer, wanted: &str| {
        let config = Scene::config(api)?;
        (config.servers.first()?.headers.get("authorization")? == wanted).then_some(())
    };
    scene.until("the credential is sent", |api| sent(api, "Bearer s3cret")).await;
    scene.api.change("secrets", "ns", "login", |object| object["data"]["token"] = json!("b3RoZXI="));
    scene.until("its new value is sent", |api| sent(api, "Bearer other")).await;
    assert!(!scene.api.given("secrets").contains(&"unrelated".to_owned()));
}

#[tokio::test]
async fn keys_that_are_there_stay_what_they_are() {
    let keys = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "namespace": "ns", "name": "main-broker-key" },
        "data": { "key": "a2V5a2V5a2V5a2V5a2V5", "session": "c2Vzc2lvbg==", "config": "MDA=" },
    });
    let scene = Scene::new(vec![in_force(), keys.clone()]).await;
    scene.until("the broker's configuration", |api| api.get("secrets", "ns", "main-broker-config")).await;
    scene.until("no more writes", |api| api.is_quiet().then_some(())).await;
    assert_eq!(scene.api.get("secrets", "ns", "main-broker-key").unwrap()["data"], keys["data"]);
}
