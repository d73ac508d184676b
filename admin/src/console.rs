//! The operator's console: a Unix socket that takes lines of JSON. `docs/console.md` is its
//! contract.
//!
//! `frame` is the lines, `verbs` what may be said and by whom, `people` who is who, `socket` who is
//! let in, `desk` what each verb does, `pending` and `totp` what one alone may not do, `books` how
//! books are shown.

pub mod books;
pub mod desk;
pub mod frame;
mod pending;
pub mod people;
pub mod socket;
mod totp;
pub mod verbs;

pub use pending::{PENDING_MAX, PENDING_NS};
pub use totp::{Codes, LOCK_S, TRIES_MAX};
