use super::*;
use kube::CustomResourceExt;
use serde_json::{Value, json};
use std::path::Path;

/// The committed definitions are those of the types: `mcp-gateway crds` prints them, one file a document.
#[test]
fn the_committed_definitions_are_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for folder in ["istio-manifests/crds", "charts/mcp-gateway/crds"] {
        let folder = root.join(folder);
        let files = std::fs::read_dir(&folder).expect("the folder is there");
        let names = files.map(|entry| entry.expect("the folder can be read").file_name().into_string().expect("UTF-8"));
        let mut names: Vec<_> = names.filter(|name| name != "kustomization.yaml").collect();
        names.sort();
        let mut expected: Vec<_> = crds().iter().map(Crd::file_name).collect();
        expected.sort();
        assert_eq!(names, expected, "{}", folder.display());
        for crd in crds() {
            let path = folder.join(crd.file_name());
            let committed = std::fs::read_to_string(&path).expect("the file can be read");
            assert!(committed == crd.yaml(), "{} is out of date: write what `mcp-gateway crds` prints", path.display());
        }
    }
}

#[test]
fn the_yaml_says_what_the_types_do() {
    for crd in crds() {
        let read: Value = serde_saphyr::from_str(&crd.yaml()).expect("it is YAML");
        assert_eq!(read, crd.definition);
    }
}

/// All parts of a schema, with their paths.
fn parts<'a>(schema: &'a Value, path: &str, found: &mut Vec<(String, &'a Value)>) {
    found.push((path.to_owned(), schema));
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        parts(property, &format!("{path}.{name}"), found);
    }
    for inner in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get(inner) {
            parts(inner, &format!("{path}[]"), found);
        }
    }
}

#[test]
fn every_field_is_explained() {
    for crd in crds() {
        let schema = &crd.definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        let mut found = Vec::new();
        parts(schema, &crd.name, &mut found);
        for (path, part) in found.iter().filter(|(path, _)| !path.ends_with("[]")) {
            let text = part["description"].as_str().unwrap_or_default();
            assert!(text.ends_with('.'), "{path}: `{text}`");
        }
        assert!(found.len() > 15, "{}: {}", crd.name, found.len());
    }
}

#[test]
fn defaults_are_those_of_a_gateway_declared_by_a_file() {
    let limits = Limits::default().to_config().expect("the defaults are right");
    assert_eq!(limits, protocol::config::Limits::default());
    let minimal: ExtensionSpec = serde_json::from_value(json!({"targetRef": {"name": "g"}})).expect("it is enough");
    assert_eq!((&minimal.limits, minimal.broker.replicas), (&Limits::default(), 1));
    assert_eq!(minimal.data_path.mode, DataPathMode::WasmPlugin);
    let minimal: RegistrationSpec = serde_json::from_value(json!({"targetRef": {"name": "r"}})).expect("it is enough");
    assert_eq!((minimal.path.as_str(), minimal.timeout.as_str(), minimal.prefix.as_str()), ("/mcp", "60s", ""));
}

#[test]
fn limits_are_read_in_the_units_of_kubernetes() {
    let limits = Limits { held_body: "256Ki".into(), input: "1h30m".into(), ..Limits::default() };
    let config = limits.to_config().expect("they are right");
    assert_eq!((config.held_body_bytes, config.input_seconds), (256 << 10, 5400));
    let error = Limits { held_body: "much".into(), ..Limits::default() }.to_config().expect_err("that is no size");
    assert!(error.starts_with("limits.heldBody is `much`"), "{error}");
}

#[test]
fn the_older_group_has_its_fields_and_columns_and_leaves_the_short_name_to_ours() {
    let crd = serde_json::to_value(kagenti::MCPServerRegistration::crd()).expect("it can be written");
    assert_eq!(crd["spec"]["names"].get("shortNames"), None);
    let ours = serde_json::to_value(MCPServerRegistration::crd()).expect("it can be written");
    assert_eq!(ours["spec"]["names"]["shortNames"], json!(["mcpsr"]));
    assert_eq!(crd["spec"]["names"]["categories"], ours["spec"]["names"]["categories"]);
    let version = &crd["spec"]["versions"][0];
    let columns = version["additionalPrinterColumns"].as_array().expect("there are columns");
    let names: Vec<_> = columns.iter().filter_map(|column| column["name"].as_str()).collect();
    assert_eq!(names, ["Prefix", "Target", "Path", "Ready", "Tools", "Credentials", "Age"]);
    let schema = &version["schema"]["openAPIV3Schema"]["properties"];
    let fields = |schema: &Value| -> Vec<String> {
        schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
    };
    assert_eq!(fields(&schema["spec"]), ["credentialRef", "path", "targetRef", "toolPrefix"]);
    assert_eq!(fields(&schema["status"]), ["conditions", "discoveredTools"]);
    assert_eq!(schema["spec"]["required"], json!(["targetRef"]));
    assert_eq!(schema["spec"]["properties"]["targetRef"]["required"], json!(["name"]));
}
