//! What the broker may do: read and watch the one secret that holds its configuration.

use super::names::Names;
use super::object::{Object, Step};
use crate::model::Instance;
use serde_json::json;

pub(super) fn service_account(instance: &Instance, names: &Names) -> Object {
    Object::new(Step::Broker, ("v1", "ServiceAccount"), names.broker(), instance, &instance.owner, json!({}))
}

pub(super) fn role(instance: &Instance, names: &Names) -> Object {
    let rules = json!([{
        "apiGroups": [""],
        "resources": ["secrets"],
        "resourceNames": [names.config_secret().name],
        "verbs": ["get", "list", "watch"],
    }]);
    Object::new(
        Step::Broker,
        ("rbac.authorization.k8s.io/v1", "Role"),
        names.broker(),
        instance,
        &instance.owner,
        json!({ "rules": rules }),
    )
}

pub(super) fn role_binding(instance: &Instance, names: &Names) -> Object {
    let broker = names.broker();
    let rest = json!({
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": broker.name },
        "subjects": [{ "kind": "ServiceAccount", "name": broker.name, "namespace": broker.namespace }],
    });
    Object::new(Step::Broker, ("rbac.authorization.k8s.io/v1", "RoleBinding"), broker, instance, &instance.owner, rest)
}
