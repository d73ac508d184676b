//! `rutter ctl`, `rutter console` and `rutter top` against a fake node that answers from the
//! contract's tables. Client and server are tested apart, so that an error that both would share
//! shows in `tests/process/console.rs`.

mod answers;
mod ctl;
mod fake;
mod interactive;
mod screens;
mod terminal;
mod top;
