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
    let text = fs::read_to_string(ours.join("more/server.yml")).unwrap();
    assert!(text.contains("apiVersion: mcpgateway.dev/v1alpha1") && text.contains("prefix: a_"), "{text}");
    assert!(!ours.join("secret.yaml").exists());

    let (ok, _, err) = finished(gateway().arg("convert").arg(&theirs).arg("-o").arg(&ours));
    assert!(!ok && err.contains("is there already"), "{err}");
}

#[test]
fn without_a_folder_all_goes_to_stdout_and_a_file_that_is_no_yaml_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.yaml"), SERVER).unwrap();
    fs::write(folder.path().join("broken.yaml"), "a: [\n").unwrap();
    fs::write(folder.path().join("latin.yaml"), b"# caf\xe9\n").unwrap();
    fs::write(folder.path().join("template.yaml"), "{{- if .Values.x }}\na: 1\n{{- end }}\n").unwrap();
    let (ok, out, err) = finished(gateway().arg("convert").arg(folder.path()));
    assert!(!ok && out.contains("kind: MCPServerRegistration"), "{out}{err}");
    for told in ["broken.yaml: is no YAML and left out", "latin.yaml: cannot be read", "template.yaml: is a template"] {
        assert!(err.contains(told), "{told} is not in {err}");
    }
    assert!(err.contains("3 files could not be read"), "{err}");
}

#[test]
fn nothing_is_written_over_and_files_of_one_name_stay_apart() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two, ours) = (folder.path().join("one"), folder.path().join("two"), folder.path().join("ours"));
    for place in [&one, &two] {
        fs::create_dir(place).unwrap();
    }
    for name in ["a.yaml", "a.yml", "a.json"] {
        fs::write(one.join(name), SERVER).unwrap();
    }
    fs::write(two.join("a.yaml"), SERVER).unwrap();
    let (ok, _, err) = finished(gateway().arg("convert").args([&one, &two]).arg("-o").arg(&ours));
    assert!(!ok && err.contains("a.yaml: comes of two inputs"), "{err}");
    assert!(!ours.exists(), "all of it is written, or nothing");
    let (ok, _, err) = finished(gateway().arg("convert").arg(&one).arg("-o").arg(&ours));
    assert!(ok, "{err}");
    let mut names: Vec<_> = fs::read_dir(&ours).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["a.json.yaml", "a.yaml", "a.yml"]);
}

#[test]
fn stdin_is_converted_too() {
    let folder = tempfile::tempdir().unwrap();
    let (theirs, ours) = (folder.path().join("theirs.yaml"), folder.path().join("ours"));
    fs::write(&theirs, SERVER).unwrap();
    let stdin = || fs::File::open(&theirs).unwrap();
    let (ok, out, err) = finished(gateway().args(["convert", "-"]).stdin(stdin()));
    assert!(ok && out.contains("apiVersion: mcpgateway.dev/v1alpha1"), "{out}{err}");
    let (ok, _, err) = finished(gateway().args(["convert", "-", "-o"]).arg(&ours).stdin(stdin()));
    assert!(ok, "{err}");
    assert_eq!(fs::read_to_string(ours.join("stdin.yaml")).unwrap(), out);
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
