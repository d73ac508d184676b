//! The node: configuration, rings and threads wired together, the command line.

fn main() {}
