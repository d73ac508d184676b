//! Lifecycles as literal tables: which state follows a state and an event, and why.
//!
//! A line belongs here if it is true of every such table. The tables themselves are `child` and
//! `order`.
//!
//! A table is complete by construction: a pair of state and event that no row matches, or that two
//! rows match, fails the build.

/// What an event does to something in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<S> {
    /// The event counts; the state after it.
    To(S),
    /// Late or repeated news that changes nothing.
    Ignored,
    /// Our own mistake: the caller checks beforehand that this cannot happen.
    Forbidden,
}

impl<S> Step<S> {
    /// The state after the event, or `before` where the event changes nothing.
    pub fn or(self, before: S) -> S {
        match self {
            Self::To(after) => after,
            Self::Ignored | Self::Forbidden => before,
        }
    }
}

/// One row of a table: any of some states, any of some events, one step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<S> {
    /// Names the row in tests and in panics, such as `@C4`.
    pub label: &'static str,
    /// Bit n set: the row holds in the state whose discriminant is n.
    pub states: u16,
    /// Bit n set: the row holds for the event whose discriminant is n.
    pub events: u16,
    /// What the row does.
    pub step: Step<S>,
    /// Why.
    pub reason: &'static str,
}

/// Makes `row`, which writes a [`Row`] from lists of states and events; a constant function cannot
/// be generic over the enums.
macro_rules! row_fn {
    ($state:ty, $event:ty) => {
        const fn row(
            label: &'static str,
            states: &[$state],
            events: &[$event],
            step: Step<$state>,
            reason: &'static str,
        ) -> Row<$state> {
            let mut row = Row { label, states: 0, events: 0, step, reason };
            let mut at = 0;
            while at < states.len() {
                row.states |= 1 << states[at] as u16;
                at += 1;
            }
            at = 0;
            while at < events.len() {
                row.events |= 1 << events[at] as u16;
                at += 1;
            }
            row
        }
    };
}
pub(crate) use row_fn;

/// A table with the index that finds its rows.
#[derive(Debug)]
pub(crate) struct Lifecycle<S: 'static, const STATES: usize, const EVENTS: usize> {
    rows: &'static [Row<S>],
    row_of: [[u8; EVENTS]; STATES],
}

impl<S, const STATES: usize, const EVENTS: usize> Lifecycle<S, STATES, EVENTS> {
    /// # Panics
    /// When a pair has no row or more than one. Called in constants only, so the build fails.
    pub const fn new(rows: &'static [Row<S>]) -> Self {
        assert!(STATES <= 16 && EVENTS <= 16, "a row has 16 bits for each");
        let mut row_of = [[0; EVENTS]; STATES];
        let mut state = 0;
        while state < STATES {
            let mut event = 0;
            while event < EVENTS {
                row_of[state][event] = only_row(rows, state, event);
                event += 1;
            }
            state += 1;
        }
        Self { rows, row_of }
    }

    /// The row of a state and an event, both by their discriminants.
    #[inline]
    pub const fn row(&self, state: usize, event: usize) -> &Row<S> {
        &self.rows[self.row_of[state][event] as usize]
    }
}

const fn only_row<S>(rows: &[Row<S>], state: usize, event: usize) -> u8 {
    let (mut found, mut matches, mut at) = (0, 0, 0);
    while at < rows.len() {
        if rows[at].states >> state & rows[at].events >> event & 1 == 1 {
            found = at;
            matches += 1;
        }
        at += 1;
    }
    assert!(matches == 1, "each state and event match exactly one row");
    found as u8
}

#[cfg(test)]
impl<S, const STATES: usize, const EVENTS: usize> Lifecycle<S, STATES, EVENTS> {
    /// Holds a table to its promise: each pair matches exactly one row, each row is reached by a
    /// pair of its own, labels are numbered from 1 under `prefix`, and each row has a reason.
    pub(crate) fn assert_sound(&self, prefix: &str) {
        let mut reached = vec![0; self.rows.len()];
        for state in 0..STATES {
            for event in 0..EVENTS {
                let matches = |row: &&Row<S>| row.states >> state & row.events >> event & 1 == 1;
                let labels: Vec<_> = self.rows.iter().filter(matches).map(|r| r.label).collect();
                assert_eq!(labels, [self.row(state, event).label], "state {state}, event {event}");
                reached[usize::from(self.row_of[state][event])] += 1;
            }
        }
        for (at, row) in self.rows.iter().enumerate() {
            assert_eq!(row.label, format!("{prefix}{}", at + 1));
            let pairs = row.states.count_ones() * row.events.count_ones();
            assert_eq!(reached[at], pairs, "{} names a pair that does not exist", row.label);
            assert!(pairs > 0 && row.reason.len() > 10, "{} says too little", row.label);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn row(states: u16, events: u16) -> Row<u8> {
        Row { label: "@T1", states, events, step: Step::Ignored, reason: "a made-up row" }
    }

    #[test]
    fn a_pair_with_exactly_one_row_finds_it() {
        let rows = &[row(0b01, 0b11), row(0b10, 0b01), row(0b10, 0b10)];
        let found = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(s, e)| only_row(rows, s, e));
        assert_eq!(found, [0, 0, 1, 2]);
    }

    #[test]
    #[should_panic = "exactly one row"]
    fn a_pair_without_a_row_is_found() {
        only_row(&[row(0b01, 0b11), row(0b10, 0b01)], 1, 1);
    }

    #[test]
    #[should_panic = "exactly one row"]
    fn a_pair_with_two_rows_is_found() {
        only_row(&[row(0b11, 0b11), row(0b10, 0b01)], 1, 0);
    }
}
