//! `rutter ctl`, `rutter console` and `rutter top` against a fake node that answers from the
//! contract's tables. The real node is not needed, so that an error on one side shows when they
//! meet.

#[path = "console_client/answers.rs"]
mod answers;
#[path = "console_client/ctl.rs"]
mod ctl;
#[path = "console_client/fake.rs"]
mod fake;
#[path = "console_client/interactive.rs"]
mod interactive;
#[path = "console_client/screens.rs"]
mod screens;
#[path = "console_client/top.rs"]
mod top;
