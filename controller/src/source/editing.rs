//! How servers' messages are changed.

use super::Context;
use super::fields::Fields;
use protocol::config::{Editing, Server};

/// What was declared, before the number of servers is known.
#[derive(Debug, Default)]
pub(super) struct DeclaredEditing {
    uri_meta_keys: Option<Vec<String>>,
    label_elicitations: Option<bool>,
}

/// Takes `uriMetaKeys` and `labelElicitations`.
pub(super) fn read(fields: &mut Fields<'_>, context: &mut Context<'_>) -> DeclaredEditing {
    let report = &mut context.report;
    let label_elicitations = fields.take("labelElicitations").and_then(|field| field.truth(report));
    let uri_meta_keys = fields.take("uriMetaKeys").map(|field| {
        let items = field.items(report);
        items.iter().filter_map(|item| item.text(report).map(str::to_owned)).collect()
    });
    DeclaredEditing { uri_meta_keys, label_elicitations }
}

impl DeclaredEditing {
    /// With every default filled in. Of a single server everybody knows who asks.
    pub(super) fn complete(self, servers: &[Server]) -> Editing {
        Editing {
            uri_meta_keys: self.uri_meta_keys.unwrap_or_else(|| Editing::default().uri_meta_keys),
            label_elicitations: self.label_elicitations.unwrap_or(servers.len() > 1),
        }
    }
}
