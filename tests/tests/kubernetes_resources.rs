//! What the API server makes of the resources' definitions: what it refuses and why, what it fills in, what it shows.

use mcp_gateway_tests::kubernetes::{self, Cluster};
use mcp_gateway_tests::process::{built, root};
use mcp_gateway_tests::until_told_within;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const REGISTRATION: &str = "mcpgateway.dev/v1alpha1 MCPServerRegistration";
const KAGENTI: &str = "mcp.kagenti.com/v1alpha1 MCPServerRegistration";
const EXTENSION: &str = "mcpgateway.dev/v1alpha1 MCPGatewayExtension";
const VIRTUAL: &str = "mcpgateway.dev/v1alpha1 MCPVirtualServer";

/// What is refused: kind, spec, and what the message has to hold: the field, and the fix.
#[rustfmt::skip]
const REFUSED: &[(&str, &str, &[&str])] = &[
    (REGISTRATION, "{}", &["spec: ", "write either targetRef", "or url"]),
    (REGISTRATION, "{targetRef: {name: r}, url: 'https://a.example/mcp'}", &["spec: ", "not both"]),
    (REGISTRATION, "{targetRef: {name: r}, nonsense: 1}", &[".spec.nonsense", "not declared in schema"]),
    (REGISTRATION, "{url: 'http://a.example/mcp'}", &["spec.url", "https://mcp.example.com/mcp"]),
    (REGISTRATION, "{url: a.example}", &["spec.url", "https://mcp.example.com/mcp"]),
    (REGISTRATION, "{url: 'https://a.example:0/'}", &["spec.url", "https://mcp.example.com/mcp"]),
    (REGISTRATION, "{url: 'https://*.example/mcp'}", &["spec.url", "https://mcp.example.com/mcp"]),
    (REGISTRATION, "{url: 'https://a.example:99999/mcp'}", &["spec.url", "above 65535"]),
    (REGISTRATION, "{url: 'https://me:secret@a.example/mcp'}", &["spec.url", "credentialRef"]),
    (REGISTRATION, "{url: 'https://a.example/mcp#part'}", &["spec.url", "take it away"]),
    (REGISTRATION, "{url: 'https://a.example/mcp', path: /v1}", &["spec.path", "write the path into the url"]),
    (REGISTRATION, "{targetRef: {}}", &["spec.targetRef.name", "Required"]),
    (REGISTRATION, "{targetRef: {name: ''}}", &["spec.targetRef.name", "at least 1"]),
    (REGISTRATION, "{targetRef: {name: r, kind: Pod}}", &["spec.targetRef.kind", "\"HTTPRoute\", \"Service\", \"ServiceEntry\""]),
    (REGISTRATION, "{targetRef: {name: r, kind: Service, group: apps}}", &["spec.targetRef.group", "\"\" for a Service"]),
    (REGISTRATION, "{targetRef: {name: r, group: ''}}", &["spec.targetRef.group", "gateway.networking.k8s.io for an HTTPRoute"]),
    (REGISTRATION, "{targetRef: {name: r, port: 80}}", &["spec.targetRef.port", "take it away"]),
    (REGISTRATION, "{targetRef: {name: r, kind: Service, port: 0}}", &["spec.targetRef.port", "greater than or equal to 1"]),
    (REGISTRATION, "{targetRef: {name: r, kind: Service, port: 65536}}", &["spec.targetRef.port", "less than or equal to 65535"]),
    (REGISTRATION, "{targetRef: {name: r, kind: Service, sectionName: a}}", &["spec.targetRef.sectionName", "name the port in port"]),
    (REGISTRATION, "{targetRef: {name: r}, prefix: 'a b'}", &["spec.prefix", "take them away, as in weather_"]),
    (REGISTRATION, "{targetRef: {name: r}, prefix: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}", &["spec.prefix", "64"]),
    (REGISTRATION, "{targetRef: {name: r}, path: mcp}", &["spec.path", "begin with /"]),
    (REGISTRATION, "{targetRef: {name: r}, path: /a//b}", &["spec.path", "write the path without them"]),
    (REGISTRATION, "{targetRef: {name: r}, path: /a/../b}", &["spec.path", "write the path without them"]),
    (REGISTRATION, "{targetRef: {name: r}, path: /a/%2e%2E/b}", &["spec.path", "write the path without them"]),
    (REGISTRATION, "{targetRef: {name: r}, path: '/a#b'}", &["spec.path", "take away #"]),
    (REGISTRATION, "{targetRef: {name: r}, path: '/a b'}", &["spec.path", "%XX"]),
    (REGISTRATION, "{targetRef: {name: r}, transport: stdio}", &["spec.transport", "\"Auto\", \"StreamableHTTP\", \"SSE\""]),
    (REGISTRATION, "{targetRef: {name: r}, era: Old}", &["spec.era", "\"Auto\", \"Legacy\", \"Modern\""]),
    (REGISTRATION, "{targetRef: {name: r}, state: Paused}", &["spec.state", "\"Enabled\", \"Disabled\""]),
    (REGISTRATION, "{targetRef: {name: r}, onSessionLoss: Never}", &["spec.onSessionLoss", "\"Reopen\", \"End\""]),
    (REGISTRATION, "{targetRef: {name: r}, timeout: '5'}", &["spec.timeout", "as in 30s or 2m"]),
    (REGISTRATION, "{targetRef: {name: r}, timeout: 2h}", &["spec.timeout", "100ms to 1h"]),
    (REGISTRATION, "{targetRef: {name: r}, timeout: 5}", &[".spec.timeout", "expected string"]),
    (REGISTRATION, "{targetRef: {name: r}, credentialRef: {}}", &["spec.credentialRef.name", "Required"]),
    (REGISTRATION, "{targetRef: {name: r}, credentialRef: {name: s, kind: ConfigMap}}", &["spec.credentialRef.kind", "\"Secret\""]),
    (REGISTRATION, "{targetRef: {name: r}, credentialRef: {name: s, header: Host}}", &["spec.credentialRef.header", "as Authorization"]),
    (REGISTRATION, "{targetRef: {name: r}, credentialRef: {name: s, header: Mcp-Session-Id}}", &["spec.credentialRef.header", "as Authorization"]),
    (REGISTRATION, "{targetRef: {name: r}, credentialRef: {name: s, header: Upgrade}}", &["spec.credentialRef.header", "as Authorization"]),
    (REGISTRATION, "{targetRef: {name: r}, credentialRef: {name: s, header: X-Envoy-Retry-On}}", &["spec.credentialRef.header", "as Authorization"]),
    (REGISTRATION, "{targetRef: {name: r}, credentialRef: {name: s, header: 'a b'}}", &["spec.credentialRef.header", "X-Api-Key"]),
    (REGISTRATION, "{targetRef: {name: r}, caCertificateRef: {name: c, kind: Pod}}", &["spec.caCertificateRef.kind", "\"ConfigMap\", \"Secret\""]),
    (REGISTRATION, "{targetRef: {name: r}, forwardHeaders: [X-Api-Key]}", &["spec.forwardHeaders", "needs a prefix"]),
    (REGISTRATION, "{targetRef: {name: r}, prefix: a_, forwardHeaders: [Authorization]}", &["spec.forwardHeaders", "unsafePassthrough"]),
    (REGISTRATION, "{targetRef: {name: r}, prefix: a_, forwardHeaders: ['a b']}", &["spec.forwardHeaders", "use letters, digits and -"]),
    (REGISTRATION, "{targetRef: {name: r}, prefix: a_, forwardHeaders: [Mcp-Name]}", &["spec.forwardHeaders", "set themselves"]),
    (REGISTRATION, "{targetRef: {name: r}, prefix: a_, forwardHeaders: [hOST]}", &["spec.forwardHeaders", "set themselves"]),
    (REGISTRATION, "{targetRef: {name: r}, prefix: a_, forwardHeaders: [X-A, x-a]}", &["spec.forwardHeaders", "keep one"]),
    (REGISTRATION, "{targetRef: {name: r}, prefix: a_, forwardHeaders: [x-a], credentialRef: {name: s, header: X-A}}", &["spec.forwardHeaders", "keep it in one of the two"]),
    (REGISTRATION, "{targetRef: {name: r}, prefix: a_, forwardHeaders: [x-a], cache: {scope: Shared}}", &["spec.cache", "take it away"]),
    (REGISTRATION, "{targetRef: {name: r}, cache: {scope: public}}", &["spec.cache.scope", "\"Shared\", \"Private\""]),
    (REGISTRATION, "{targetRef: {name: r}, cache: {maxAge: 500ms}}", &["spec.cache.maxAge", "1s to 24h"]),
    (REGISTRATION, "{targetRef: {name: r}, extensionRefs: [{namespace: a}]}", &["spec.extensionRefs[0].name", "Required"]),
    (KAGENTI, "{}", &["spec.targetRef", "Required"]),
    (KAGENTI, "{targetRef: {name: r, kind: Service}}", &["spec.targetRef.kind", "\"HTTPRoute\""]),
    (KAGENTI, "{targetRef: {name: r, group: ''}}", &["spec.targetRef.group", "\"gateway.networking.k8s.io\""]),
    (KAGENTI, "{targetRef: {name: r}, credentialRef: {name: ''}}", &["spec.credentialRef.name", "at least 1"]),
    (EXTENSION, "{}", &["spec.targetRef", "Required"]),
    (EXTENSION, "{targetRef: {name: g, kind: Service}}", &["spec.targetRef.kind", "has to be Gateway"]),
    (EXTENSION, "{targetRef: {name: g, group: ''}}", &["spec.targetRef.group", "leave it out"]),
    (EXTENSION, "{targetRef: {name: g}, publicHost: 'https://a.example/'}", &["spec.publicHost", "without scheme"]),
    (EXTENSION, "{targetRef: {name: g}, publicHost: '*.example.com'}", &["spec.publicHost", "as in mcp.example.com"]),
    (EXTENSION, "{targetRef: {name: g}, publicHost: a.mcp-gateway-internal}", &["spec.publicHost", "choose another"]),
    (EXTENSION, "{targetRef: {name: g}, broker: {replicas: 0}}", &["spec.broker.replicas", "greater than or equal to 1"]),
    (EXTENSION, "{targetRef: {name: g}, broker: {image: 'a b'}}", &["spec.broker.image", "REGISTRY/REPOSITORY:TAG"]),
    (EXTENSION, "{targetRef: {name: g}, access: {allowedOrigins: ['https://*.example.com']}}", &["spec.access.allowedOrigins", "\"*\" alone"]),
    (EXTENSION, "{targetRef: {name: g}, module: {url: 'oci://ghcr.io/A B:1'}}", &["spec.module.url", "oci://HOST/REPOSITORY:TAG"]),
    (EXTENSION, "{targetRef: {name: g}, broker: {imagePullPolicy: Often}}", &["spec.broker.imagePullPolicy", "\"Always\", \"IfNotPresent\", \"Never\""]),
    (EXTENSION, "{targetRef: {name: g}, broker: {resources: {limits: {memory: lots}}}}", &["spec.broker.resources.limits", "memory: 256Mi"]),
    (EXTENSION, "{targetRef: {name: g}, broker: {resources: {requests: {cpu: some}}}}", &["spec.broker.resources.requests", "cpu: 250m"]),
    (EXTENSION, "{targetRef: {name: g}, sessionStore: {type: Disk}}", &["spec.sessionStore.type", "\"Memory\", \"Redis\""]),
    (EXTENSION, "{targetRef: {name: g}, sessionStore: {type: Redis}}", &["spec.sessionStore.url", "urlRef"]),
    (EXTENSION, "{targetRef: {name: g}, sessionStore: {type: Redis, url: 'redis://r', urlRef: {name: s, key: k}}}", &["spec.sessionStore.url", "either url"]),
    (EXTENSION, "{targetRef: {name: g}, sessionStore: {type: Redis, url: 'redis://:secret@r'}}", &["spec.sessionStore.url", "passwordRef"]),
    (EXTENSION, "{targetRef: {name: g}, sessionStore: {url: 'redis://r'}}", &["spec.sessionStore.type", "write type Redis"]),
    (EXTENSION, "{targetRef: {name: g}, dataPath: {mode: Native}}", &["spec.dataPath.mode", "\"WasmPlugin\", \"EnvoyFilter\""]),
    (EXTENSION, "{targetRef: {name: g}, limits: {heldBody: 1MiB}}", &["spec.limits.heldBody", "as in 256Ki or 1Mi"]),
    (EXTENSION, "{targetRef: {name: g}, limits: {heldBody: 1Gi}}", &["spec.limits.heldBody", "1Ki to 256Mi"]),
    (EXTENSION, "{targetRef: {name: g}, limits: {sessionIdle: 0s}}", &["spec.limits.sessionIdle", "1s to 720h"]),
    (EXTENSION, "{targetRef: {name: g}, limits: {input: 1d}}", &["spec.limits.input", "as in 10m"]),
    (EXTENSION, "{targetRef: {name: g}, limits: {inputBatch: 1m}}", &["spec.limits.inputBatch", "at most 10s"]),
    (EXTENSION, "{targetRef: {name: g}, limits: {sessions: 0}}", &["spec.limits.sessions", "greater than or equal to 1"]),
    (EXTENSION, "{targetRef: {name: g}, limits: {inputRounds: 1001}}", &["spec.limits.inputRounds", "less than or equal to 1000"]),
    (EXTENSION, "{targetRef: {name: g}, access: {allowedOrigins: [app.example]}}", &["spec.access.allowedOrigins", "https://app.example.com"]),
    (EXTENSION, "{targetRef: {name: g}, access: {allowedOrigins: ['https://a.example/x']}}", &["spec.access.allowedOrigins", "without a path"]),
    (EXTENSION, "{targetRef: {name: g}, access: {allowedHosts: ['a:80']}}", &["spec.access.allowedHosts", "without scheme and port"]),
    (EXTENSION, "{targetRef: {name: g}, module: {url: docker.io/x}}", &["spec.module.url", "oci://HOST/REPOSITORY:TAG"]),
    (EXTENSION, "{targetRef: {name: g}, dataPath: {mode: EnvoyFilter}, module: {url: 'oci://a/b:1', pullSecret: s}}", &["spec.module.pullSecret", "choose WasmPlugin"]),
    (VIRTUAL, "{}", &["spec: ", "name something in tools"]),
    (VIRTUAL, "{tools: [a, a]}", &[".spec.tools", "duplicate entries"]),
    (VIRTUAL, "{tools: ['*_read']}", &["spec.tools", "as in weather_*"]),
    (VIRTUAL, "{tools: [a], prompts: ['a*b']}", &["spec.prompts", "as in weather_*"]),
    (VIRTUAL, "{resources: ['']}", &["spec.resources[0]", "at least 1"]),
];

/// What is taken: kind, spec, and what it is filled up to. Fields that are not named do not matter.
#[rustfmt::skip]
const TAKEN: &[(&str, &str, &str)] = &[
    (REGISTRATION, "{targetRef: {name: r}}",
     "{targetRef: {name: r, kind: HTTPRoute}, prefix: '', path: /mcp, transport: Auto, era: Auto, state: Enabled, timeout: 60s, onSessionLoss: Reopen}"),
    (REGISTRATION, "{targetRef: {name: r, kind: Service, group: '', port: 80}, path: '/v1/mcp?a=b', prefix: A.b-c_, credentialRef: {name: s}, caCertificateRef: {name: c}}",
     "{credentialRef: {kind: Secret, name: s, key: token, header: Authorization}, caCertificateRef: {kind: ConfigMap, name: c, key: ca.crt}}"),
    (REGISTRATION, "{targetRef: {name: r, kind: ServiceEntry, group: networking.istio.io}, timeout: 1m30s}", "{timeout: 1m30s}"),
    (REGISTRATION, "{url: 'https://[2001:db8::1]:8443/mcp?x=1', extensionRefs: [{name: e}]}", "{path: /mcp}"),
    (REGISTRATION, "{targetRef: {name: r}, prefix: a_, forwardHeaders: [X-Api-Key, Authorization], unsafePassthrough: true, cache: {maxAge: 1h}}",
     "{forwardHeaders: [X-Api-Key, Authorization], unsafePassthrough: true, cache: {maxAge: 1h}}"),
    (KAGENTI, "{targetRef: {name: r}, credentialRef: {name: s}}",
     "{targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: r}, path: /mcp, credentialRef: {name: s, key: token}}"),
    (EXTENSION, "{targetRef: {name: g}}",
     "{targetRef: {group: gateway.networking.k8s.io, kind: Gateway, name: g}, broker: {replicas: 1}, sessionStore: {type: Memory}, dataPath: {mode: WasmPlugin}, limits: {heldBody: 1Mi, sessionIdle: 24h, sessions: 100000, listPage: 1000, input: 10m, inputRounds: 8, inputBatch: 50ms, pooledSessions: 4096}, editing: {uriMetaKeys: ['openai/outputTemplate']}}"),
    (EXTENSION, "{targetRef: {name: g}, limits: {sessions: 5}, broker: {resources: {limits: {cpu: 1, memory: 512Mi}}}, access: {allowedOrigins: ['*', 'https://a.example:8443'], allowedHosts: ['*', '[::1]']}}",
     "{limits: {sessions: 5, heldBody: 1Mi}, broker: {replicas: 1, resources: {limits: {cpu: 1, memory: 512Mi}}}}"),
    (EXTENSION, "{targetRef: {name: g}, sessionStore: {type: Redis, url: 'rediss://r:6380/1', passwordRef: {name: s, key: password}, caCertificateRef: {name: c}}}",
     "{sessionStore: {type: Redis, caCertificateRef: {kind: ConfigMap, name: c, key: ca.crt}}}"),
    (VIRTUAL, "{tools: ['*']}", "{tools: ['*'], prompts: [], resources: []}"),
];

/// What cannot be changed: kind, what it is, what it cannot become, and what the message has to hold.
#[rustfmt::skip]
const FIXED: &[(&str, &str, &str, &[&str])] = &[
    (REGISTRATION, "{targetRef: {name: r}, prefix: a_}", "{targetRef: {name: r}, prefix: b_}", &["spec.prefix", "under another name"]),
    (REGISTRATION, "{targetRef: {name: r}, prefix: a_}", "{targetRef: {name: r}}", &["spec.prefix", "under another name"]),
    (REGISTRATION, "{targetRef: {name: r}}", "{targetRef: {name: r}, prefix: a_}", &["spec.prefix", "under another name"]),
    (KAGENTI, "{targetRef: {name: r}, toolPrefix: a_}", "{targetRef: {name: r}, toolPrefix: b_}", &["spec.toolPrefix", "immutable"]),
    (EXTENSION, "{targetRef: {name: g}}", "{targetRef: {name: other}}", &["spec.targetRef", "make another MCPGatewayExtension"]),
    (EXTENSION, "{targetRef: {name: g, sectionName: a}}", "{targetRef: {name: g}}", &["spec.targetRef", "make another MCPGatewayExtension"]),
];

fn resource(kind: &str, name: &str, spec: &str) -> String {
    let (version, kind) = kind.split_once(' ').expect("version and kind");
    format!("{{apiVersion: {version}, kind: {kind}, metadata: {{name: {name}}}, spec: {spec}}}")
}

/// The definitions, in the cluster. Doing it again changes nothing.
async fn install(cluster: &Cluster) {
    let crds = root().join("istio-manifests/crds");
    cluster.kubectl(&["apply", "--server-side", "-k", &crds.display().to_string()]).await.expect("they are taken");
    let wait = ["wait", "--for=condition=Established", "crd", "--all", "--timeout=90s"];
    cluster.kubectl(&wait).await.expect("they are established");
    // Only this command asks anew what kinds there are; others go by what was heard before.
    until_told_within(kubernetes::PATIENCE, "the short names are known", async || {
        let known = cluster.kubectl(&["api-resources", "--api-group=mcpgateway.dev"]).await.output;
        ["mcpsr", "mcpge", "mcpvs"].iter().all(|short| known.contains(short)).then_some(())
    })
    .await;
}

fn read(yaml: &str) -> Value {
    serde_saphyr::from_str(yaml).expect("it is YAML")
}

/// Whether all of `expected` is in `value`.
fn holds(value: &Value, expected: &Value) -> bool {
    match expected {
        Value::Object(members) => members.iter().all(|(name, expected)| holds(&value[name], expected)),
        _ => value == expected,
    }
}

#[test]
fn what_is_wrong_is_refused_with_the_field_and_the_fix() {
    kubernetes::test_api(async |cluster| {
        install(cluster).await;
        let namespace = cluster.namespace().await;
        for (kind, spec, wanted) in REFUSED {
            let applied = cluster.try_apply_in(&namespace, &resource(kind, "refused", spec)).await;
            assert!(!applied.success, "{kind} {spec} was taken");
            for text in *wanted {
                assert!(applied.error.contains(text), "{kind} {spec}: `{text}` is not in: {}", applied.error);
            }
        }
        let name = "a".repeat(41);
        let applied = cluster.try_apply_in(&namespace, &resource(EXTENSION, &name, "{targetRef: {name: g}}")).await;
        assert!(
            applied.error.contains("metadata.name has more than 40 characters: choose a shorter"),
            "{}",
            applied.error
        );
    });
}

#[test]
fn what_is_left_out_is_filled_in_where_it_can_be_seen() {
    kubernetes::test_api(async |cluster| {
        install(cluster).await;
        let namespace = cluster.namespace().await;
        for (index, (kind, spec, filled)) in TAKEN.iter().enumerate() {
            let name = format!("taken-{index}");
            let applied = cluster.try_apply_in(&namespace, &resource(kind, &name, spec)).await;
            assert!(applied.success, "{kind} {spec}: {}", applied.error);
            assert!(!applied.error.contains("Warning"), "{kind} {spec}: {}", applied.error);
            let (version, kind) = kind.split_once(' ').expect("version and kind");
            let group = version.split_once('/').expect("a group").0;
            let plural = format!("{}s.{group}/{name}", kind.to_lowercase());
            let found = cluster.get(&namespace, &plural).await;
            assert!(holds(&found["spec"], &read(filled)), "{spec} became {}", found["spec"]);
        }
    });
}

#[test]
fn what_clients_hold_on_to_cannot_be_changed() {
    kubernetes::test_api(async |cluster| {
        install(cluster).await;
        let namespace = cluster.namespace().await;
        for (index, (kind, before, after, wanted)) in FIXED.iter().enumerate() {
            let name = format!("fixed-{index}");
            cluster.apply_in(&namespace, &resource(kind, &name, before)).await;
            let applied = cluster.try_apply_in(&namespace, &resource(kind, &name, after)).await;
            assert!(!applied.success, "{kind} {before} became {after}");
            for text in *wanted {
                assert!(applied.error.contains(text), "{kind} {after}: `{text}` is not in: {}", applied.error);
            }
            cluster.apply_in(&namespace, &resource(kind, &name, before)).await;
        }
    });
}

#[test]
fn fields_are_explained_and_lists_show_what_an_operator_asks_first() {
    kubernetes::test_api(async |cluster| {
        install(cluster).await;
        let namespace = cluster.namespace().await;
        for (field, text) in [
            ("mcpsr.spec.prefix", "Cannot be changed"),
            ("mcpsr.spec.targetRef.kind", "ENUM: HTTPRoute Service ServiceEntry"),
            ("mcpserverregistrations.spec.toolPrefix --api-version=mcp.kagenti.com/v1alpha1", "weather_"),
            ("mcpge.spec.dataPath.mode", "every call goes straight to its server"),
            ("mcpge.spec.limits.heldBody", "until the tool's name is known"),
            ("mcpvs.spec.tools", "prefix included"),
        ] {
            let args: Vec<_> = ["explain"].into_iter().chain(field.split(' ')).collect();
            let explained = cluster.kubectl(&args).await.expect(field);
            let words: Vec<_> = explained.split_whitespace().collect();
            assert!(words.join(" ").contains(text), "{explained}");
        }

        let spec = "{targetRef: {name: weather}, prefix: weather_}";
        cluster.apply_in(&namespace, &resource(REGISTRATION, "weather", spec)).await;
        let status = json!({"status": {
            "conditions": [{
                "type": "Ready", "status": "False", "reason": "ServerUnavailable", "message": "It refuses connections.",
                "lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": 1,
            }],
            "observedGeneration": 1, "tools": 3, "era": "Legacy,Modern", "transport": "StreamableHTTP",
        }});
        let args = ["-n", &namespace, "patch", "mcpserverregistrations.mcpgateway.dev", "weather"];
        let patch = ["--subresource=status", "--type=merge", "-p", &status.to_string()].map(str::to_owned);
        let args: Vec<_> = args.into_iter().chain(patch.iter().map(String::as_str)).collect();
        cluster.kubectl(&args).await.expect("the status is taken");
        let kinds = "mcpserverregistrations.mcpgateway.dev";
        let shown = cluster.kubectl(&["-n", &namespace, "get", kinds]).await.expect("they are listed");
        let words: Vec<Vec<&str>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(words[0], ["NAME", "READY", "REASON", "PREFIX", "TOOLS", "ERA", "TRANSPORT", "AGE"]);
        assert_eq!(
            words[1][..7],
            ["weather", "False", "ServerUnavailable", "weather_", "3", "Legacy,Modern", "StreamableHTTP"]
        );
        let wide = cluster.kubectl(&["-n", &namespace, "get", kinds, "-o", "wide"]).await.expect("they are listed");
        assert!(wide.contains("It refuses connections."), "{wide}");
    });
}

#[test]
fn the_short_name_means_our_registrations_and_the_category_shows_those_of_either_group() {
    kubernetes::test_api(async |cluster| {
        install(cluster).await;
        let namespace = cluster.namespace().await;
        cluster.apply_in(&namespace, &resource(REGISTRATION, "ours", "{targetRef: {name: r}}")).await;
        cluster.apply_in(&namespace, &resource(KAGENTI, "theirs", "{targetRef: {name: r}}")).await;
        let get = async |what: &[&str]| {
            let args = [&["-n", &namespace, "get", "-o", "name"], what].concat();
            let got = cluster.kubectl(&args).await;
            assert!(!got.error.contains("could also match"), "{}", got.error);
            got.expect("they are listed").lines().map(str::to_owned).collect::<Vec<_>>()
        };
        let ours = "mcpserverregistration.mcpgateway.dev/ours";
        let theirs = "mcpserverregistration.mcp.kagenti.com/theirs";
        let ways: [&[&str]; 5] =
            [&["mcpsr"], &["mcpsr", "ours"], &["mcpsr/ours"], &["mcpsr,mcpge"], &["mcpsr.mcpgateway.dev"]];
        for way in ways {
            assert_eq!(get(way).await, [ours], "{way:?}");
        }
        assert_eq!(
            get(&["mcp-gateway"]).await.iter().filter(|name| [ours, theirs].contains(&name.as_str())).count(),
            2
        );
    });
}

/// Objects by kind and name, without what only one of the two ways of installing says.
fn objects(yaml: &str) -> BTreeMap<(String, String), Value> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(yaml).expect("it is YAML");
    let mut objects = BTreeMap::new();
    for mut object in documents.into_iter().filter(|object| !object.is_null()) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (kind, name) = (text(&object["kind"]), text(&object["metadata"]["name"]));
        if let Some(labels) = object["metadata"]["labels"].as_object_mut() {
            for label in [
                "app.kubernetes.io/instance",
                "app.kubernetes.io/version",
                "app.kubernetes.io/managed-by",
                "helm.sh/chart",
            ] {
                labels.remove(label);
            }
        }
        if !["Namespace", "CustomResourceDefinition"].contains(&kind.as_str()) {
            objects.insert((kind, name), object);
        }
    }
    objects
}

#[test]
fn the_manifests_and_the_chart_install_the_same() {
    kubernetes::test_api(async |cluster| {
        let manifests = root().join("istio-manifests").display().to_string();
        let chart = root().join("charts/mcp-gateway").display().to_string();
        let kustomized = cluster.kubectl(&["kustomize", &manifests]).await.expect("the manifests are built");
        let template = ["template", "mcp-gateway", &chart, "--namespace", "mcp-system"];
        let charted = cluster.helm(&template).await.expect("the chart is rendered");
        let (kustomized, charted) = (objects(&kustomized), objects(&charted));
        assert!(kustomized.len() >= 11, "{:?}", kustomized.keys());
        assert_eq!(kustomized.keys().collect::<Vec<_>>(), charted.keys().collect::<Vec<_>>());
        for (key, object) in &kustomized {
            assert_eq!(charted[key], *object, "{key:?}");
        }
    });
}

#[test]
fn the_samples_are_right() {
    kubernetes::test_api(async |cluster| {
        install(cluster).await;
        for namespace in ["gateway-system", "mcp-test"] {
            let namespace = format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {namespace}}}}}");
            cluster.apply(&namespace).await;
        }
        let samples = root().join("istio-manifests/samples").display().to_string();
        let args = ["apply", "--server-side", "--dry-run=server", "-f", &samples];
        let applied = cluster.kubectl(&args).await.expect("the API server takes them");
        assert_eq!(applied.lines().count(), 6, "{applied}");
    });
}

/// A gateway with a server in the cluster and one outside, as its owner keeps them in files.
const DECLARED: &str = "
{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: front, namespace: rendered}, spec: {gatewayClassName: istio,
  listeners: [{name: http, port: 80, protocol: HTTP}]}}
---
{apiVersion: mcpgateway.dev/v1alpha1, kind: MCPGatewayExtension, metadata: {name: main, namespace: rendered},
  spec: {targetRef: {name: front}, publicHost: mcp.example.com, dataPath: {mode: EnvoyFilter}, broker: {replicas: 2}}}
---
{apiVersion: v1, kind: Service, metadata: {name: weather, namespace: rendered}, spec: {ports: [{port: 9000}]}}
---
{apiVersion: mcpgateway.dev/v1alpha1, kind: MCPServerRegistration, metadata: {name: weather, namespace: rendered},
  spec: {prefix: w_, targetRef: {kind: Service, name: weather}}}
---
{apiVersion: mcpgateway.dev/v1alpha1, kind: MCPServerRegistration, metadata: {name: outside, namespace: rendered},
  spec: {prefix: o_, url: 'https://mcp.example.org/mcp'}}
";

#[test]
fn what_is_rendered_of_files_is_taken_by_the_api_server() {
    kubernetes::test_api(async |cluster| {
        cluster.apply("{apiVersion: v1, kind: Namespace, metadata: {name: rendered}}").await;
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("all.yaml"), DECLARED).expect("a file");
        let digest = "ab".repeat(32);
        let rendered = std::process::Command::new(built("mcp-gateway"))
            .args(["render", "--target", "istio", "--module-sha256", &digest])
            .arg(folder.path())
            .output()
            .expect("it runs");
        let told = String::from_utf8_lossy(&rendered.stderr);
        assert!(rendered.status.success(), "{told}");
        let objects = String::from_utf8(rendered.stdout).expect("text");
        let args = ["apply", "--server-side", "--dry-run=server", "-f", "-"];
        let applied = cluster.kubectl_with(&args, &objects).await.expect("the API server takes them");
        assert_eq!(applied.lines().count(), objects.matches("\nkind: ").count(), "{applied}");
        for kind in ["deployment.apps/main-broker", "destinationrule", "wasmplugin", "envoyfilter", "serviceentry"] {
            assert!(applied.contains(kind), "no {kind}: {applied}");
        }
    });
}

#[test]
fn the_manifests_and_the_chart_are_taken_by_the_api_server() {
    kubernetes::test_api(async |cluster| {
        let manifests = root().join("istio-manifests").display().to_string();
        for _ in 0..2 {
            let applied = cluster.kubectl(&["apply", "-k", &manifests]).await;
            assert!(applied.success && !applied.error.contains("unrecognized"), "{}", applied.error);
        }
        let chart = root().join("charts/mcp-gateway").display().to_string();
        cluster.helm(&["lint", "--strict", &chart]).await.expect("the chart is right");
        for (value, field) in [
            ("replicas=many", "/replicas"),
            ("replica=2", "'replica'"),
            ("image.tagg=v1", "'tagg'"),
            ("image.tag=a:b", "/image/tag"),
            ("image.repository=https://ghcr.io/team/mcp-gateway", "/image/repository"),
            ("module.url=ghcr.io/team/filter:v1", "/module/url"),
            ("clusterDomain=Cluster.Local", "/clusterDomain"),
            ("resources.limit.cpu=1", "'limit'"),
            ("tolerations[0].keys=a", "'keys'"),
            ("affinity.nodeAfinity.a=1", "'nodeAfinity'"),
        ] {
            let refused = cluster.helm(&["lint", &chart, "--set", value]).await;
            let told = format!("{}{}", refused.output, refused.error);
            assert!(!refused.success && told.contains(field), "{value}: {told}");
        }
        let rich = [
            "template",
            "mcp-gateway",
            &chart,
            "--namespace",
            "mcp-system",
            "--set",
            "replicas=1",
            "--set",
            "image.digest=",
            "--set",
            "imagePullSecrets[0].name=login",
            "--set",
            "module.insecureRegistries[0]=localhost:5000",
            "--set",
            "logLevel=debug",
            "--set",
            "priorityClassName=system-cluster-critical",
        ];
        for values in [&rich[..5], &rich[..]] {
            let charted = cluster.helm(values).await.expect("the chart is rendered");
            let args = ["apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-"];
            cluster.kubectl_with(&args, &charted).await.expect("the API server takes it");
        }
    });
}
