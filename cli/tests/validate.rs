//! `mcp-gateway validate`.

mod common;

use common::{finished, gateway};

#[test]
fn a_good_file_is_valid() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("gateway.yaml"), "servers: [{name: a, url: 'http://127.0.0.1:1/mcp'}]\n")
        .unwrap();
    // Without -f it is the gateway.yaml of the folder.
    let (ok, out, err) = finished(gateway().arg("validate").current_dir(&folder));
    assert!(ok, "{err}");
    assert_eq!(out, "gateway.yaml: valid, 1 server\n");
}

#[test]
fn every_mistake_is_told_and_the_exit_code_is_1() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("g.yaml");
    std::fs::write(&file, "servers:\n  - name: a b\n    url: ftp://x\n").unwrap();
    let output = gateway().args(["validate", "-f"]).arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let err = common::text(&output.stderr);
    assert!(err.contains("g.yaml:2:11: servers[0].name:") && err.contains("g.yaml:3:10: servers[0].url:"), "{err}");
}

#[test]
fn a_missing_file_is_named() {
    let (ok, _, err) = finished(gateway().args(["validate", "-f", "/no/such.yaml"]));
    assert!(!ok && err.contains("/no/such.yaml") && err.contains("cannot be read"), "{err}");
    assert!(err.contains("name another with --file"), "{err}");
}

#[test]
fn the_samples_and_the_readme_are_valid() {
    let readme = std::fs::read_to_string(common::root().join("README.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut files = vec![common::root().join("samples/gateway.yaml")];
    for (i, block) in readme.split("```yaml\n").skip(1).enumerate() {
        let file = folder.path().join(format!("{i}.yaml"));
        let block = block.split("```").next().unwrap();
        // The one line that needs a file of the operator's.
        let block: String = block.lines().filter(|line| !line.contains("caFile")).map(|l| format!("{l}\n")).collect();
        std::fs::write(&file, block).unwrap();
        files.push(file);
    }
    assert!(files.len() > 2);
    for file in files {
        let variables = ["SEARCH_TOKEN", "LOG_LEVEL", "REDIS_PASSWORD"].map(|name| (name, "x"));
        let (ok, _, err) = finished(gateway().args(["validate", "-f"]).arg(&file).envs(variables));
        assert!(ok, "{err}");
    }
}
