//! A pod's volumes, as folders.

use super::environment::field;
use k8s_openapi::ByteString;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{
    ConfigMap, DownwardAPIVolumeFile, KeyToPath, Pod, Secret, ServiceAccount, Volume, VolumeProjection,
};
use kube::api::PostParams;
use kube::{Api, Client, ResourceExt as _};
use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

type Files = BTreeMap<String, Vec<u8>>;

/// Makes the folder of a volume. `Err` says what is missing: it may come.
pub(super) async fn make(
    client: &Client,
    pod: &Pod,
    address: &str,
    volume: &Volume,
    folder: &Path,
) -> Result<(), String> {
    let source = Source { client, pod, address, namespace: pod.namespace().unwrap_or_default() };
    let files = if let Some(secret) = &volume.secret {
        source
            .secret(secret.secret_name.as_deref().unwrap_or_default(), secret.items.as_deref(), secret.optional)
            .await?
    } else if let Some(map) = &volume.config_map {
        source.config_map(&map.name, map.items.as_deref(), map.optional).await?
    } else if let Some(projected) = &volume.projected {
        let mut all = Files::new();
        for projection in projected.sources.iter().flatten() {
            all.extend(source.projection(projection).await?);
        }
        all
    } else if let Some(downward) = &volume.downward_api {
        source.downward(downward.items.as_deref())
    } else if volume.empty_dir.is_some() {
        Files::new()
    } else {
        return Err(format!("volume {} is of a kind that is not known here", volume.name));
    };
    write(folder, &files, volume.empty_dir.is_some()).map_err(|error| error.to_string())
}

/// Readable by every user, as by `fsGroup`; an empty folder is writable.
fn write(folder: &Path, files: &Files, open: bool) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    std::fs::set_permissions(folder, Permissions::from_mode(if open { 0o777 } else { 0o755 }))?;
    for (name, bytes) in files {
        let (file, new) = (folder.join(name), folder.join(format!(".{}", name.replace('/', "_"))));
        if std::fs::read(&file).is_ok_and(|old| old == *bytes) {
            continue;
        }
        if let Some(parent) = file.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(&new, bytes)?;
        std::fs::rename(new, file)?;
    }
    Ok(())
}

struct Source<'a> {
    client: &'a Client,
    pod: &'a Pod,
    address: &'a str,
    namespace: String,
}

impl Source<'_> {
    async fn secret(&self, name: &str, items: Option<&[KeyToPath]>, optional: Option<bool>) -> Result<Files, String> {
        let secret = Api::<Secret>::namespaced(self.client.clone(), &self.namespace).get_opt(name).await;
        let secret = secret.map_err(|error| error.to_string())?;
        let data = secret.map(|secret| bytes(secret.data.unwrap_or_default()));
        select("secret", name, data, items, optional)
    }

    async fn config_map(
        &self,
        name: &str,
        items: Option<&[KeyToPath]>,
        optional: Option<bool>,
    ) -> Result<Files, String> {
        let map = Api::<ConfigMap>::namespaced(self.client.clone(), &self.namespace).get_opt(name).await;
        let map = map.map_err(|error| error.to_string())?;
        let data = map.map(|map| {
            let mut files = bytes(map.binary_data.unwrap_or_default());
            files.extend(map.data.unwrap_or_default().into_iter().map(|(key, text)| (key, text.into_bytes())));
            files
        });
        select("configmap", name, data, items, optional)
    }

    async fn projection(&self, projection: &VolumeProjection) -> Result<Files, String> {
        if let Some(secret) = &projection.secret {
            return self.secret(&secret.name, secret.items.as_deref(), secret.optional).await;
        }
        if let Some(map) = &projection.config_map {
            return self.config_map(&map.name, map.items.as_deref(), map.optional).await;
        }
        if let Some(downward) = &projection.downward_api {
            return Ok(self.downward(downward.items.as_deref()));
        }
        if let Some(token) = &projection.service_account_token {
            let text = self.token(token.audience.as_deref(), token.expiration_seconds).await?;
            return Ok(Files::from([(token.path.clone(), text.into_bytes())]));
        }
        Err("a projected volume has a source that is not known here".to_owned())
    }

    async fn token(&self, audience: Option<&str>, seconds: Option<i64>) -> Result<String, String> {
        let account = self
            .pod
            .spec
            .as_ref()
            .and_then(|spec| spec.service_account_name.clone())
            .unwrap_or_else(|| "default".to_owned());
        let bound = k8s_openapi::api::authentication::v1::BoundObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some("Pod".to_owned()),
            name: Some(self.pod.name_any()),
            uid: self.pod.uid(),
        };
        let spec = TokenRequestSpec {
            audiences: audience.map(str::to_owned).into_iter().collect(),
            expiration_seconds: seconds.or(Some(3607)),
            bound_object_ref: Some(bound),
        };
        let request = TokenRequest { spec, ..TokenRequest::default() };
        let accounts = Api::<ServiceAccount>::namespaced(self.client.clone(), &self.namespace);
        let answer = accounts.create_token_request(&account, &PostParams::default(), &request).await;
        let answer = answer.map_err(|error| error.to_string())?;
        answer.status.map(|status| status.token).ok_or_else(|| "the API server gives no token".to_owned())
    }

    fn downward(&self, items: Option<&[DownwardAPIVolumeFile]>) -> Files {
        let items = items.unwrap_or_default().iter();
        let file = |item: &DownwardAPIVolumeFile| {
            let text = field(self.pod, &item.field_ref.as_ref()?.field_path, self.address);
            Some((item.path.clone(), text.into_bytes()))
        };
        items.filter_map(file).collect()
    }
}

fn bytes(data: BTreeMap<String, ByteString>) -> Files {
    data.into_iter().map(|(key, value)| (key, value.0)).collect()
}

fn select(
    kind: &str,
    name: &str,
    data: Option<Files>,
    items: Option<&[KeyToPath]>,
    optional: Option<bool>,
) -> Result<Files, String> {
    let optional = optional == Some(true);
    let Some(mut data) = data else {
        return if optional { Ok(Files::new()) } else { Err(format!("{kind} \"{name}\" not found")) };
    };
    let Some(items) = items else { return Ok(data) };
    let mut files = Files::new();
    for item in items {
        match data.remove(&item.key) {
            Some(value) => drop(files.insert(item.path.clone(), value)),
            None if optional => {}
            None => return Err(format!("{kind} \"{name}\" has no key {}", item.key)),
        }
    }
    Ok(files)
}
