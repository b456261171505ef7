//! The scripts at the root of the repository, as somebody who tries the gateway runs them, in order: with the images that the
//! scripts build and push, in a cluster where nobody has installed anything but Istio.

use mcp_gateway_tests::images::Built;
use mcp_gateway_tests::kubernetes::{Cluster, Kubectl, Size, test_on};
use serde_json::json;
use std::os::unix::fs::PermissionsExt as _;

/// Host and port of a whole cluster's registry.
const REGISTRY: &str = "10.99.0.1:5000";

#[test]
fn the_scripts_set_a_gateway_up_try_it_and_take_it_away_again() {
    let images = Built::build(REGISTRY);
    let cluster = Cluster::start(Size::Whole);
    test_on(&cluster, async |cluster| {
        assert_eq!(cluster.registry(), REGISTRY);
        images.push();
        let variables = [&images.variables()[..], &[("TIMEOUT", "90")]].concat();
        let run = async |script: &str, args: &[&str]| cluster.script(script, args, &variables).await;

        for _ in 0..2 {
            let said = run("setup-mcp-gateway.sh", &[]).await.expect("setup-mcp-gateway.sh");
            assert!(said.contains("The gateway is ready. Next:"), "{said}");
        }
        let mut generations = Vec::new();
        for _ in 0..2 {
            let said = run("deploy-mcp-servers.sh", &[]).await.expect("deploy-mcp-servers.sh");
            assert!(said.contains("The servers are registered."), "{said}");
            let servers = cluster.get("mcp-test", "deployments").await;
            let of = |server: &serde_json::Value| server["metadata"]["generation"].as_i64();
            generations.push(servers["items"].as_array().expect("a list").iter().map(of).collect::<Vec<_>>());
        }
        assert_eq!(generations[0], generations[1], "the second time nothing changes");

        let service = cluster.get("gateway-system", "service/mcp-gateway-istio").await;
        let address = format!("{}:8080", service["spec"]["clusterIP"].as_str().expect("an address"));
        let try_it = async || cluster.script("test-servers.sh", &[], &[("GATEWAY_ADDRESS", &address)]).await;
        let said = try_it().await.expect("test-servers.sh");
        assert!(said.ends_with("All is well.\n") && said.matches("\n  ok ").count() == 11, "{said}");

        let host = ("PUBLIC_HOST", "mcp.example.com");
        let other = [&variables[..], &[("MODE", "EnvoyFilter"), ("NODE_PORT", "30080"), host]].concat();
        cluster.script("setup-mcp-gateway.sh", &[], &other).await.expect("another mode, host and way in");
        let extension = cluster.get("mcp-system", "mcpgatewayextension/mcp-gateway").await;
        assert_eq!(extension["status"]["mode"], "EnvoyFilter");
        assert_eq!(extension["status"]["urls"], json!(["http://mcp.example.com:8080/mcp"]));
        let service = cluster.get("gateway-system", "service/mcp-gateway-istio").await;
        let ports = service["spec"]["ports"].as_array().expect("ports");
        assert!(ports.iter().any(|port| port["port"] == 8080 && port["nodePort"] == 30080), "{ports:?}");
        let there = [("GATEWAY_ADDRESS", address.as_str()), host];
        cluster.script("test-servers.sh", &[], &there).await.expect("test-servers.sh at the other host");
        // Nothing in the test bed forwards ports.
        let forwarded = cluster.script("test-servers.sh", &[], &[host]).await;
        fails(&forwarded, &["kubectl port-forward ended", "GATEWAY_ADDRESS"]);
        fails(&try_it().await, &["no MCP endpoint answers at http://mcp.127-0-0-1.sslip.io:8080/mcp", "PUBLIC_HOST"]);

        run("cleanup.sh", &["--servers"]).await.expect("cleanup.sh --servers");
        let without = cluster.script("test-servers.sh", &[], &there).await;
        fails(&without, &["of these failed", "kubectl get mcpsr,mcpge -A"]);

        let elsewhere = r#"{apiVersion: mcpgateway.dev/v1alpha1, kind: MCPGatewayExtension, metadata: {name: other, namespace: default},
            spec: {targetRef: {name: other}}}"#;
        cluster.apply(elsewhere).await;
        fails(&run("cleanup.sh", &[]).await, &["other gateways need the controller", "default/other"]);
        cluster.kubectl(&["delete", "mcpgatewayextension", "other"]).await.expect("deleting an extension");
        let kept = r#"{apiVersion: mcpgateway.dev/v1alpha1, kind: MCPVirtualServer, metadata: {name: kept, namespace: default},
            spec: {tools: ["http_*"]}}"#;
        cluster.apply(kept).await;
        let said = run("cleanup.sh", &[]).await;
        assert!(
            said.error.contains("mcpvirtualservers.mcpgateway.dev stays: there are resources of it"),
            "{}",
            said.error
        );
        cluster.kubectl(&["delete", "mcpvirtualserver", "kept"]).await.expect("deleting a virtual server");
        for _ in 0..2 {
            run("cleanup.sh", &[]).await.expect("cleanup.sh");
        }
        assert_eq!(left_behind(cluster).await, "");

        let said = run("scripts/push-chart.sh", &[]).await.expect("push-chart.sh");
        assert_eq!(said, format!("oci://{REGISTRY}/team/mcp-gateway-chart:0.1.0\n"));
        let chart = said.trim_end().trim_end_matches(":0.1.0");
        let install = ["install", "mcp-gateway", chart, "--version", "0.1.0", "--plain-http", "-n", "mcp-system"];
        let options = ["--create-namespace", "--wait", "--timeout", "90s"];
        let said = cluster.helm(&[&install[..], &options].concat()).await.expect("the chart is installed");
        assert!(said.contains("kubectl get mcp-gateway -A"), "{said}");
        let controller = cluster.get("mcp-system", "deployment/mcp-gateway-controller").await;
        let container = &controller["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["image"], format!("{REGISTRY}/team/mcp-gateway:v1"));
        let module =
            json!({ "name": "MCP_GATEWAY_MODULE", "value": format!("oci://{REGISTRY}/team/mcp-gateway-wasm:v1") });
        assert!(container["env"].as_array().is_some_and(|all| all.contains(&module)), "{container}");
    });
}

/// The names of what the scripts and the controller made, as far as it is still there.
async fn left_behind(cluster: &Cluster) -> String {
    let everywhere = "crds,clusterroles,clusterrolebindings,namespaces,gateways.gateway.networking.k8s.io,httproutes,referencegrants,\
        wasmplugins,envoyfilters,serviceentries,destinationrules,secrets,leases";
    let all = cluster.kubectl(&["get", everywhere, "-A", "-o", "name"]).await.expect("listing");
    all.lines().filter(|name| name.contains("mcp") || name.contains("gateway-system")).collect()
}

#[test]
fn what_is_missing_is_told_with_what_to_do() {
    let cluster = Cluster::start(Size::ApiServer);
    test_on(&cluster, async |cluster| {
        let home = tempfile::tempdir().expect("a folder for temporary files");
        let variables = [("REGISTRY", REGISTRY), ("TIMEOUT", "3")];
        let run = async |script: &str, args: &[&str], more: &[(&str, &str)]| {
            cluster.script(script, args, &[&variables[..], more].concat()).await
        };
        let setup = async |more: &[(&str, &str)]| run("setup-mcp-gateway.sh", &[], more).await;

        for (script, variable) in [
            ("setup-mcp-gateway.sh", "  NODE_PORT "),
            ("deploy-mcp-servers.sh", "  TIMEOUT "),
            ("test-servers.sh", "  GATEWAY_ADDRESS "),
            ("cleanup.sh", "  cleanup.sh --cluster "),
            ("scripts/build-images.sh", "  PLATFORMS "),
            ("scripts/push-images.sh", "  DOCKER_USERNAME "),
            ("scripts/push-chart.sh", "  CHART_VERSION "),
        ] {
            // Whatever else is wrong.
            let said = run(script, &["--help"], &[("KUBECTL", "no-kubectl"), ("PLATFORMS", "none")]).await;
            let said = said.expect(script);
            assert!(said.contains(variable) && !said.contains("shellcheck"), "{script}: {said}");
        }
        for script in ["setup-mcp-gateway.sh", "deploy-mcp-servers.sh"] {
            fails(&run(script, &[], &[("REGISTRY", "")]).await, &["DOCKER_USERNAME", "REGISTRY"]);
        }
        for script in ["setup-mcp-gateway.sh", "deploy-mcp-servers.sh", "test-servers.sh", "cleanup.sh"] {
            fails(&run(script, &[], &[("KUBECTL", "no-kubectl")]).await, &["no-kubectl is missing: install kubectl"]);
            fails(&run(script, &["--wrong"], &[]).await, &["usage: ", script]);
            fails(&run(script, &[], &[("TIMEOUT", "soon")]).await, &["TIMEOUT is soon"]);
        }
        fails(&setup(&[("MODE", "Sidecar")]).await, &["MODE is Sidecar", "WasmPlugin or EnvoyFilter"]);
        fails(&setup(&[("SERVICE_TYPE", "ExternalName")]).await, &["SERVICE_TYPE is ExternalName", "LoadBalancer"]);
        fails(&setup(&[("NODE_PORT", "http")]).await, &["NODE_PORT is http", "30080"]);
        fails(&setup(&[("PUBLIC_HOST", "http://mcp.example.com")]).await, &["PUBLIC_HOST is", "mcp.example.com"]);
        fails(&run("scripts/push-chart.sh", &[], &[("CHART_VERSION", "v1")]).await, &["CHART_VERSION is v1", "1.2.3"]);
        fails(&setup(&[("PLATFORMS", "linux/s390x")]).await, &["linux/s390x", "linux/amd64,linux/arm64"]);

        let nowhere = home.path().join("nowhere");
        std::fs::write(&nowhere, "").expect("writing a file");
        let lost = cluster.script_with(&nowhere, "setup-mcp-gateway.sh", &[], &variables).await;
        fails(&lost, &["kubectl reaches no cluster", "kubectl config use-context", "refused"]);

        fails(&run("deploy-mcp-servers.sh", &[], &[]).await, &["run ./setup-mcp-gateway.sh first"]);
        fails(&run("test-servers.sh", &[], &[]).await, &["run ./setup-mcp-gateway.sh first"]);
        let nobody = run("test-servers.sh", &[], &[("GATEWAY_ADDRESS", "127.0.0.1:1")]).await;
        fails(&nobody, &["answers at http://mcp.127-0-0-1.sslip.io:8080/mcp", "127.0.0.1:1"]);

        // No network leads out of here, and nothing is installed.
        fails(&setup(&[]).await, &["Istio could not be installed", "by hand"]);
        cluster.kubectl(&["delete", "crd", "gateways.gateway.networking.k8s.io"]).await.expect("deleting a CRD");
        fails(&setup(&[]).await, &["the Gateway API could not be installed", "by hand"]);

        run("cleanup.sh", &[], &[]).await.expect("cleaning up where nothing is");
        fails(&run("cleanup.sh", &["--cluster"], &[]).await, &["kind did not make the cluster of test"]);
        // As it is after `kind delete cluster`.
        let gone = cluster.script_with(&nowhere, "cleanup.sh", &["--cluster"], &variables).await;
        assert!(gone.success && gone.error.contains("there is none to delete"), "{}", gone.error);
        let config = std::fs::read_to_string(cluster.kubeconfig()).expect("a kubeconfig");
        let mut config: serde_json::Value = serde_json::from_str(&config).expect("it is JSON");
        config["contexts"][0]["name"] = json!("kind-demo");
        config["current-context"] = json!("kind-demo");
        let kubeconfig = home.path().join("kubeconfig");
        std::fs::write(&kubeconfig, config.to_string()).expect("writing a kubeconfig");
        let kind = home.path().join("kind");
        std::fs::write(&kind, "#!/bin/sh\necho kind \"$@\"\n").expect("writing a program");
        std::fs::set_permissions(&kind, std::fs::Permissions::from_mode(0o755)).expect("chmod");
        let path = format!("{}:{}", home.path().display(), std::env::var("PATH").unwrap_or_default());
        let cleanup = cluster.script_with(&kubeconfig, "cleanup.sh", &["--cluster"], &[("PATH", &path)]).await;
        assert_eq!(cleanup.expect("deleting a cluster"), "kind delete cluster --name demo\n");
    });
}

/// Checks that a script has failed, and that the last line it wrote says all of this.
fn fails(said: &Kubectl, parts: &[&str]) {
    let last = said.error.lines().last().unwrap_or_default();
    assert!(!said.success && last.starts_with("error: "), "{}{}", said.output, said.error);
    for part in parts {
        assert!(last.contains(part), "{part:?} is not in {last}");
    }
}
