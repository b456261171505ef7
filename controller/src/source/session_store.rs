//! `sessionStore` of `gateway.yaml`.

use super::expand::expand;
use super::fields::{Field, Fields};
use super::redis::{self, Address};
use super::server::authorities;
use super::{Context, SESSION_KEY};
use protocol::config::{Redis, SessionStore};

/// Bytes of the shortest secret that session ids and what is kept of sessions are sealed with.
const SECRET_BYTES: usize = 32;

/// Reads the field. What is wrong has been reported where it is `None`.
pub(super) fn read(field: &Field<'_>, context: &mut Context<'_>) -> Option<SessionStore> {
    let mut fields = Fields::of(field.node, &field.path, &mut context.report)?;
    let kind = fields.require("type", "redis", &mut context.report);
    let is_redis = kind.and_then(|kind| kind.choice(&[("memory", false), ("redis", true)], &mut context.report))?;
    if !is_redis {
        fields.finish(&mut context.report);
        return Some(SessionStore::Memory);
    }
    let url = fields.require("url", "redis://redis.example:6379/0", &mut context.report);
    let address = url.as_ref().and_then(|url| address(url, context));
    let username = fields.take("username").map(|field| secret(&field, context));
    let password = fields.take("password").map(|field| secret(&field, context));
    let ca_field = fields.take("caFile");
    let ca = ca_field.as_ref().map(|field| authorities(field, context));
    let key_prefix = fields.take("keyPrefix").map(|field| {
        let text = field.text(&mut context.report)?;
        redis::key_prefix(text).map_err(|message| field.mistake(&mut context.report, message)).ok()
    });
    fields.finish(&mut context.report);
    let address = address?;
    if let Some(ca) = ca_field.filter(|_| !address.tls) {
        ca.mistake(&mut context.report, "is for TLS: write rediss:// in url, or take it away");
    }
    for (name, twice) in [
        ("username", username.is_some() && address.username.is_some()),
        ("password", password.is_some() && address.password.is_some()),
    ] {
        if let Some(url) = url.as_ref().filter(|_| twice) {
            url.mistake(&mut context.report, format!("holds the {name}, which also stands in `{name}`: keep one"));
        }
    }
    if (context.environment)(SESSION_KEY).is_none_or(|secret| secret.len() < SECRET_BYTES) {
        let message = format!(
            "keeps sessions for this process alone: set {SESSION_KEY} in the environment to a secret of {SECRET_BYTES} bytes \
             or more, the same for all replicas"
        );
        context.report.note(field.place(), &field.path, message);
    }
    Some(SessionStore::Redis(Redis {
        url: address.url,
        username: optional(username)?.or(address.username),
        password: optional(password)?.or(address.password),
        ca: optional(ca)?,
        key_prefix: optional(key_prefix)?.unwrap_or_else(|| Redis::DEFAULT_KEY_PREFIX.to_owned()),
    }))
}

fn address(field: &Field<'_>, context: &mut Context<'_>) -> Option<Address> {
    let text = field.text(&mut context.report)?;
    let address = expand(text, context.environment).and_then(|text| Address::parse(&text));
    address.map_err(|message| field.mistake(&mut context.report, message)).ok()
}

fn secret(field: &Field<'_>, context: &mut Context<'_>) -> Option<String> {
    let text = field.text(&mut context.report)?;
    expand(text, context.environment).map_err(|message| field.mistake(&mut context.report, message)).ok()
}

/// What a field that may be absent says; `None` if it says nothing that can be used.
fn optional<T>(read: Option<Option<T>>) -> Option<Option<T>> {
    match read {
        None => Some(None),
        Some(read) => read.map(Some),
    }
}
