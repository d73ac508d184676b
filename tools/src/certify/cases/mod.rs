//! Every case of a certification, in the order of a session's life.
//!
//! A line belongs here if it lists cases. Each case opens a connection of its own and claims in one
//! sentence what the peer must do; `rule` names where that is written. At the end of a passed case
//! the session either still works, or has ended as the rule demands.

mod logon;
mod messages;
mod orders;
mod recovery;

use super::outcome::Step;
use super::session::Session;

/// One case.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Short name, for `--only`.
    pub name: &'static str,
    /// What the peer must do.
    pub claim: &'static str,
    /// Where the rule is written: FIX 4.4 volume 2 ("4.4/2"), its session-level test cases
    /// ("case"), or another source.
    pub rule: &'static str,
    /// Plays the case.
    pub play: fn(&mut Session) -> Step,
}

/// All cases.
pub fn all() -> impl Iterator<Item = &'static Case> {
    let parts = [logon::CASES, messages::CASES, recovery::CASES, orders::CASES];
    parts.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn no_two_cases_have_one_name() {
        let names: BTreeSet<&str> = super::all().map(|case| case.name).collect();
        assert_eq!(names.len(), super::all().count());
    }
}
