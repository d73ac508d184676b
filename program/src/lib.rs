//! What both programs, `rutter` and `rutter-tools`, have on their command lines.
//!
//! A line belongs in this crate if it is true of any program of this project, and says nothing of
//! what the program does.

pub mod pages;
pub mod progress;
mod version;

pub use version::version;
