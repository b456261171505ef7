//! What one logs in to a registry with.

use docker_credential::{CredentialRetrievalError, DockerCredential, get_credential_from_reader};
use oci_client::secrets::RegistryAuth;
use serde_json::Value;
use std::path::PathBuf;

/// What one logs in to a registry with.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials(RegistryAuth);

/// Why credentials cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the credentials for {registry} in {place} cannot be used: {reason}")]
pub struct CredentialsError {
    registry: String,
    place: String,
    reason: String,
}

impl Credentials {
    /// None.
    pub const ANONYMOUS: Self = Self(RegistryAuth::Anonymous);

    /// Those for `registry` that `docker login`, `podman login` or `buildah login` left on this machine; credential helpers are
    /// asked. None if there are none.
    pub fn of_this_machine(registry: &str) -> Result<Self, CredentialsError> {
        for file in login_files(|name| std::env::var_os(name).map(PathBuf::from)) {
            let Ok(text) = std::fs::read(&file) else { continue };
            for name in names(registry) {
                if let Some(found) = find(&text, name, &file.display().to_string())? {
                    return Ok(found);
                }
            }
        }
        Ok(Self::ANONYMOUS)
    }

    /// Those for `registry` in a Secret's `.dockerconfigjson`. Credential helpers in it are ignored: who writes a Secret must
    /// not choose programs that run here.
    pub fn of_secret(docker_config: &[u8], registry: &str) -> Result<Self, CredentialsError> {
        const PLACE: &str = "the pull secret";
        let auths = serde_json::from_slice::<Value>(docker_config)
            .ok()
            .and_then(|mut config| config.get_mut("auths").map(Value::take))
            .ok_or_else(|| failure(registry, PLACE, ".dockerconfigjson holds no JSON object with \"auths\""))?;
        let only_auths = serde_json::json!({ "auths": auths }).to_string();
        for name in names(registry) {
            if let Some(found) = find(only_auths.as_bytes(), name, PLACE)? {
                return Ok(found);
            }
        }
        Ok(Self::ANONYMOUS)
    }

    /// A name and a password.
    pub fn basic(user: String, password: String) -> Self {
        Self(RegistryAuth::Basic(user, password))
    }

    pub(super) fn auth(&self) -> &RegistryAuth {
        &self.0
    }

    pub(super) fn are_any(&self) -> bool {
        self.0 != RegistryAuth::Anonymous
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.are_any() { "Credentials(…)" } else { "Credentials(none)" })
    }
}

/// Where logins are kept, in the order in which podman looks (containers-auth.json(5)); Docker's own file is the last.
fn login_files(variable: impl Fn(&str) -> Option<PathBuf>) -> Vec<PathBuf> {
    let home = variable("HOME");
    let in_home = |folder: &str| home.as_ref().map(|home| home.join(folder));
    let podman = match variable("REGISTRY_AUTH_FILE") {
        Some(file) => vec![Some(file)],
        None => [variable("XDG_RUNTIME_DIR"), variable("XDG_CONFIG_HOME").or_else(|| in_home(".config"))]
            .map(|folder| folder.map(|folder| folder.join("containers/auth.json")))
            .to_vec(),
    };
    let docker = variable("DOCKER_CONFIG").or_else(|| in_home(".docker")).map(|folder| folder.join("config.json"));
    podman.into_iter().chain([docker]).flatten().collect()
}

/// What a registry goes by where logins are kept: Docker Hub's are under its oldest URL, or under its name.
fn names(registry: &str) -> Vec<&str> {
    match registry {
        "docker.io" | "index.docker.io" | "registry-1.docker.io" => vec!["https://index.docker.io/v1/", "docker.io"],
        other => vec![other],
    }
}

/// The credentials for `registry` in the text of a `config.json`.
fn find(config: &[u8], registry: &str, place: &str) -> Result<Option<Credentials>, CredentialsError> {
    let fail = |reason: &str| Err(failure(registry, place, reason));
    match get_credential_from_reader(config, registry) {
        Ok(DockerCredential::UsernamePassword(user, password)) => Ok(Some(Credentials::basic(user, password))),
        Ok(DockerCredential::IdentityToken(_)) => {
            fail("they are an identity token; log in with a name and a password or an access token")
        }
        Err(CredentialRetrievalError::NoCredentialConfigured) => Ok(None),
        // All helpers say so for a registry that they do not know.
        Err(CredentialRetrievalError::HelperFailure { stdout, .. }) if stdout.contains("credentials not found") => {
            Ok(None)
        }
        Err(CredentialRetrievalError::HelperFailure { helper, stderr, stdout }) => {
            fail(&format!("{helper} says {}", format!("{stdout} {stderr}").trim()))
        }
        Err(CredentialRetrievalError::HelperCommunicationError) => {
            fail("the credential helper that is named there does not start; install it, or log in anew")
        }
        Err(error) => fail(&error.to_string()),
    }
}

fn failure(registry: &str, place: &str, reason: &str) -> CredentialsError {
    CredentialsError { registry: registry.to_owned(), place: place.to_owned(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str =
        r#"{"auths": {"registry.example:5000": {"auth": "dXNlcjpwOnc="}}, "credsStore": "nowhere-to-be-found"}"#;

    #[test]
    fn a_login_is_found_by_the_registrys_name_and_port() {
        let found = find(CONFIG.as_bytes(), "registry.example:5000", "here").unwrap();
        assert_eq!(found, Some(Credentials::basic("user".into(), "p:w".into())));
    }

    #[test]
    fn a_helper_that_does_not_start_is_named_with_its_file() {
        let error = find(CONFIG.as_bytes(), "other.example", "/home/me/config.json").unwrap_err().to_string();
        assert!(error.contains("other.example") && error.contains("/home/me/config.json"), "{error}");
        assert!(error.contains("credential helper"), "{error}");
    }

    #[test]
    fn helpers_in_a_secret_are_not_run() {
        assert_eq!(Credentials::of_secret(CONFIG.as_bytes(), "other.example"), Ok(Credentials::ANONYMOUS));
        let own = Credentials::of_secret(CONFIG.as_bytes(), "registry.example:5000").unwrap();
        assert_eq!(own, Credentials::basic("user".into(), "p:w".into()));
    }

    #[test]
    fn a_secret_without_logins_is_an_error_that_says_so() {
        let error = Credentials::of_secret(b"{}", "registry.example").unwrap_err().to_string();
        assert!(error.contains("pull secret") && error.contains("\"auths\""), "{error}");
    }

    #[test]
    fn logins_of_docker_hub_are_found_by_all_its_names() {
        for key in ["https://index.docker.io/v1/", "docker.io"] {
            let config = format!(r#"{{"auths": {{"{key}": {{"auth": "dXNlcjpwOnc="}}}}}}"#);
            let found = Credentials::of_secret(config.as_bytes(), "docker.io").unwrap();
            assert_eq!(found, Credentials::basic("user".into(), "p:w".into()), "{key}");
        }
    }

    #[test]
    fn passwords_are_not_shown() {
        assert!(!format!("{:?}", Credentials::basic("user".into(), "hidden".into())).contains("hidden"));
    }

    #[test]
    fn podmans_files_come_before_dockers() {
        let files = login_files(|name| match name {
            "HOME" => Some("/home/me".into()),
            "XDG_RUNTIME_DIR" => Some("/run/user/1".into()),
            _ => None,
        });
        let expected = [
            "/run/user/1/containers/auth.json",
            "/home/me/.config/containers/auth.json",
            "/home/me/.docker/config.json",
        ];
        assert_eq!(files, expected.map(PathBuf::from));
    }

    #[test]
    fn a_file_that_the_environment_names_stands_for_podmans() {
        let files = login_files(|name| match name {
            "REGISTRY_AUTH_FILE" => Some("/one.json".into()),
            "DOCKER_CONFIG" => Some("/docker".into()),
            _ => None,
        });
        assert_eq!(files, ["/one.json", "/docker/config.json"].map(PathBuf::from));
    }
}
