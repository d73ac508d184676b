//! Simulated exchanges: one matching engine, one dialect a venue, faults on command.
//!
//! A line belongs in this crate if it plays the part of an exchange. The dialects are written from
//! the venue reference alone, never from the adapters that they judge, so the crate imports
//! nothing of the product but the FIX codec. Only `server` owns a socket or a clock; everywhere
//! else time comes as an argument.
//!
//! A venue is one folder and one row of the table below. Whatever is not one venue's own (engine,
//! books, faults, accounts, flow, server, decimals, times) stays outside the folders.

pub mod accounts;
pub mod binance;
pub mod book;
pub mod coinbase;
pub mod decimal;
pub mod engine;
mod fault;
pub mod faults;
pub mod flow;
pub mod front;
pub mod instrument;
mod json;
pub mod kraken;
pub mod market;
pub mod order;
pub mod random;
pub mod server;
pub mod time;
pub mod venue;

/// Makes the closed list of venues out of the table of folders.
macro_rules! venues {
    ($($(#[$doc:meta])* $venue:ident: $folder:ident;)+) => {
        /// A simulated venue.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Venue {
            $($(#[$doc])* $venue,)+
        }

        impl Venue {
            /// All venues, in the order of the table.
            pub const ALL: [Self; [$(Self::$venue),+].len()] = [$(Self::$venue),+];

            /// The name in the node's configuration, and `LastMkt` (30) of reports.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$venue => stringify!($folder),)+
                }
            }

            /// The option of `rutter-tools sim` that sets the venue's first port.
            pub const fn port_option(self) -> &'static str {
                match self {
                    $(Self::$venue => concat!(stringify!($folder), "-port"),)+
                }
            }

            /// What the venue's folder says about the venue.
            pub fn terms(self) -> &'static dyn venue::SimulatedVenue {
                match self {
                    $(Self::$venue => &$folder::terms::Spot,)+
                }
            }
        }
    };
}

// The registration: a new venue adds its folder above and its row here, at the end, since
// `Venue::index` seeds the venue's noise.
venues! {
    /// Binance spot.
    Binance: binance;
    /// Kraken spot.
    Kraken: kraken;
    /// Coinbase Exchange spot.
    Coinbase: coinbase;
}

impl Venue {
    /// The venue of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|venue| venue.name() == name)
    }

    /// Position in [`Venue::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }
}
