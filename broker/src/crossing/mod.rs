//! Calls between the eras: the translation is [`protocol::era`]'s, what it needs to remember is kept here.

pub(crate) mod legacy_client;
pub(crate) mod modern_client;
