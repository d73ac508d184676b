//! Tools for trying, loading and measuring Rutter.
fn main() {}
