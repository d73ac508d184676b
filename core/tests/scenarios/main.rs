//! Scenarios of the core through its public items: inputs in, outputs out, in the words of `desk`.
//!
//! A line belongs here if it needs no private item of the core. Each module is one subject.

mod desk;

mod behaviour;
mod best_plan;
mod breakers;
mod bridges;
mod bridges_at_random;
mod budgets;
mod budgets_at_random;
mod busy;
mod depth;
mod fees;
mod in_turn;
mod left_alone;
mod nearest;
mod nearly_all;
mod no_allocation;
mod operator;
mod orders;
mod own_apart;
mod own_at_random;
mod own_orders;
mod places;
mod posted;
mod preview;
mod reduce;
mod reference_price;
mod refusals;
mod requests;
mod resolve;
mod rest_beside;
mod rest_shares;
mod score;
mod self_match;
mod shared;
mod shared_at_random;
mod shared_rest;
mod spike;
mod strict_venue;
mod tiers;
mod vain_moves;
mod venue_accounts;
mod venue_faults;
mod waiting;
mod worked;
mod worked_at_random;

use rutter_test_support::counting::Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;
