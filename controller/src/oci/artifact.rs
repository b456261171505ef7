//! The forms of a module in a registry.

use oci_client::client::{Config, ImageLayer};
use oci_client::manifest::{
    IMAGE_CONFIG_MEDIA_TYPE, IMAGE_DOCKER_LAYER_GZIP_MEDIA_TYPE, IMAGE_LAYER_GZIP_MEDIA_TYPE,
    IMAGE_MANIFEST_LIST_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE, OCI_IMAGE_INDEX_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE,
    OciDescriptor, OciImageManifest,
};
use serde::Deserialize;
use serde_json::json;

const CONFIG_LAYER: &str = "application/vnd.module.wasm.config.v1+json";
const MODULE_LAYER: &str = "application/vnd.module.wasm.content.layer.v1+wasm";

/// What is asked for. Lists of images are among it only to be told from what is missing.
pub(super) const ACCEPTED: [&str; 4] =
    [OCI_IMAGE_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE, OCI_IMAGE_INDEX_MEDIA_TYPE, IMAGE_MANIFEST_LIST_MEDIA_TYPE];

/// An artifact of the Wasm Artifact Image Specification (`oci` variant). The same module makes the same bytes.
pub(super) struct Artifact {
    pub(super) layers: [ImageLayer; 2],
    pub(super) config: Config,
    pub(super) manifest: OciImageManifest,
}

impl Artifact {
    pub(super) fn new(module: Vec<u8>) -> Self {
        let about = json!({ "type": "envoy_proxy", "abiVersions": ["v0-2-1"], "config": { "rootIds": [] } });
        let layers = [
            ImageLayer::new(about.to_string().into_bytes(), CONFIG_LAYER.to_owned(), None),
            ImageLayer::new(module, MODULE_LAYER.to_owned(), None),
        ];
        let digests = layers.each_ref().map(ImageLayer::sha256_digest);
        let image = json!({ "architecture": "wasm", "os": "wasi", "config": {}, "rootfs": { "type": "layers", "diff_ids": digests } });
        let config = Config::new(image.to_string().into_bytes(), IMAGE_CONFIG_MEDIA_TYPE.to_owned(), None);
        let manifest = OciImageManifest::build(&layers, &config, None);
        Self { layers, config, manifest }
    }
}

/// The parts of a manifest that istio-agent looks at. Docker's and OCI's are alike in them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    #[serde(default)]
    media_type: String,
    #[serde(default)]
    layers: Vec<OciDescriptor>,
}

/// The layer of a manifest that istio-agent takes the module from, or why it takes none.
pub(super) fn module_layer(manifest: &[u8]) -> Result<OciDescriptor, String> {
    let Manifest { media_type, mut layers } =
        serde_json::from_slice(manifest).map_err(|error| format!("its manifest cannot be read ({error})"))?;
    let Some(last) = layers.last() else {
        return Err(if [OCI_IMAGE_INDEX_MEDIA_TYPE, IMAGE_MANIFEST_LIST_MEDIA_TYPE].contains(&media_type.as_str()) {
            "it is a list of images for several platforms".to_owned()
        } else {
            "it has no layers".to_owned()
        });
    };
    let image_layer = if media_type == IMAGE_MANIFEST_MEDIA_TYPE {
        IMAGE_DOCKER_LAYER_GZIP_MEDIA_TYPE
    } else {
        IMAGE_LAYER_GZIP_MEDIA_TYPE
    };
    if last.media_type == image_layer {
        return Ok(last.clone());
    }
    let count = layers.len();
    match layers.iter().position(|layer| layer.media_type == MODULE_LAYER) {
        Some(at) if count == 2 => Ok(layers.swap_remove(at)),
        Some(_) => Err(format!("an artifact has to have exactly two layers, and it has {count}")),
        None => Err(format!("it has no layer of type {MODULE_LAYER} or {image_layer}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(media_type: &str, layers: &[&str]) -> Vec<u8> {
        let layers: Vec<_> = layers
            .iter()
            .map(|kind| json!({ "mediaType": kind, "digest": format!("sha256:{kind}"), "size": 1 }))
            .collect();
        json!({ "schemaVersion": 2, "mediaType": media_type, "layers": layers }).to_string().into_bytes()
    }

    #[test]
    fn all_forms_that_the_agent_takes_are_known() {
        for (media_type, layers, module) in [
            (OCI_IMAGE_MEDIA_TYPE, &[CONFIG_LAYER, MODULE_LAYER][..], MODULE_LAYER),
            (OCI_IMAGE_MEDIA_TYPE, &[MODULE_LAYER, CONFIG_LAYER], MODULE_LAYER),
            (OCI_IMAGE_MEDIA_TYPE, &[IMAGE_LAYER_GZIP_MEDIA_TYPE], IMAGE_LAYER_GZIP_MEDIA_TYPE),
            // OCI leaves the type of a manifest to the header.
            ("", &[IMAGE_LAYER_GZIP_MEDIA_TYPE], IMAGE_LAYER_GZIP_MEDIA_TYPE),
            (
                IMAGE_MANIFEST_MEDIA_TYPE,
                &["other", IMAGE_DOCKER_LAYER_GZIP_MEDIA_TYPE],
                IMAGE_DOCKER_LAYER_GZIP_MEDIA_TYPE,
            ),
        ] {
            let found = module_layer(&manifest(media_type, layers));
            assert_eq!(found.map(|layer| layer.media_type), Ok(module.to_owned()), "{media_type} {layers:?}");
        }
    }

    #[test]
    fn forms_that_the_agent_refuses_are_told_with_the_reason() {
        for (media_type, layers, reason) in [
            (OCI_IMAGE_MEDIA_TYPE, &[MODULE_LAYER][..], "exactly two layers, and it has 1"),
            (OCI_IMAGE_MEDIA_TYPE, &["text/plain", "text/plain"], "no layer of type"),
            (IMAGE_MANIFEST_MEDIA_TYPE, &[IMAGE_LAYER_GZIP_MEDIA_TYPE], "no layer of type"),
            (OCI_IMAGE_MEDIA_TYPE, &[], "no layers"),
            (OCI_IMAGE_INDEX_MEDIA_TYPE, &[], "several platforms"),
        ] {
            let error = module_layer(&manifest(media_type, layers)).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
        assert!(module_layer(b"<html>").unwrap_err().contains("cannot be read"));
    }

    #[test]
    fn a_pushed_artifact_is_one_that_the_agent_takes_and_always_the_same() {
        let make = || serde_json::to_vec(&Artifact::new(b"\0asm".to_vec()).manifest).unwrap();
        assert_eq!(make(), make());
        assert_eq!(module_layer(&make()).unwrap().size, 4);
    }
}
