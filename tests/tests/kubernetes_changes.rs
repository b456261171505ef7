//! What changes while a gateway runs: how soon clients see it, and that it is taken back as well.

use mcp_gateway_tests::client::Modern;
use mcp_gateway_tests::fake::{Exchange, Fake, Identity};
use mcp_gateway_tests::kubernetes::{self, Mode, Site};
use mcp_gateway_tests::until_told_within;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How soon a change is to be seen, from its being declared on.
const SOON: Duration = Duration::from_secs(2);

/// How often each change is made: the quickest counts, as the machine may be busy, and what waits for a timer always waits.
const TIMES: usize = 3;

/// How often it is made at most, as long as none was quick enough.
const MOST: usize = 12;

fn server(site: &Site<'_>) -> Fake {
    Fake::modern().at(site.cluster.node()).tool("add", Exchange::ok).start()
}

/// Waits until clients get exactly these tools.
async fn tools_become(site: &Site<'_>, wanted: &[&str]) {
    until_told_within(kubernetes::PATIENCE, &format!("the tools are {wanted:?}"), async || {
        (tools(site, "").await == wanted).then_some(())
    })
    .await;
}

/// The tools of a virtual server; of the whole gateway where the name is empty.
async fn tools(site: &Site<'_>, of: &str) -> Vec<String> {
    let mut request = site.modern().post("tools/list", "");
    if !of.is_empty() {
        request = request.header("x-mcp-virtualserver", of);
    }
    let reply = request.send(Modern::message("tools/list", json!({}))).await.message();
    let tools = reply["result"]["tools"].as_array().cloned().unwrap_or_default();
    let mut names: Vec<_> = tools.iter().filter_map(|tool| tool["name"].as_str().map(str::to_owned)).collect();
    names.sort();
    names
}

/// Makes a change several times, and insists on its being seen soon.
async fn is_seen_soon(what: &str, mut change: impl AsyncFnMut(usize), mut seen: impl AsyncFnMut(usize) -> bool) {
    let mut all = Vec::new();
    for time in 0..MOST {
        let since = Instant::now();
        change(time).await;
        until_told_within(kubernetes::PATIENCE, what, async || seen(time).await.then_some(())).await;
        all.push(since.elapsed());
        if all.len() >= TIMES && all.iter().any(|after| *after < SOON) {
            break;
        }
    }
    let text = format!("{what}: seen after {all:?}\n");
    std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes()).ok();
    assert!(all.iter().any(|after| *after < SOON), "{text}");
}

fn changes_are_seen_soon(mode: Mode) {
    kubernetes::test(async |cluster| {
        let site = Site::new(cluster, mode).await;
        let server = server(&site);
        site.serve("server", &server).await;
        let secret = |time: usize| {
            let data = json!({"token": format!("token-{time}")});
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key"}, "stringData": data}).to_string()
        };
        cluster.apply_in(&site.namespace, &secret(99)).await;
        let target = "targetRef: {kind: Service, name: server, port: 8000}\ncredentialRef: {name: key}";
        site.register("server", "a_", target).await;
        site.ready("server").await;
        site.is_straight("a_add", &server).await;
        is_seen_soon(
            "another credential",
            async |time| cluster.apply_in(&site.namespace, &secret(time)).await,
            async |time| {
                site.modern().call("a_add", json!({})).await;
                server.calls().last().is_some_and(|call| call.header("authorization") == format!("Bearer token-{time}"))
            },
        )
        .await;
        is_seen_soon(
            "another path",
            async |time| site.change("server", json!({"path": format!("/mcp/{time}")})).await,
            async |time| {
                site.modern().call("a_add", json!({})).await;
                server.calls().last().is_some_and(|call| call.path == format!("/mcp/{time}"))
            },
        )
        .await;
        is_seen_soon(
            "disabled, enabled, disabled",
            async |time| {
                let state = if time % 2 == 0 { "Disabled" } else { "Enabled" };
                site.change("server", json!({"state": state})).await;
            },
            async |time| tools(&site, "").await.is_empty() == (time % 2 == 0),
        )
        .await;
        is_seen_soon(
            "another prefix",
            async |time| {
                site.kubectl(&["delete", "mcpserverregistrations.mcpgateway.dev", "--all", "--wait=true"]).await;
                site.register("server", &format!("b{time}_"), target).await;
            },
            async |time| tools(&site, "").await == [format!("b{time}_add")],
        )
        .await;
    });
}

#[test]
fn changes_are_seen_soon_by_wasm_plugin() {
    changes_are_seen_soon(Mode::WasmPlugin);
}

#[test]
fn changes_are_seen_soon_by_envoy_filter() {
    changes_are_seen_soon(Mode::EnvoyFilter);
}

#[test]
fn a_server_that_ends_takes_its_tools_along_and_brings_them_back() {
    kubernetes::test(async |cluster| {
        let site = Site::new(cluster, Mode::EnvoyFilter).await;
        let stays = server(&site);
        let ends = Fake::legacy().at(cluster.node()).tool("add", Exchange::ok).prompt("greet", Exchange::ok).start();
        site.add("stays", "a_", &stays).await;
        site.add("ends", "b_", &ends).await;
        tools_become(&site, &["a_add", "b_add"]).await;
        let session = site.legacy().await;
        let mut events = session.listen().await;
        ends.stop();
        for method in ["notifications/tools/list_changed", "notifications/prompts/list_changed"] {
            events.method(method).await;
        }
        tools_become(&site, &["a_add"]).await;
        site.not_ready("ends", "ServerUnavailable").await;
        for answer in [session.call("b_add", json!({})).await, site.modern().call("b_add", json!({})).await] {
            assert!(answer["error"]["message"].is_string() || answer["result"]["isError"] == true, "{answer}");
        }
        assert_eq!(session.call("a_add", json!({})).await["result"]["content"][0]["text"], "ok");

        ends.restart().await;
        site.ready("ends").await;
        tools_become(&site, &["a_add", "b_add"]).await;
        assert_eq!(session.call("b_add", json!({})).await["result"]["content"][0]["text"], "ok");
    });
}

#[test]
fn another_authority_makes_a_server_unknown_and_the_right_one_known_again() {
    kubernetes::test(async |cluster| {
        let site = Site::new(cluster, Mode::WasmPlugin).await;
        let host = format!("tls.{}.svc.cluster.local", site.namespace);
        let (right, wrong) = (Identity::of(&host), Identity::of(&host));
        let server = Fake::modern().at(cluster.node()).tool("add", Exchange::ok).start_tls(&right);
        let authority = |identity: &Identity| {
            let data = json!({"ca.crt": identity.pem()});
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "authority"}, "data": data})
                .to_string()
        };
        cluster.apply_in(&site.namespace, &authority(&wrong)).await;
        site.serve("tls", &server).await;
        let target = "targetRef: {kind: Service, name: tls, port: 8000}\ncaCertificateRef: {name: authority}";
        site.register("tls", "t_", target).await;
        until_told_within(kubernetes::PATIENCE, "the status says that the certificate is not trusted", async || {
            let status = site.status("tls").await;
            let ready = status["conditions"].as_array()?.iter().find(|condition| condition["type"] == "Ready")?;
            (ready["status"] == "False" && ready["message"].as_str()?.contains("certificate")).then_some(())
        })
        .await;
        tools_become(&site, &[]).await;
        cluster.apply_in(&site.namespace, &authority(&right)).await;
        site.ready("tls").await;
        tools_become(&site, &["t_add"]).await;
        assert_eq!(site.modern().call("t_add", json!({})).await["result"]["content"][0]["text"], "ok");
        site.is_straight("t_add", &server).await;
    });
}

#[test]
fn a_virtual_server_is_what_its_resource_selects() {
    kubernetes::test(async |cluster| {
        let site = Site::new(cluster, Mode::EnvoyFilter).await;
        let (one, two) = (server(&site), server(&site));
        site.add("one", "a_", &one).await;
        site.add("two", "b_", &two).await;
        tools_become(&site, &["a_add", "b_add"]).await;
        let declare = async |tools: Value| {
            let resource = json!({
                "apiVersion": "mcpgateway.dev/v1alpha1", "kind": "MCPVirtualServer", "metadata": {"name": "half"},
                "spec": {"tools": tools},
            });
            cluster.apply_in(&site.namespace, &resource.to_string()).await;
            site.holds("mcpvirtualserver/half", "Accepted").await;
        };
        let name = format!("{}/half", site.namespace);
        let has = async |wanted: &[&str]| {
            until_told_within(kubernetes::PATIENCE, &format!("it has {wanted:?}"), async || {
                (tools(&site, &name).await == wanted).then_some(())
            })
            .await;
        };
        declare(json!(["b_add"])).await;
        has(&["b_add"]).await;
        declare(json!(["a_*"])).await;
        has(&["a_add"]).await;
        assert_eq!(tools(&site, "").await, ["a_add", "b_add"], "who asks for none gets all");
        site.holds("mcpvirtualserver/half", "ResolvedRefs").await;

        declare(json!(["b_add", "c_add", "add"])).await;
        let told = site.fails("mcpvirtualserver/half", "ResolvedRefs", "NamesNotFound").await;
        assert!(told["message"].as_str().is_some_and(|why| why.contains("tool add, tool c_add")), "{told}");
        let status = cluster.get(&site.namespace, "mcpvirtualserver/half").await["status"].clone();
        assert_eq!((&status["tools"], &status["unmatched"]), (&json!(1), &json!(["tool add", "tool c_add"])));
        has(&["b_add"]).await;
        site.add("three", "c_", &one).await;
        let gone = site.fails("mcpvirtualserver/half", "ResolvedRefs", "No server in use lists tool add:").await;
        assert_eq!(gone["reason"], "NamesNotFound");
        has(&["b_add", "c_add"]).await;
    });
}
