//! Reading the fields of one resource, none of them overlooked.

use super::Remark;
use serde_json::{Map, Value};

/// The fields of an object that nobody has taken yet.
pub(super) struct Fields {
    left: Map<String, Value>,
    path: String,
    resource: String,
    remarks: Vec<Remark>,
}

impl Fields {
    /// Those of `object`, which stands at `path` in `resource`.
    pub(super) fn new(object: &Value, path: &str, resource: String) -> Self {
        let left = object.as_object().cloned().unwrap_or_default();
        Self { left, path: path.to_owned(), resource, remarks: Vec::new() }
    }

    /// Takes a field, if it is there and says something.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.left.remove(name).filter(|value| !value.is_null() && *value != "")
    }

    /// Moves fields to `object` as they are.
    pub(super) fn keep(&mut self, names: &[&str], object: &mut Map<String, Value>) {
        for name in names {
            if let Some(value) = self.take(name) {
                object.insert((*name).to_owned(), value);
            }
        }
    }

    /// Takes an object apart. What is left of it in the end is remarked.
    pub(super) fn object(&mut self, name: &str, names: &[&str]) -> Option<Map<String, Value>> {
        let value = self.take(name)?;
        let mut inner = Self::new(&value, &format!("{}.{name}", self.path), self.resource.clone());
        let mut object = Map::new();
        inner.keep(names, &mut object);
        self.remarks.append(&mut inner.finish());
        Some(object)
    }

    /// Takes a field that has no counterpart. What it says is only worth a remark if it is not `default`.
    pub(super) fn leave(&mut self, name: &str, default: &Value, message: &str) {
        if let Some(value) = self.take(name)
            && value != *default
        {
            self.remark(name, message);
        }
    }

    /// Remarks something about a field.
    pub(super) fn remark(&mut self, name: &str, message: &str) {
        let field = if name.is_empty() { String::new() } else { format!("{}.{name}", self.path) };
        self.remarks.push(Remark { resource: self.resource.clone(), field, message: message.to_owned() });
    }

    /// Remarks something about an annotation.
    pub(super) fn annotation(&mut self, name: &str, message: &str) {
        let field = format!("metadata.annotations[{name}]");
        self.remarks.push(Remark { resource: self.resource.clone(), field, message: message.to_owned() });
    }

    /// The remarks until now, whatever else there is.
    pub(super) fn remarks(self) -> Vec<Remark> {
        self.remarks
    }

    /// All remarks, those on fields that nobody took among them.
    pub(super) fn finish(mut self) -> Vec<Remark> {
        let unknown: Vec<_> = self.left.keys().cloned().collect();
        for name in unknown {
            self.remark(&name, "is not known here: it is left out");
        }
        self.remarks
    }
}
