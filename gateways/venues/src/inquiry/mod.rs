//! Asking a venue by id until the venue has answered.
//!
//! After a lost link, or when an answer to an order is overdue, the core does not know what became
//! of a child. It asks, and this module asks the venue over REST until the fate is known. A child
//! is never guessed rejected and never dropped from the list of questions.
//!
//! A line belongs here if it is true of every venue: which children are in doubt, when each is
//! asked about again, what an absence proves, which fills are missing, how failed calls are
//! repeated. Fields, signatures and error texts are a venue's dialect, in the venue's folder.
//!
//! [`Inquiry`] is the whole machine. Children that are due share the calls of a [`Round`]; a venue
//! supplies a [`Dialect`], which says which call a round needs next. A venue that is asked about
//! one child at a time implements [`OneByOne`] instead.

mod answer;
mod budget;
mod counter;
mod dialect;
mod machine;
mod one_by_one;
mod pause;
mod retry;
mod round;

#[cfg(test)]
mod machine_tests;

pub use answer::{OrderState, Trade};
pub use budget::Limit;
pub use counter::CallLimit;
pub use dialect::{Ask, Dialect, OpenOrders, Refused};
pub use machine::{Inquiry, Pace, Phase, Tally};
pub use one_by_one::{Look, Looks, One, OneByOne, OrderPage, Steps, TradePage};
pub use retry::Retry;
pub use round::{Found, Member, Round};
