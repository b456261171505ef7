//! Names that change with the content.

use serde_json::Value;
use sha2::{Digest, Sha256};

/// A short fingerprint of `values`: equal values, equal text.
pub(super) fn of(values: &[Value]) -> String {
    let mut hash = Sha256::new();
    for value in values {
        hash.update(value.to_string());
    }
    hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}
