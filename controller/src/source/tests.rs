use super::*;
use protocol::config::{Cache, CacheScope, Sharing, Transport};
use std::time::Duration;

fn environment(name: &str) -> Option<String> {
    (name == "TOKEN").then(|| "secret".to_owned())
}

fn yaml(text: &str) -> Result<Declaration, Mistakes> {
    Source::Gateway("gateway.yaml".into()).parse(text, &environment)
}

fn json(text: &str) -> Result<Declaration, Mistakes> {
    Source::McpJson("mcp.json".into()).parse(text, &environment)
}

/// A file with two good servers, the second with `extra` lines.
fn with(extra: &str) -> String {
    format!("servers:\n  - name: a\n    url: http://127.0.0.1:1/mcp\n    prefix: a_\n  - name: b\n{extra}")
}

#[test]
fn everything_that_can_be_declared_is_read() {
    let declaration = yaml(
        "listen: 0.0.0.0:9000\n\
         servers:\n\
         \x20 - name: demo\n\
         \x20   prefix: http_\n\
         \x20   url: https://${TOKEN}.example/mcp?x=1\n\
         \x20   transport: streamable-http\n\
         \x20   headers: { Authorization: \"Bearer ${TOKEN}\" }\n\
         \x20   era: legacy\n\
         \x20   onSessionLoss: end\n\
         \x20   timeout: 1500ms\n\
         \x20 - { name: plain, url: \"http://[::1]:9001\" }\n\
         allowedOrigins: [https://app.example, \"*\"]\n\
         allowedHosts: [MCP.example]\n\
         limits: { heldBody: 2MiB, sessionIdle: 1h, sessions: 10, listPage: 50, input: 2m, inputRounds: 3,\n\
                   inputBatch: 80ms, pooledSessions: 7 }\n\
         labelElicitations: false\n\
         uriMetaKeys: [acme/view]\n\
         virtualServers:\n\
         \x20 - { name: team/x, description: For X., tools: [http_a, \"b_*\"], prompts: [p], resources: [\"*\"] }\n",
    )
    .unwrap();
    assert_eq!(declaration.listen.to_string(), "0.0.0.0:9000");
    let [demo, plain] = &declaration.gateway.servers[..] else { panic!("two servers") };
    assert_eq!(demo.url, "https://secret.example/mcp?x=1");
    assert_eq!(demo.headers["authorization"], "Bearer secret");
    assert_eq!(demo.timeout_ms, 1500);
    assert_eq!(serde_json::to_value(demo.era).unwrap(), "legacy");
    assert_eq!(serde_json::to_value(demo.on_session_loss).unwrap(), "end");
    assert_eq!((plain.url.as_str(), plain.prefix.as_str(), plain.timeout_ms), ("http://[::1]:9001/", "", 60_000));
    assert_eq!(declaration.gateway.access.allowed_origins, ["https://app.example", "*"]);
    assert_eq!(declaration.gateway.access.allowed_hosts, ["mcp.example"]);
    let [virtual_server] = &declaration.gateway.virtual_servers[..] else { panic!("one virtual server") };
    assert_eq!((virtual_server.name.as_str(), virtual_server.description.as_deref()), ("team/x", Some("For X.")));
    assert_eq!(
        (&virtual_server.tools[..], virtual_server.resources.len()),
        (&["http_a", "b_*"].map(str::to_owned)[..], 1)
    );
    let limits = declaration.gateway.limits;
    assert_eq!((limits.held_body_bytes, limits.session_idle_seconds), (2 << 20, 3600));
    assert_eq!((limits.sessions, limits.list_page), (10, 50));
    assert_eq!((limits.input_seconds, limits.input_rounds), (120, 3));
    assert_eq!((limits.input_batch_ms, limits.pooled_sessions), (80, 7));
    let editing = declaration.gateway.editing;
    assert_eq!((editing.label_elicitations, editing.uri_meta_keys), (false, vec!["acme/view".to_owned()]));
}

#[test]
fn elicitations_are_labelled_where_several_servers_may_ask() {
    let one = "servers: [{ name: a, url: \"http://127.0.0.1:1\" }]";
    let two =
        "servers: [{ name: a, url: \"http://127.0.0.1:1\" }, { name: b, url: \"http://127.0.0.1:2\", prefix: b_ }]";
    for (text, labelled) in [
        (one.to_owned(), false),
        (two.to_owned(), true),
        (format!("{one}\nlabelElicitations: true"), true),
        (format!("{two}\nlabelElicitations: false"), false),
    ] {
        assert_eq!(yaml(&text).unwrap().gateway.editing.label_elicitations, labelled, "{text}");
    }
    let mistakes = yaml(&format!("{one}\nlabelElicitations: 5\nuriMetaKeys: x")).unwrap_err().to_string();
    assert!(mistakes.contains("labelElicitations") && mistakes.contains("uriMetaKeys"), "{mistakes}");
}

#[test]
fn a_process_is_declared_by_its_command() {
    let declaration = yaml(
        "servers:\n\
         \x20 - name: files\n\
         \x20   command: [npx, -y, \"${TOKEN}\", \"$${A}\"]\n\
         \x20   transport: stdio\n\
         \x20   env: { KEY: \"k-${TOKEN}\" }\n\
         \x20   cwd: src\n\
         \x20   process: session\n\
         \x20   idleSeconds: 5\n\
         \x20   maxProcesses: 3\n\
         \x20 - { name: shared, command: [x], process: shared }\n\
         \x20 - { name: plain, command: [x] }\n\
         \x20 - { name: old, url: \"http://x/sse\", transport: sse }\n",
    )
    .unwrap();
    let transports: Vec<_> = declaration.gateway.servers.into_iter().map(|server| server.transport).collect();
    let [Transport::Stdio(files), Transport::Stdio(shared), Transport::Stdio(plain), Transport::Sse] = &transports[..]
    else {
        panic!("{transports:?}")
    };
    assert_eq!((files.program.as_str(), &files.args[..]), ("npx", &["-y", "secret", "${A}"].map(str::to_owned)[..]));
    assert_eq!((files.env["KEY"].as_str(), files.idle_seconds, files.max_processes), ("k-secret", 5, 3));
    assert_eq!((plain.sharing, shared.sharing), (Sharing::Session, Sharing::Shared));
    let cwd = files.cwd.as_deref().map(Path::new);
    assert!(cwd.is_some_and(|cwd| cwd.is_absolute() && cwd.ends_with("src")), "{cwd:?}");
    assert_eq!(plain.cwd, None);
    assert_eq!((plain.idle_seconds, plain.max_processes), (300, 32));
}

#[test]
fn what_is_not_said_has_defaults() {
    let declaration = yaml("servers: []").unwrap();
    assert_eq!(declaration.listen, DEFAULT_LISTEN);
    assert_eq!(declaration.gateway.limits, Limits::default());
    assert_eq!(declaration.gateway.editing, protocol::config::Editing::default());
}

/// A server with a prefix whose clients' headers of these names go up, in line 8.
fn forwarding(names: &str) -> String {
    format!("    url: http://127.0.0.1:2/mcp\n    prefix: b_\n    forwardHeaders: [{names}]\n")
}

#[test]
fn headers_of_clients_may_go_to_a_server() {
    let declared = |extra: &str| yaml(&with(extra)).unwrap().gateway.servers.pop().unwrap();
    assert_eq!(declared(&forwarding("X-Tenant, X-API-Key")).forward_headers, ["x-api-key", "x-tenant"]);
    let unsafe_too = format!("{}    unsafePassthrough: true\n", forwarding("Authorization, Cookie"));
    assert_eq!(declared(&unsafe_too).forward_headers, ["authorization", "cookie"]);
    assert_eq!(declared("    url: http://127.0.0.1:2/\n    forwardHeaders: []\n").forward_headers, [""; 0]);
    let many = (0..17).map(|n| format!("X-{n}")).collect::<Vec<_>>().join(", ");
    let mistakes = yaml(&with(&forwarding(&many))).unwrap_err().to_string();
    assert!(mistakes.contains("names 17 headers: 16 are the most"), "{mistakes}");
}

#[test]
fn lists_are_kept_as_long_as_is_declared() {
    let declared = |extra: &str| {
        yaml(&with(&format!("    url: http://127.0.0.1:2/\n{extra}"))).unwrap().gateway.servers.pop().unwrap().cache
    };
    assert_eq!(declared(""), Cache { scope: None, max_age_ms: None });
    assert_eq!(declared("").max_age(), Duration::from_secs(300));
    assert_eq!(
        declared("    cache: { scope: shared, maxAge: 90s }\n"),
        Cache { scope: Some(CacheScope::Shared), max_age_ms: Some(90_000) }
    );
    assert_eq!(declared("    cache: { scope: private }\n").scope, Some(CacheScope::Private));
}

#[test]
fn each_mistake_is_named_with_its_place_and_its_fix() {
    const URL: &str = "    url: http://127.0.0.1:2/mcp\n";
    for (extra, line, says) in [
        (format!("{URL}    name: c\n"), 7, &["servers[1].name", "twice"][..]),
        ("    prefix: x_\n".into(), 5, &["servers[1].url: is missing", "url: http://", "or `command: [npx"]),
        (format!("{URL}    prefix: \"a b\"\n"), 7, &["servers[1].prefix: is `a b`", "A-Z"]),
        (format!("{URL}    prefix: {}\n", "x".repeat(65)), 7, &["servers[1].prefix", "64 at most"]),
        (format!("{URL}    prefix: 5\n"), 7, &["servers[1].prefix: is a number", "quotes"]),
        (format!("{URL}    prefix: a_\n"), 7, &["servers[1].prefix: `a_` is the prefix of server `a` (line 2)"]),
        (format!("{URL}    prefix: A-\n"), 7, &["servers[1].prefix", "same mark `a`"]),
        ("    url: 127.0.0.1:2/mcp\n".into(), 6, &["servers[1].url: is no URL", "absolute"]),
        ("    url: ftp://x/mcp\n".into(), 6, &["servers[1].url: has the scheme `ftp`", "http and https"]),
        ("    url: http://u:p@x/mcp\n".into(), 6, &["servers[1].url", "user or password", "headers"]),
        ("    url: http://x/mcp#f\n".into(), 6, &["servers[1].url", "fragment"]),
        ("    url: http://localhost:8080/mcp\n".into(), 6, &["servers[1].url", "own endpoint"]),
        ("    url: http://${HOST}/mcp\n".into(), 6, &["servers[1].url", "variable HOST, which is not set"]),
        (format!("{URL}    transport: tcp\n"), 7, &["servers[1].transport: is `tcp`", "streamable-http, sse, stdio"]),
        (format!("{URL}    transport: stdio\n"), 5, &["servers[1].command: is missing", "command: [npx"]),
        (format!("{URL}    command: [npx]\n"), 6, &["servers[1].url: stands beside `command`"]),
        (format!("{URL}    args: [x]\n"), 7, &["servers[1].args", "into `command`"]),
        (format!("{URL}    env: {{ A: b }}\n"), 7, &["servers[1].env: is for servers with a `command`"]),
        (format!("{URL}    idleSeconds: 5\n"), 7, &["servers[1].idleSeconds: is for servers with a `command`"]),
        ("    transport: sse\n    command: [x]\n".into(), 6, &["servers[1].transport: is for servers with a `url`"]),
        ("    command: npx -y x\n".into(), 6, &["servers[1].command: is text", "write a list"]),
        ("    command: []\n".into(), 6, &["servers[1].command: is empty"]),
        ("    command: [\"\"]\n".into(), 6, &["servers[1].command: begins with an empty text"]),
        ("    command: [x, 5]\n".into(), 6, &["servers[1].command[1]: is a number", "quotes"]),
        ("    command: [\"${NONE}\"]\n".into(), 6, &["servers[1].command[0]", "variable NONE"]),
        ("    command: [x]\n    headers: { A: b }\n".into(), 7, &["servers[1].headers: is for servers with a `url`"]),
        ("    command: [x]\n    env: { A: 5 }\n".into(), 7, &["servers[1].env.A: is a number", "quotes"]),
        ("    command: [x]\n    env: { \"A=\": b }\n".into(), 7, &["servers[1].env.A=: is no name of a variable"]),
        ("    command: [x]\n    env: { A: \"${NONE}\" }\n".into(), 7, &["servers[1].env.A", "variable NONE"]),
        ("    command: [x]\n    process: each\n".into(), 7, &["servers[1].process: is `each`", "session, shared"]),
        ("    command: [x]\n    idleSeconds: 0\n".into(), 7, &["servers[1].idleSeconds: is out of range"]),
        ("    command: [x]\n    maxProcesses: 0\n".into(), 7, &["servers[1].maxProcesses: is out of range"]),
        (
            "    command: [x]\n    process: shared\n    maxProcesses: 2\n".into(),
            8,
            &["servers[1].maxProcesses: is for `process: session`"],
        ),
        ("    command: [x]\n    cwd: no/such\n".into(), 7, &["servers[1].cwd: no/such", "correct the path"]),
        ("    command: [x]\n    cwd: Cargo.toml\n".into(), 7, &["servers[1].cwd: Cargo.toml is no folder"]),
        (format!("{URL}    cwd: src\n"), 7, &["servers[1].cwd: is for servers with a `command`"]),
        (format!("{URL}    headers: {{ \"a b\": x }}\n"), 7, &["servers[1].headers.a b: is no name of a header"]),
        (format!("{URL}    headers: {{ Host: x }}\n"), 7, &["servers[1].headers.Host", "sets itself"]),
        (format!("{URL}    headers: {{ X-MCP-Gateway-Key: x }}\n"), 7, &["headers.X-MCP-Gateway-Key", "sets itself"]),
        (format!("{URL}    headers: {{ A: \"x\\ny\" }}\n"), 7, &["servers[1].headers.A: cannot be sent"]),
        (format!("{URL}    headers: {{ A: x, a: y }}\n"), 7, &["servers[1].headers.a", "twice"]),
        (format!("{URL}    headers: {{ A: \"${{NONE}}\" }}\n"), 7, &["servers[1].headers.A", "variable NONE"]),
        (format!("{URL}    headers: [A]\n"), 7, &["servers[1].headers: is a list"]),
        (format!("{URL}    forwardHeaders: [X-Api-Key]\n"), 7, &["servers[1].forwardHeaders: needs a prefix", "acme_"]),
        (forwarding("Authorization"), 8, &["servers[1].forwardHeaders[0]: is `Authorization`", "unsafePassthrough"]),
        (forwarding("cookie"), 8, &["servers[1].forwardHeaders[0]: is `cookie`", "X-Api-Key"]),
        (forwarding("Proxy-Authorization"), 8, &["servers[1].forwardHeaders[0]", "unsafePassthrough"]),
        (forwarding("a b"), 8, &["servers[1].forwardHeaders[0]: is `a b`", "no name of a header"]),
        (forwarding("Host"), 8, &["servers[1].forwardHeaders[0]: is `Host`", "take it away"]),
        (forwarding("Mcp-Param-Region"), 8, &["servers[1].forwardHeaders[0]: is `Mcp-Param-Region`", "take it away"]),
        (forwarding("X-Mcp-Gateway-Key"), 8, &["servers[1].forwardHeaders[0]", "take it away"]),
        (forwarding("Content-Type"), 8, &["servers[1].forwardHeaders[0]", "take it away"]),
        (forwarding("Accept-Language"), 8, &["servers[1].forwardHeaders[0]", "take it away"]),
        (forwarding("Origin"), 8, &["servers[1].forwardHeaders[0]", "take it away"]),
        (forwarding("Keep-Alive"), 8, &["servers[1].forwardHeaders[0]", "take it away"]),
        (forwarding("X-Forwarded-For"), 8, &["servers[1].forwardHeaders[0]", "take it away"]),
        (forwarding("traceparent"), 8, &["servers[1].forwardHeaders[0]", "every server is sent"]),
        (forwarding("X-A, x-a"), 8, &["servers[1].forwardHeaders[1]: is `x-a` a second time"]),
        (forwarding("5"), 8, &["servers[1].forwardHeaders[0]: is a number", "quotes"]),
        (
            format!("{}    headers: {{ x-a: y }}\n", forwarding("X-A")),
            8,
            &["servers[1].forwardHeaders[0]: is `X-A`, which `headers` sets too"],
        ),
        (
            format!("{}    cache: {{ scope: shared }}\n", forwarding("X-A")),
            5,
            &["servers[1].cache.scope: is shared", "take it away"],
        ),
        (
            "    prefix: b_\n    command: [x]\n    forwardHeaders: [X-A]\n".into(),
            5,
            &["servers[1].forwardHeaders: goes with url"],
        ),
        (
            format!("{URL}    unsafePassthrough: 1\n"),
            7,
            &["servers[1].unsafePassthrough: is a number", "true or false"],
        ),
        (
            format!("{URL}    cache: {{ scope: public }}\n"),
            7,
            &["servers[1].cache.scope: is `public`", "shared, private"],
        ),
        (format!("{URL}    cache: {{ maxAge: 0s }}\n"), 7, &["servers[1].cache.maxAge: is 0s", "1s to"]),
        (format!("{URL}    cache: {{ age: 1s }}\n"), 7, &["servers[1].cache.age: is no field", "maxAge"]),
        (format!("{URL}    era: new\n"), 7, &["servers[1].era: is `new`", "auto, legacy, modern"]),
        (format!("{URL}    onSessionLoss: x\n"), 7, &["servers[1].onSessionLoss: is `x`", "reopen, end"]),
        (format!("{URL}    timeout: 30\n"), 7, &["servers[1].timeout: is `30`", "a number and a unit, as in 30s"]),
        (format!("{URL}    timeout: soon\n"), 7, &["servers[1].timeout: is `soon`", "30s"]),
        (format!("{URL}    timeout: 2h\n"), 7, &["servers[1].timeout: is 2h", "100ms to 1h"]),
        (format!("{URL}    caFile: no/such.pem\n"), 7, &["servers[1].caFile", "cannot be read"]),
        (format!("{URL}    prefxi: x\n"), 7, &["servers[1].prefxi: is no field", "did you mean `prefix`?"]),
        (format!("{URL}    colour: x\n"), 7, &["servers[1].colour: is no field", "name, prefix"]),
        (format!("{URL}listen: 8080\n"), 7, &["listen: is `8080`", "127.0.0.1:8080"]),
        (format!("{URL}listen: [8080]\n"), 7, &["listen: is a list"]),
        (format!("{URL}listen: \"8080\"\n"), 7, &["listen: is `8080`", "127.0.0.1:8080"]),
        (format!("{URL}allowedOrigins: [app.example]\n"), 7, &["allowedOrigins[0]", "https://app.example"]),
        (format!("{URL}allowedOrigins: [https://app.example/x]\n"), 7, &["allowedOrigins[0]", "without path"]),
        (format!("{URL}allowedHosts: [\"a:80\"]\n"), 7, &["allowedHosts[0]", "without scheme and port"]),
        (format!("{URL}virtualServers: [{{ tools: [a] }}]\n"), 7, &["virtualServers[0].name: is missing"]),
        (format!("{URL}virtualServers: [{{ name: a }}]\n"), 7, &["virtualServers[0]: selects nothing", "[\"*\"]"]),
        (format!("{URL}virtualServers: [{{ name: a/b/c, tools: [a] }}]\n"), 7, &["virtualServers[0].name: is `a/b/c`"]),
        (
            format!("{URL}virtualServers: [{{ name: a, tools: [\"\"] }}]\n"),
            7,
            &["virtualServers[0].tools[0]: is empty"],
        ),
        (
            format!("{URL}virtualServers: [{{ name: a, tools: [x] }}, {{ name: a, tools: [y] }}]\n"),
            7,
            &["virtualServers[1].name: `a` is the name of the virtual server in line 7 too"],
        ),
        (format!("{URL}limits: {{ heldBody: 1GiB }}\n"), 7, &["limits.heldBody: is 1GiB", "256.0 MiB"]),
        (format!("{URL}limits: {{ heldBody: 0 }}\n"), 7, &["limits.heldBody: is 0", "1.0 KiB"]),
        (format!("{URL}limits: {{ heldBody: big }}\n"), 7, &["limits.heldBody: is `big`", "1MiB"]),
        (format!("{URL}limits: {{ sessionIdle: 0s }}\n"), 7, &["limits.sessionIdle: is 0s", "1s to"]),
        (format!("{URL}limits: {{ sessions: 0 }}\n"), 7, &["limits.sessions: is out of range"]),
        (format!("{URL}limits: {{ session: 1 }}\n"), 7, &["limits.session: is no field", "`sessions`"]),
    ] {
        let mistakes = yaml(&with(&extra)).expect_err(&extra);
        let text = mistakes.to_string();
        assert_eq!(mistakes.remarks.len(), 1, "one mistake, one remark: {text}");
        assert_eq!(mistakes.remarks[0].line, line, "{text}");
        assert!(text.starts_with(&format!("gateway.yaml:{line}:")), "{text}");
        for part in says {
            assert!(text.contains(part), "{part:?} in {text}");
        }
        assert!(!text.contains("secret"), "{text}");
    }
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let mistakes =
        yaml("listne: x\nservers:\n  - url: nope\n    timeout: x\n  - name: a b\n    url: http://x/\n").unwrap_err();
    let lines: Vec<_> = mistakes.remarks.iter().map(|remark| remark.line).collect();
    assert_eq!(lines, [1, 3, 3, 4, 5], "{mistakes}");
}

#[test]
fn what_is_no_document_is_told() {
    for text in ["a: [1\nb: 2\n", "", "- x\n", "servers: 5\n", "\t{", "servers: &a [*a]"] {
        let mistakes = yaml(text).expect_err(text);
        assert!(!mistakes.remarks.is_empty() && !mistakes.remarks[0].message.is_empty(), "{text}");
    }
}

#[test]
fn certificates_have_to_be_pem() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, b"no certificate").unwrap();
    let extra = format!("    url: https://x/mcp\n    caFile: {}\n", file.path().display());
    assert!(yaml(&with(&extra)).unwrap_err().to_string().contains("holds no certificate"));
}

#[test]
fn of_a_bundle_only_the_certificates_are_taken() {
    let block = |what: &str, bytes: &str| format!("-----BEGIN {what}-----\n{bytes}\n-----END {what}-----\n");
    let bundle = [
        "subject=a comment\n".to_owned(),
        block("CERTIFICATE", "AQID"),
        block("PRIVATE KEY", "BAUG"),
        block("CERTIFICATE", "BwgJ"),
    ];
    let taken = values::pem(bundle.concat().into_bytes()).unwrap();
    assert!(!taken.contains("PRIVATE") && !taken.contains("BAUG") && !taken.contains("comment"), "{taken}");
    assert_eq!(taken.matches("BEGIN CERTIFICATE").count(), 2, "{taken}");
    assert!(taken.contains("AQID") && taken.contains("BwgJ"), "{taken}");
}

#[test]
fn the_file_of_a_desktop_client_is_read() {
    let declaration = json(
        r#"{"theme": "dark", "mcpServers": {
            "demo": {"type": "http", "url": "http://127.0.0.1:9001/mcp", "headers": {"X-A": "${TOKEN}"}, "alwaysAllow": []},
            "my server": {"url": "http://127.0.0.1:9002/mcp"},
            "files": {"command": "npx", "args": ["-y", "${TOKEN}"], "env": {"A": "b"}, "cwd": "src", "type": "stdio"},
            "old": {"type": "sse", "url": "http://x/sse"},
            "off": {"command": "npx", "disabled": true}}}"#,
    )
    .unwrap();
    let [demo, other, files, old] = &declaration.gateway.servers[..] else { panic!("four servers") };
    let transports = [&demo.transport, &other.transport, &old.transport];
    assert_eq!(transports, [&Transport::StreamableHttp, &Transport::Auto, &Transport::Sse]);
    let Transport::Stdio(process) = &files.transport else { panic!("{files:?}") };
    assert_eq!((process.program.as_str(), &process.args[..]), ("npx", &["-y", "secret"].map(str::to_owned)[..]));
    assert!(process.cwd.as_ref().is_some_and(|cwd| cwd.ends_with("/src")), "{process:?}");
    assert_eq!((process.env["A"].as_str(), files.prefix.as_str()), ("b", "files_"));
    assert_eq!((demo.prefix.as_str(), demo.headers["x-a"].as_str()), ("demo_", "secret"));
    assert_eq!((other.name.as_str(), other.prefix.as_str()), ("my_server", "my_server_"));
    let notes: Vec<_> = declaration.notes.iter().map(|note| note.field.as_str()).collect();
    assert_eq!(notes, ["mcpServers.my server", "mcpServers.off"]);
}

#[test]
fn the_files_of_ides_are_read() {
    let declaration = json(
        r#"{"inputs": [], "servers": {
            "a": {"type": "http", "url": "http://127.0.0.1:9001/mcp", "headers": {"Authorization": "Bearer ${env:TOKEN}"}},
            "b": {"serverUrl": "http://127.0.0.1:9002/mcp"},
            "c": {"httpUrl": "http://127.0.0.1:9003/${NONE:-mcp}"}}}"#,
    )
    .unwrap();
    let [a, b, c] = &declaration.gateway.servers[..] else { panic!("three servers") };
    assert_eq!(a.headers["authorization"], "Bearer secret");
    assert_eq!([&*b.url, &*c.url], ["http://127.0.0.1:9002/mcp", "http://127.0.0.1:9003/mcp"]);
    let asks = json(r#"{"servers": {"a": {"url": "http://x/", "headers": {"K": "${input:key}"}}}}"#);
    let text = asks.unwrap_err().to_string();
    assert!(text.contains("servers.a.headers.K: names `${input:key}`, which nobody can be asked for"), "{text}");
}

#[test]
fn ides_allow_comments() {
    let declaration = json(
        "// Mine: \"http://no\"\n{\n\t\"servers\": { /* one\n\ttwo */ \"a\": {\n\t\t\"url\": \"http://127.0.0.1:9001//mcp?\\\"/*\", // \"é\n\t\t},\n\t},\n}",
    )
    .unwrap();
    assert_eq!(declaration.gateway.servers[0].url, "http://127.0.0.1:9001//mcp?%22/*");
    let wrong = json("{ // é\n\"servers\": {/* é */ \"a\": {\"url\": 5}}}").unwrap_err().to_string();
    assert!(wrong.contains("mcp.json:2:34: servers.a.url: is a number"), "{wrong}");
    for broken in ["/", "/*", "\"", "\"\\", "//"] {
        assert!(json(broken).is_err(), "{broken}");
    }
}

#[test]
fn entries_that_cannot_be_served_are_named() {
    let text = json(
        "{\"mcpServers\": {\n\"files\": {\"command\": \"npx\", \"args\": [5], \"cwd\": \"no/such\"},\n\"old\": {\"type\": \"stdio\", \"url\": \"http://x/sse\"},\n\
         \"a b\": {\"url\": \"http://x/\"},\n\"a_b\": {\"url\": \"http://x/\"}}}",
    )
    .unwrap_err()
    .to_string();
    for part in [
        "mcp.json:2:",
        "mcpServers.files.args[0]: is a number",
        "mcpServers.files.cwd: no/such cannot be used",
        "mcp.json:3:",
        "mcpServers.old.command: is missing",
        "mcpServers.a_b.name: `a_b` is the name of the server in line 4",
    ] {
        assert!(text.contains(part), "{part:?} in {text}");
    }
    assert!(json("{}").unwrap_err().to_string().contains("mcpServers: is missing"));
}

fn store(fields: &str) -> String {
    format!("sessionStore: {{ {fields} }}\nservers: []\n")
}

#[test]
fn a_session_store_is_read_with_its_secrets_from_the_environment() {
    let declared =
        store("type: redis, url: 'redis://redis.example:6380/2', username: me, password: '${TOKEN}', keyPrefix: 'a:'");
    let protocol::config::SessionStore::Redis(redis) = yaml(&declared).unwrap().gateway.session_store else {
        panic!("no Redis")
    };
    assert_eq!(redis.url, "redis://redis.example:6380/2");
    assert_eq!((redis.username.as_deref(), redis.password.as_deref()), (Some("me"), Some("secret")));
    assert_eq!(redis.key_prefix, "a:");
}

#[test]
fn what_is_wrong_with_a_session_store_is_told_by_its_field_and_not_its_password() {
    for (declared, field) in [
        ("type: file", "sessionStore.type"),
        ("type: redis", "sessionStore.url"),
        ("type: redis, url: 'http://me:word@redis.example'", "sessionStore.url"),
        ("type: redis, url: 'redis://:word@redis.example', password: word", "sessionStore.url"),
        ("type: redis, url: 'redis://redis.example', password: '${NOWHERE}'", "sessionStore.password"),
        ("type: redis, url: 'redis://redis.example', caFile: /nowhere/ca.pem", "sessionStore.caFile"),
        ("type: memory, url: 'redis://redis.example'", "sessionStore.url"),
    ] {
        let told = yaml(&store(declared)).unwrap_err().to_string();
        assert!(told.contains(field) && !told.contains("word@"), "{declared}: {told}");
    }
}
