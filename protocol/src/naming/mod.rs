//! Names, URIs and ids as the client sees them, and as the server does.
//!
//! * tools and prompts: prefix + name ([`Table`]);
//! * resource URIs: a key made from the prefix, on the scheme or the host ([`UriKey`]);
//! * ids, progress tokens and event ids that a server makes: its name in front ([`tag`]).
//!
//! All three are reversible without a table.

mod table;
mod tag;
mod uri;

pub use table::{Route, Table};
pub use tag::{Tagged, tag, untag};
pub use uri::{Insertion, UriKey};
