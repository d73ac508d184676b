//! Scenarios of the client gateway: clients speak FIX text, the core answers, connections break,
//! processes die. No socket and no clock but in `server` and `tls`.

mod added;
mod connections;
mod damaged_stores;
mod desk;
mod door;
mod form;
mod hall;
mod logged_out;
mod market;
mod market_fidelity;
mod market_versions;
mod message_log;
mod no_allocation;
mod orders;
mod pki;
mod previews;
mod published;
mod quickfix;
mod recovery;
mod reference;
mod refusals;
mod reports;
mod requests;
mod resets;
mod rules;
mod rules_words;
mod samples;
mod server;
mod tls;
mod trades;

use rutter_test_support::counting::Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;
