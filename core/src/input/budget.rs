//! A venue's budget of requests as an input: the windows in which the venue counts.
//!
//! A line belongs here if it says how a venue counts requests. The counting is `crate::budget`; the
//! numbers of a venue come from its adapter or from the configuration.

use crate::id::VenueId;
use crate::wire::{Reader, Wire, WireError, Writer, wire_enum, wire_struct};

/// Windows of a budget at most, beside the one of [`VenueDef`](super::VenueDef).
pub const WINDOWS_MAX: usize = 4;

/// Steps of age at which the cancel of an order changes its weight, at most.
pub const AGE_STEPS_MAX: usize = 6;

/// How a window forgets what it has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum WindowKind {
    /// No interval of the window's length holds more than the limit.
    #[default]
    Sliding = 1,
    /// Each window begins at a multiple of its length since 1970-01-01 00:00 UTC.
    Fixed = 2,
    /// A counter that falls steadily, from the limit to zero in the window's length.
    Decay = 3,
}
wire_enum!(WindowKind { Sliding, Fixed, Decay });

impl WindowKind {
    /// The word for people and programs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Sliding => "sliding",
            Self::Fixed => "fixed",
            Self::Decay => "decay",
        }
    }
}

/// What a window counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Counted {
    /// New orders.
    #[default]
    Orders = 1,
    /// Requests of every kind.
    Messages = 2,
}
wire_enum!(Counted { Orders, Messages });

impl Counted {
    /// The word for people and programs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Messages => "messages",
        }
    }
}

/// What the cancel of a young order weighs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AgeStep {
    /// The step is for orders that were sent less than so many seconds ago. Zero: no step.
    pub below_s: u16,
    /// Points of a cancel.
    pub points: u16,
}
wire_struct!(AgeStep { below_s, points });

/// A window in which a venue counts requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WindowDef {
    /// How the window forgets.
    pub kind: WindowKind,
    /// What the window counts.
    pub counted: Counted,
    /// Each instrument has a count of its own.
    pub per_instrument: bool,
    /// Points that the venue allows; `u32::MAX`: no limit. A new order weighs one point.
    pub limit: u32,
    /// Length of the window, in nanoseconds, above zero.
    pub length_ns: u64,
    /// Points of the limit that new orders leave for cancels, at most the limit.
    pub reserved: u32,
    /// Points of a cancel, where no step of age applies.
    pub cancel: u16,
    /// Points of a cancel by age of its order, youngest first.
    pub young: [AgeStep; AGE_STEPS_MAX],
}
wire_struct!(WindowDef {
    kind,
    counted,
    per_instrument,
    limit,
    length_ns,
    reserved,
    cancel,
    young
});

impl WindowDef {
    /// A sliding window of new orders, in which cancels weigh nothing.
    pub const fn orders(limit: u32, length_ns: u64) -> Self {
        Self {
            kind: WindowKind::Sliding,
            counted: Counted::Orders,
            per_instrument: false,
            limit,
            length_ns,
            reserved: 0,
            cancel: 0,
            young: [AgeStep { below_s: 0, points: 0 }; AGE_STEPS_MAX],
        }
    }

    /// Whether the window has no limit.
    pub const fn is_unlimited(&self) -> bool {
        self.limit == u32::MAX
    }

    /// Points of the cancel of an order that was sent so long ago.
    pub fn cancel_points(&self, age_ns: u64) -> u32 {
        let age_s = age_ns / 1_000_000_000;
        let step = self.young.iter().find(|step| age_s < u64::from(step.below_s));
        u32::from(step.map_or(self.cancel, |step| step.points))
    }

    const fn is_sound(&self) -> bool {
        self.length_ns > 0 && self.reserved <= self.limit
    }
}

/// How a venue counts requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BudgetDef {
    /// The venue.
    pub venue: VenueId,
    /// How much later than another one a request may reach the venue after it was sent, and how far
    /// the venue's clock may be off, in nanoseconds.
    pub slack_ns: u64,
    windows: [WindowDef; WINDOWS_MAX],
    len: u8,
}

impl BudgetDef {
    /// A budget without windows.
    pub fn none(venue: VenueId) -> Self {
        Self { venue, ..Self::default() }
    }

    /// The budget of these windows; `None` if they are more than [`WINDOWS_MAX`].
    pub fn new(venue: VenueId, slack_ns: u64, windows: &[WindowDef]) -> Option<Self> {
        let mut budget = Self { slack_ns, ..Self::none(venue) };
        budget.windows.get_mut(..windows.len())?.copy_from_slice(windows);
        budget.len = windows.len() as u8;
        Some(budget)
    }

    /// The windows.
    pub fn windows(&self) -> &[WindowDef] {
        &self.windows[..usize::from(self.len)]
    }

    /// Whether each window can be counted.
    pub fn is_sound(&self) -> bool {
        self.windows().iter().all(WindowDef::is_sound)
    }
}

impl<const N: usize> Wire for [AgeStep; N] {
    fn put(&self, w: &mut Writer<'_>) {
        for step in self {
            step.put(w);
        }
    }
    fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut steps = [AgeStep::default(); N];
        for step in &mut steps {
            *step = Wire::get(r)?;
        }
        Ok(steps)
    }
}

impl Wire for BudgetDef {
    fn put(&self, w: &mut Writer<'_>) {
        self.venue.put(w);
        self.slack_ns.put(w);
        self.len.put(w);
        for window in self.windows() {
            window.put(w);
        }
    }
    fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut budget = Self { venue: Wire::get(r)?, slack_ns: Wire::get(r)?, ..Self::default() };
        budget.len = Wire::get(r)?;
        let windows = budget.windows.get_mut(..usize::from(budget.len));
        for window in windows.ok_or(WireError::Value)? {
            *window = Wire::get(r)?;
        }
        Ok(budget)
    }
}
