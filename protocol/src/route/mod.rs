//! From a request to a decision, in three steps that follow its bytes:
//!
//! 1. [`admit`]: its headers have come. May it be read, and of which era is it?
//! 2. [`early`]: part of its body has come. Is it clear where it goes?
//! 3. [`verify`]: it is whole. Was all of it as it has to be?
//!
//! Filter and broker both take them from here.

mod admit;
mod body;

pub use admit::{Admitted, Head, Verb, admit, admit_source, check_version};
pub use body::{Call, CallKind, Early, early, no_batches, verify};
