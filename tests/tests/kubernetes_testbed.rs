//! The test bed itself: what the other tests on Kubernetes rely on.

use mcp_gateway_tests::client::Http;
use mcp_gateway_tests::kubernetes;
use mcp_gateway_tests::kubernetes::{Cluster, Size};
use mcp_gateway_tests::{until_told_within, within};

/// A sample server, as a Deployment with a Service.
fn sample(name: &str, replicas: u16) -> String {
    format!(
        r#"
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      securityContext: {{runAsNonRoot: true, runAsUser: 65532, runAsGroup: 65532}}
      containers:
      - name: server
        image: registry.example/mcp-gateway-samples:1
        command: [/sample-tools, --listen, "0.0.0.0:9000"]
        securityContext: {{readOnlyRootFilesystem: true, allowPrivilegeEscalation: false}}
        readinessProbe: {{tcpSocket: {{port: 9000}}}}
---
apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec: {{selector: {{app: {name}}}, ports: [{{name: http, port: 80, targetPort: 9000}}]}}
"#
    )
}

#[test]
fn pods_run_and_answer_at_their_service() {
    kubernetes::test(async |cluster| {
        let namespace = cluster.namespace().await;
        let kubectl = async |args: &[&str]| cluster.kubectl(&[&["-n", &namespace], args].concat()).await;
        cluster.apply_in(&namespace, &sample("tools", 2)).await;
        kubectl(&["rollout", "status", "deployment/tools", "--timeout=90s"]).await.expect("the server is rolled out");
        let address = cluster.get(&namespace, "service/tools").await["spec"]["clusterIP"]
            .as_str()
            .expect("an address")
            .to_owned();
        let url = format!("http://{address}/mcp");
        let answer = within("an answer", Http::new().get(&url)).await;
        assert_ne!(answer.status, 0);
        kubectl(&["delete", "deployment", "tools", "--wait", "--cascade=foreground"])
            .await
            .expect("the server is deleted");
        until_told_within(kubernetes::PATIENCE, "no pod is left", async || {
            kubectl(&["get", "pods", "-o", "name"]).await.output.is_empty().then_some(())
        })
        .await;
    });
}

#[test]
fn a_cluster_that_ends_leaves_no_process_of_its_pods_behind() {
    let cluster = Cluster::start(Size::Whole);
    let listen = "127.0.0.1:9417";
    kubernetes::test_on(&cluster, async |cluster| {
        let namespace = cluster.namespace().await;
        let manifest = sample("left", 1).replace("0.0.0.0:9000", listen).replace("9000", "9417");
        cluster.apply_in(&namespace, &manifest).await;
        until_told_within(kubernetes::PATIENCE, "the program runs", async || programs_with(listen)).await;
    });
    drop(cluster);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        until_told_within(kubernetes::PATIENCE, "no such program runs", async || {
            programs_with(listen).is_none().then_some(())
        })
        .await;
    });
}

/// Whether any process of this machine has this argument.
fn programs_with(argument: &str) -> Option<()> {
    let processes = std::fs::read_dir("/proc").expect("the processes").flatten();
    let mut arguments = processes.filter_map(|process| std::fs::read_to_string(process.path().join("cmdline")).ok());
    arguments.any(|all| all.starts_with("/sample-tools") && all.split('\0').any(|one| one == argument)).then_some(())
}

#[test]
fn an_image_that_does_not_exist_is_seen_in_the_pods_status() {
    kubernetes::test(async |cluster| {
        let namespace = cluster.namespace().await;
        let pod = r#"{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: c, image: "nowhere.example/none:1"}]}}"#;
        cluster.apply_in(&namespace, pod).await;
        until_told_within(kubernetes::PATIENCE, "the pod waits for its image", async || {
            let pod = cluster.get(&namespace, "pod/p").await;
            (pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "ErrImagePull").then_some(())
        })
        .await;
    });
}

#[test]
fn a_gateway_is_deployed_and_routes_to_a_server() {
    kubernetes::test(async |cluster| {
        let namespace = cluster.namespace().await;
        cluster.apply_in(&namespace, &sample("tools", 1)).await;
        let routes = r#"
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: front}
spec:
  gatewayClassName: istio
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: tools}
spec:
  parentRefs: [{name: front}]
  hostnames: [tools.example.com]
  rules: [{backendRefs: [{name: tools, port: 80}]}]
"#;
        cluster.apply_in(&namespace, routes).await;
        let gateway = cluster.programmed(&namespace, "front").await;
        let mut last = Some(0);
        until_told_within(kubernetes::PATIENCE, "the gateway routes to the server", async || {
            let request = Http::new().post(&format!("http://{gateway}/mcp")).header("host", "tools.example.com");
            let status = request.try_send("{}").await.map(|reply| reply.status);
            if std::mem::replace(&mut last, status) != status {
                println!("the gateway at {gateway} answers with {status:?}");
            }
            (status? != 404).then_some(())
        })
        .await;
    });
}
