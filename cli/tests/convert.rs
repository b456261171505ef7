//! `mcp-gateway convert` and `mcp-gateway crds`.

mod common;

use common::{finished, gateway};
use std::fs;

const SERVER: &str = "apiVersion: mcp.kuadrant.io/v1\nkind: MCPServerRegistration\nmetadata: {name: a, namespace: ns}\n\
    spec: {prefix: a_, targetRef: {name: r}, tags: [x]}\n";

#[test]
fn a_folder_is_converted_file_by_file_and_what_is_lost_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (theirs, ours) = (folder.path().join("theirs"), folder.path().join("ours"));
    fs::create_dir_all(theirs.join("more")).unwrap();
    fs::write(theirs.join("more/server.yml"), SERVER).unwrap();
    fs::write(theirs.join("secret.yaml"), "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n").unwrap();
    fs::write(theirs.join("notes.txt"), "not: [yaml").unwrap();
    let (ok, out, err) = finished(gateway().arg("convert").arg(&theirs).arg("-o").arg(&ours));
    assert!(ok && out.is_empty(), "{out}{err}");
    assert!(err.contains("server.yml: MCPServerRegistration ns/a: spec.tags: "), "{err}");
    assert!(err.ends_with("1 resources converted, 1 of other groups left as they are\n"), "{err}");
    let text = fs::read_to_string(ours.join("more/server.yaml")).unwrap();
    assert!(text.contains("apiVersion: mcpgateway.dev/v1alpha1") && text.contains("prefix: a_"), "{text}");
    assert!(!ours.join("secret.yaml").exists());

    let (ok, _, err) = finished(gateway().arg("convert").arg(&theirs).arg("-o").arg(&ours));
    assert!(!ok && err.contains("is there already"), "{err}");
}

#[test]
fn without_a_folder_all_goes_to_stdout_and_a_file_that_is_no_yaml_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.yaml"), SERVER).unwrap();
    fs::write(folder.path().join("template.yaml"), "a: {{ .Values.x }}: [\n").unwrap();
    let (ok, out, err) = finished(gateway().arg("convert").arg(folder.path()));
    assert!(!ok && out.contains("kind: MCPServerRegistration"), "{out}{err}");
    assert!(err.contains("template.yaml: is no YAML and left out"), "{err}");
}

#[test]
fn the_definitions_are_printed_as_they_are_committed() {
    let (ok, out, err) = finished(gateway().arg("crds"));
    assert!(ok, "{err}");
    let folder = common::root().join("istio-manifests/crds");
    for document in out.trim_end().split("\n---\n") {
        let file = fs::read_dir(&folder).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
        assert!(file.into_iter().any(|text| text.trim_end() == document), "this is not committed: {document}");
    }
    assert_eq!(out.matches("kind: CustomResourceDefinition").count(), 4);
}
