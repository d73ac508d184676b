//! The dictionaries that we publish in `docs/fix/*.xml` and validate with.
//!
//! A line belongs here if it is about the versions that we speak.

use std::sync::{Arc, OnceLock};

use super::Dictionary;

/// A version of the protocol with the dictionary that we publish for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Version {
    /// FIX 4.2.
    Fix42,
    /// FIX 4.4.
    #[default]
    Fix44,
    /// FIX 5.0 SP2 over FIXT 1.1.
    Fix50Sp2,
}

const FIX42: &str = include_str!("../../../../docs/fix/FIX42.xml");
const FIX44: &str = include_str!("../../../../docs/fix/FIX44.xml");
const FIXT11: &str = include_str!("../../../../docs/fix/FIXT11.xml");
const FIX50SP2: &str = include_str!("../../../../docs/fix/FIX50SP2.xml");

impl Version {
    /// All versions.
    pub const ALL: [Self; 3] = [Self::Fix42, Self::Fix44, Self::Fix50Sp2];

    /// `BeginString` (8).
    pub const fn begin_string(self) -> &'static str {
        match self {
            Self::Fix42 => "FIX.4.2",
            Self::Fix44 => "FIX.4.4",
            Self::Fix50Sp2 => "FIXT.1.1",
        }
    }

    /// The version whose messages begin with this `BeginString` (8).
    pub fn beginning_with(begin_string: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.begin_string().as_bytes() == begin_string)
    }

    /// The values of `DefaultApplVerID` (1137) that a Logon may have, the preferred one first; none
    /// before FIXT 1.1. The versions 5.0 (7) and 5.0 SP1 (8) are subsets of SP2 (9).
    pub const fn appl_ver_ids(self) -> &'static [&'static str] {
        match self {
            Self::Fix42 | Self::Fix44 => &[],
            Self::Fix50Sp2 => &["9", "8", "7"],
        }
    }

    /// The dictionary; it is read once in a process.
    pub fn dictionary(self) -> Arc<Dictionary> {
        static READ: [OnceLock<Arc<Dictionary>>; 3] = [const { OnceLock::new() }; 3];
        let (place, read) = match self {
            Self::Fix42 => (0, Dictionary::read as fn(&str) -> _),
            Self::Fix44 => (1, Dictionary::read as fn(&str) -> _),
            Self::Fix50Sp2 => (2, (|xml| Dictionary::read_layers(FIXT11, xml)) as fn(&str) -> _),
        };
        let xml = [FIX42, FIX44, FIX50SP2][place];
        let made = || Arc::new(read(xml).expect("a file of our own, read by every test"));
        Arc::clone(READ[place].get_or_init(made))
    }
}
