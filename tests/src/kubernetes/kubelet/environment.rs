//! A container's environment.

use k8s_openapi::api::core::v1::{ConfigMap, Container, EnvVar, Pod, Secret};
use kube::{Api, Client, ResourceExt as _};
use std::collections::BTreeMap;

/// Variables, in the order in which they may refer to each other. `Err` says what is missing.
pub(super) async fn variables(
    client: &Client,
    pod: &Pod,
    container: &Container,
    address: &str,
) -> Result<Vec<(String, String)>, String> {
    let mut variables = vec![
        ("KUBERNETES_SERVICE_HOST".to_owned(), super::super::network::NODE.to_owned()),
        ("KUBERNETES_SERVICE_PORT".to_owned(), super::super::control_plane::PORT.to_string()),
        ("HOSTNAME".to_owned(), pod.name_any()),
    ];
    for variable in container.env.iter().flatten() {
        if let Some(value) = value(client, pod, variable, address).await? {
            let value = expand(&value, &variables);
            variables.push((variable.name.clone(), value));
        }
    }
    Ok(variables)
}

async fn value(client: &Client, pod: &Pod, variable: &EnvVar, address: &str) -> Result<Option<String>, String> {
    let Some(source) = &variable.value_from else { return Ok(Some(variable.value.clone().unwrap_or_default())) };
    if let Some(field) = &source.field_ref {
        return Ok(Some(self::field(pod, &field.field_path, address)));
    }
    if let Some(resource) = &source.resource_field_ref {
        return Ok(limit(pod, &resource.resource));
    }
    let namespace = pod.namespace().unwrap_or_default();
    if let Some(reference) = &source.secret_key_ref {
        let secret = Api::<Secret>::namespaced(client.clone(), &namespace).get_opt(&reference.name).await;
        let data = secret.ok().flatten().and_then(|secret| secret.data?.remove(&reference.key));
        return found(
            data.map(|data| String::from_utf8_lossy(&data.0).into_owned()),
            reference.optional,
            &reference.name,
        );
    }
    if let Some(reference) = &source.config_map_key_ref {
        let map = Api::<ConfigMap>::namespaced(client.clone(), &namespace).get_opt(&reference.name).await;
        return found(
            map.ok().flatten().and_then(|map| map.data?.remove(&reference.key)),
            reference.optional,
            &reference.name,
        );
    }
    Err(format!("variable {} has a source that is not known here", variable.name))
}

fn found(value: Option<String>, optional: Option<bool>, name: &str) -> Result<Option<String>, String> {
    if value.is_none() && optional != Some(true) {
        return Err(format!("{name} or its key is missing"));
    }
    Ok(value)
}

/// A field of the pod, as the downward API has it.
pub(super) fn field(pod: &Pod, path: &str, address: &str) -> String {
    let spec = pod.spec.clone().unwrap_or_default();
    match path {
        "metadata.name" => pod.name_any(),
        "metadata.namespace" => pod.namespace().unwrap_or_default(),
        "metadata.uid" => pod.uid().unwrap_or_default(),
        "metadata.labels" => lines(pod.labels()),
        "metadata.annotations" => lines(pod.annotations()),
        "spec.nodeName" => super::NODE_NAME.to_owned(),
        "spec.serviceAccountName" => spec.service_account_name.unwrap_or_default(),
        "status.podIP" | "status.podIPs" => address.to_owned(),
        "status.hostIP" => super::super::network::NODE.to_owned(),
        _ => String::new(),
    }
}

fn lines(all: &BTreeMap<String, String>) -> String {
    all.iter().map(|(name, value)| format!("{name}={value:?}\n")).collect()
}

/// `limits.cpu` in whole cores, `limits.memory` in bytes; unset if there is no such limit.
fn limit(pod: &Pod, resource: &str) -> Option<String> {
    let limits = pod.spec.as_ref()?.containers.first()?.resources.as_ref()?.limits.as_ref()?;
    let text = &limits.get(resource.strip_prefix("limits.")?)?.0;
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let value = match &text[digits..] {
        "" => number,
        "m" => number.div_ceil(1000),
        "Ki" => number << 10,
        "Mi" => number << 20,
        "Gi" => number << 30,
        _ => return None,
    };
    Some(value.to_string())
}

/// `$(NAME)` becomes the value of the variable, `$$` a dollar.
pub(super) fn expand(text: &str, variables: &[(String, String)]) -> String {
    let mut expanded = text.to_owned();
    for (name, value) in variables {
        expanded = expanded.replace(&format!("$({name})"), value);
    }
    expanded.replace("$$", "$")
}
