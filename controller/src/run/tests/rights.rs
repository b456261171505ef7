//! What the controller may do is what it does: each right has a use, and each use a right.

use crate::run::prune::ORDER;
use crate::source::kubernetes::Kind;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

type Rights = BTreeMap<(String, String), BTreeSet<String>>;

/// What the manifests give, in one file.
fn given(file: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../istio-manifests").join(file);
    let role: Value = serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    role["rules"].as_array().unwrap().clone()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// What the code does.
fn used() -> Rights {
    let mut used = Rights::new();
    let mut uses = |group: &str, resource: &str, verbs: &[&str]| {
        let known = used.entry((group.to_owned(), resource.to_owned())).or_default();
        known.extend(verbs.iter().map(|verb| (*verb).to_owned()));
    };
    for kind in Kind::ALL {
        let resource = kind.api_resource();
        uses(&resource.group, &resource.plural, &["list", "watch"]);
        if kind.is_fetched() {
            uses(&resource.group, &resource.plural, &["get"]);
        }
        if ORDER.contains(&kind) {
            uses(&resource.group, &resource.plural, &["create", "patch", "delete"]);
        }
        let declares = [Kind::Extension, Kind::Registration, Kind::KagentiRegistration];
        if declares.contains(&kind) || kind == Kind::VirtualServer {
            uses(&resource.group, &format!("{}/status", resource.plural), &["patch"]);
        }
        if declares.contains(&kind) {
            uses(&resource.group, &format!("{}/finalizers", resource.plural), &["update"]);
        }
    }
    uses("", "secrets", &["create", "patch"]);
    uses("mcpgateway.dev", "mcpgatewayextensions", &["patch"]);
    uses("events.k8s.io", "events", &["create", "patch"]);
    used
}

#[test]
fn each_right_in_the_cluster_has_a_use_and_each_use_a_right() {
    let used = used();
    let mut covered = Rights::new();
    for rule in given("cluster-role.yaml") {
        for resource in texts(&rule["resources"]) {
            let mut is_used = false;
            for group in texts(&rule["apiGroups"]) {
                let key = (group, resource.clone());
                let Some(verbs) = used.get(&key) else { continue };
                is_used = true;
                for verb in texts(&rule["verbs"]) {
                    assert!(verbs.contains(&verb), "nobody needs to {verb} {key:?}");
                    covered.entry(key.clone()).or_default().insert(verb);
                }
            }
            assert!(is_used, "nobody uses {resource}");
        }
    }
    assert_eq!(covered, used);
}

#[test]
fn rights_in_its_own_namespace_are_those_of_one_lease() {
    for rule in given("role.yaml") {
        assert_eq!(texts(&rule["resources"]), ["leases"]);
    }
}
