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
//! [`Inquiry`] is the whole machine for a venue that is asked about one child at a time; a venue
//! supplies a [`Dialect`]. A venue whose call limit is so low that children must share calls plans
//! its own calls out of the same parts: [`Retry`], [`proves_never_arrived`], [`Pause`] and
//! [`CallCounter`].

mod counter;
mod machine;
mod pause;
mod retry;

#[cfg(test)]
mod machine_tests;

pub use counter::{CallCounter, CallLimit};
pub use machine::{
    Ask, Dialect, Inquiry, OpenOrders, OrderState, Pace, Phase, Refused, Tally, Trade, TradePage,
};
pub use pause::Pause;
pub use retry::{Retry, proves_never_arrived};
