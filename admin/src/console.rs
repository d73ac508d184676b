//! The operators' console: a Unix socket that takes lines of JSON. `docs/console.md` is its
//! contract.
//!
//! Read in this order: `verb` is the table of what may be asked and by whom, `frame` the lines,
//! `people` the roles, `admission` who is let in, `socket` the connections, `handles` what the
//! console holds of the node, `service` what each verb does. `pending` and `totp` are what one
//! person alone may not do; `attempts` is what was refused; `commands`, `snapshot`, `sessions` and
//! `book_set` are behind the handles; `books` is an answer.

mod admission;
mod attempts;
pub mod book_set;
pub mod books;
pub mod commands;
mod directory;
pub mod extend;
pub mod frame;
pub mod handles;
mod pending;
pub mod people;
pub mod service;
pub mod sessions;
pub mod snapshot;
pub mod socket;
mod times;
mod totp;
pub mod verb;

pub use pending::{PENDING_MAX, PENDING_NS};
pub use totp::{LOCK_S, TRIES_MAX, TotpVerifier};
