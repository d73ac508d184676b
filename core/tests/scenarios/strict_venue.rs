//! A venue that refuses every request beyond its windows, written apart from the core's own count.
//!
//! A line belongs here if it counts what arrives at a venue, by the rules of the venue's documents.

use std::collections::{BTreeMap, VecDeque};

use rutter_core::input::{WindowDef, WindowKind};

const SECOND: u64 = 1_000_000_000;

/// The counts of one venue, for one instrument.
pub struct StrictVenue {
    counts: Vec<Count>,
    /// When each order arrived.
    arrived: BTreeMap<u64, u64>,
    /// Times that a window was at its limit after a request.
    pub full: u64,
}

impl StrictVenue {
    pub fn new(windows: &[WindowDef]) -> Self {
        let counts = windows.iter().map(Count::new).collect();
        Self { counts, arrived: BTreeMap::new(), full: 0 }
    }

    /// A new order arrives. False if the venue refuses it.
    pub fn order(&mut self, at: u64, child: u64) -> bool {
        assert!(self.arrived.insert(child, at).is_none(), "{child} was sent twice");
        self.request(at, |_| 1)
    }

    /// The cancel of an order arrives. False if the venue refuses it. A cancel of an order that
    /// never arrived is answered and counts nothing.
    pub fn cancel(&mut self, at: u64, child: u64) -> bool {
        let Some(arrived) = self.arrived.get(&child) else { return true };
        let age_s = (at - arrived) / SECOND;
        self.request(at, |window| {
            let row = window.young.iter().find(|step| age_s < u64::from(step.below_s));
            u64::from(row.map_or(window.cancel, |step| step.points))
        })
    }

    fn request(&mut self, at: u64, points: impl Fn(&WindowDef) -> u64) -> bool {
        for count in &mut self.counts {
            count.forget(at);
        }
        let takes = |count: &Count| {
            let points = points(&count.window);
            points == 0 || count.used() + points <= u64::from(count.window.limit)
        };
        if !self.counts.iter().all(takes) {
            return false;
        }
        for count in &mut self.counts {
            count.add(at, points(&count.window));
            self.full += u64::from(count.used() == u64::from(count.window.limit));
        }
        true
    }
}

struct Count {
    window: WindowDef,
    /// Requests of a sliding window: when, and points.
    requests: VecDeque<(u64, u64)>,
    /// Points; of a decaying counter, times its length.
    level: u128,
    at: u64,
}

impl Count {
    fn new(window: &WindowDef) -> Self {
        Self { window: *window, requests: VecDeque::new(), level: 0, at: 0 }
    }

    /// Lets time pass.
    fn forget(&mut self, at: u64) {
        assert!(at >= self.at, "requests arrive in the order of time");
        let (before, length) = (core::mem::replace(&mut self.at, at), self.window.length_ns);
        match self.window.kind {
            WindowKind::Sliding => {
                while let Some((_, points)) =
                    self.requests.front().filter(|(then, _)| *then + length < at)
                {
                    self.level -= u128::from(*points);
                    self.requests.pop_front();
                }
            }
            WindowKind::Fixed if at / length > before / length => self.level = 0,
            WindowKind::Fixed => {}
            WindowKind::Decay => {
                let fallen = u128::from(at - before) * u128::from(self.window.limit);
                self.level = self.level.saturating_sub(fallen);
            }
        }
    }

    fn add(&mut self, at: u64, points: u64) {
        self.level += u128::from(points) * self.unit();
        if self.window.kind == WindowKind::Sliding {
            self.requests.push_back((at, points));
        }
    }

    fn unit(&self) -> u128 {
        match self.window.kind {
            WindowKind::Sliding | WindowKind::Fixed => 1,
            WindowKind::Decay => u128::from(self.window.length_ns),
        }
    }

    /// Points that count now, a part of a point as a whole one.
    fn used(&self) -> u64 {
        u64::try_from(self.level.div_ceil(self.unit())).expect("few points")
    }
}
