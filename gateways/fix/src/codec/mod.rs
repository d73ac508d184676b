//! Bytes to messages and back: [`decode`], [`Message`], [`Encoder`] and the value formats.
//!
//! Everything here is a pure function of its bytes, and allocates nothing once the caller's buffers
//! are warm. A line belongs here if it needs one message and no session. Sequence numbers are
//! `session`; the fields of an order are `app`.

mod decode;
mod encode;
mod message;
mod value;

pub(crate) use decode::resync;
pub use decode::{DecodeError, Garbled, Status, checksum, decode};
pub use encode::{EncodeError, Encoder};
pub use message::{
    Defect, FieldError, FieldErrorKind, FieldIndex, Fields, Group, GroupEntries, GroupEntry,
    Message,
};
pub use value::{
    Decimal, TIMESTAMP_BYTES_MAX, TimePrecision, parse_bool, parse_decimal, parse_i64,
    parse_timestamp_ns, parse_u64, write_decimal, write_i64, write_timestamp, write_u64,
};

/// The byte that ends every field.
pub const SOH: u8 = 0x01;

/// Bytes of the field that ends every message: `10=`, three digits and SOH.
const TRAILER_BYTES: usize = 7;

/// Longest message that is read or written, in bytes, header and trailer included.
pub const MESSAGE_BYTES_MAX: usize = 64 << 10;

/// Most fields of one message, not counting 8, 9 and 10.
pub const FIELDS_MAX: usize = 1024;
