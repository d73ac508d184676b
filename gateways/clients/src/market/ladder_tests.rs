//! Scenarios of ladders.
