//! Scenarios of the FIX codec, dictionaries, stores and sessions, through the crate's public items.
//!
//! A line belongs here if it needs no private item and no socket. `desk` holds one session and its
//! peer's bytes; each other module is one subject.

mod damage;
mod desk;

mod abuse;
mod ahead;
mod allocations;
mod codec;
mod dictionary;
mod form;
mod lookup;
mod published;
mod refusals;
mod resend;
mod resets;
mod retention;
mod schedule;
mod session;
mod store;
mod versions;

use rutter_test_support::counting::Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;
