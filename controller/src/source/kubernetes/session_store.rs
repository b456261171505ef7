//! Where sessions are kept, with what Secrets say about it.

use super::registration::ValueRef;
use super::secrets::value;
use super::verdict::{Verdict, reason};
use super::world::World;
use crate::api::SessionStoreType;
use crate::source::redis::Address;
use crate::source::values;
use crate::{api, model::ObjectName};
use protocol::config::{Redis, SessionStore};

/// The session store of an extension. Without what it refers to there is none: sessions are in memory until that is there.
pub(super) fn find(
    world: &World,
    extension: &ObjectName,
    declared: &api::SessionStore,
) -> Result<SessionStore, Verdict> {
    match declared.kind {
        SessionStoreType::Memory => Ok(SessionStore::Memory),
        SessionStoreType::Redis => {
            redis(world, &extension.namespace, declared).map(SessionStore::Redis).map_err(|why| {
                let message = format!("sessionStore: {why}. Until then sessions are in the brokers' memory");
                Verdict::no(reason::INVALID_SESSION_STORE, message)
            })
        }
    }
}

/// What the brokers' memory means where there are several, as a sentence. Empty where there is nothing to say.
pub(super) fn note(declared: &api::SessionStore, replicas: u16) -> String {
    if declared.kind != SessionStoreType::Memory || replicas < 2 {
        return String::new();
    }
    format!(
        " With {replicas} brokers and sessionStore.type Memory, sessions with servers begin anew when the broker that has them ends; \
         with Redis another one goes on with them."
    )
}

fn redis(world: &World, namespace: &str, declared: &api::SessionStore) -> Result<Redis, String> {
    let secret = |field: &str, reference: &api::SecretKeyRef| {
        let reference =
            ValueRef { kind: super::Kind::Secret, name: reference.name.clone(), key: reference.key.clone() };
        let text = value(world, namespace, &reference).map_err(|error| format!("{field}: {error}"))?;
        match text.trim() {
            "" => Err(format!("{field}: key {} of Secret {} is empty", reference.key, reference.name)),
            text => Ok(text.to_owned()),
        }
    };
    let (field, address) = match (&declared.url, &declared.url_ref) {
        (Some(url), None) => ("url", url.clone()),
        (None, Some(reference)) => ("urlRef", secret("urlRef", reference)?),
        _ => return Err("write either url or urlRef".to_owned()),
    };
    let address = Address::parse(&address).map_err(|error| format!("{field}: {error}"))?;
    let password = declared.password_ref.as_ref().map(|reference| secret("passwordRef", reference)).transpose()?;
    let ca = declared.ca_certificate_ref.as_ref().map(|reference| {
        let reference = ValueRef::of_ca(reference);
        let place = format!("key {} of {} {}", reference.key, reference.kind.kind(), reference.name);
        let text = value(world, namespace, &reference)?;
        values::pem(text.into_bytes()).map_err(|error| format!("{place} {error}"))
    });
    let ca = ca.transpose().map_err(|error| format!("caCertificateRef: {error}"))?;
    if ca.is_some() && !address.tls {
        return Err(format!("caCertificateRef is for TLS, but {field} does not begin with rediss://"));
    }
    Ok(Redis {
        url: address.url,
        username: declared.username.clone().or(address.username),
        password: password.or(address.password),
        ca,
        key_prefix: declared.key_prefix.clone().unwrap_or_else(|| Redis::DEFAULT_KEY_PREFIX.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::kubernetes::tests::{Stage, extension};
    use serde_json::{Value, json};

    /// The gateway's verdict and store, where a Secret `sessions` of its namespace has `url`.
    fn resolved(store: Value, url: &str) -> (Verdict, SessionStore) {
        let mut stage = Stage::new();
        stage.without("MCPGatewayExtension");
        stage.add(extension("main", "2026-01-01T00:00:00Z", json!({ "sessionStore": store })));
        stage.add(json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": { "namespace": "mcp-system", "name": "sessions" },
            "data": { "url": k8s_openapi::ByteString(url.into()) },
        }));
        let found = stage.interpret();
        (found.extension("main").resolved.clone(), found.main().session_store.clone())
    }

    fn by(name: &str, key: &str) -> Value {
        json!({ "type": "Redis", "urlRef": { "name": name, "key": key } })
    }

    #[test]
    fn a_secrets_url_with_user_and_password_is_the_store() {
        let (verdict, store) = resolved(by("sessions", "url"), "rediss://me:word@redis.example.com:6379/1\n");
        assert!(verdict.is_yes(), "{verdict:?}");
        let SessionStore::Redis(redis) = store else { panic!("no Redis") };
        assert_eq!((redis.username.as_deref(), redis.password.as_deref()), (Some("me"), Some("word")));
        assert!(!redis.url.contains("word") && redis.url.starts_with("rediss://redis.example.com"), "{}", redis.url);
    }

    #[test]
    fn what_is_wrong_with_the_secret_is_told_without_its_content_and_sessions_stay_in_memory() {
        for (reference, url, told) in [
            (by("elsewhere", "url"), "redis://a.example", "urlRef: there is no Secret mcp-system/elsewhere"),
            (
                by("sessions", "uri"),
                "redis://a.example",
                "urlRef: Secret mcp-system/sessions has no text under the key uri",
            ),
            (by("sessions", "url"), " \n", "urlRef: key url of Secret sessions is empty"),
            (by("sessions", "url"), "http://me:word@a.example", "urlRef: "),
            (by("sessions", "url"), "me:word@a.example", "urlRef: "),
        ] {
            let (verdict, store) = resolved(reference, url);
            assert_eq!((verdict.holds, verdict.reason), (Some(false), reason::INVALID_SESSION_STORE), "{url}");
            assert!(verdict.message.contains(told) && !verdict.message.contains("word"), "{}", verdict.message);
            assert!(matches!(store, SessionStore::Memory), "{url}");
        }
    }
}
