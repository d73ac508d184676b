//! The pure state machine of Rutter: inputs in, outputs out.
