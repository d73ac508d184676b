//! `rutter ctl`, `rutter console` and `rutter top` against a fake node that answers from the
//! contract's tables. The real node is not needed, so that an error on one side shows when they
//! meet.

mod answers;
mod ctl;
mod fake;
mod interactive;
mod screens;
mod top;
