//! Scenarios of the Binance adapter, told to the machine as the carrier and the core tell it.

mod amends;
mod clock;
mod frames;
mod harness;
mod hostile;
mod orders;
mod reasons;
mod reconcile;
