//! The memory-mapped, checksummed log of inputs.
