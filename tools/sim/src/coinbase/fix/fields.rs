//! The allowed fields of a client's FIX message, and the refusal of a bad one.
//!
//! A line belongs here if it needs one message and no session. Source: venue reference (Coinbase
//! Exchange), sections 3.1 to 3.3.

use rutter_fix::codec::{Defect, Message};

use super::super::ids;

/// A Reject: `RefTagID` (371), `SessionRejectReason` (373) and Text (58).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub tag: Option<u32>,
    pub reason: u32,
    pub text: String,
}

/// Values of `SessionRejectReason` (373).
const INVALID_TAG: u32 = 0;
const MISSING: u32 = 1;
const NOT_DEFINED: u32 = 2;
const EMPTY: u32 = 4;
const VALUE: u32 = 5;
const FORMAT: u32 = 6;
pub(super) const SIGNATURE: u32 = 8;
pub(super) const COMP_ID: u32 = 9;
pub(super) const SENDING_TIME: u32 = 10;
const UNKNOWN_TYPE: u32 = 11;
const REPEATED: u32 = 13;
const ORDER: u32 = 14;

impl Fault {
    pub fn new(reason: u32, tag: u32, text: &str) -> Self {
        Self { tag: Some(tag), reason, text: text.to_owned() }
    }

    pub fn missing(tag: u32) -> Self {
        Self::new(MISSING, tag, "Required tag missing")
    }

    pub fn value(tag: u32) -> Self {
        Self::new(VALUE, tag, "Value is incorrect for this tag")
    }

    pub fn format(tag: u32) -> Self {
        Self::new(FORMAT, tag, "Incorrect data format for value")
    }

    pub fn signature() -> Self {
        Self::new(SIGNATURE, 96, "invalid signature")
    }

    pub fn unsupported() -> Self {
        Self { tag: None, reason: UNKNOWN_TYPE, text: "Invalid MsgType".to_owned() }
    }
}

/// A copy of a client's message.
#[derive(Clone, Debug)]
pub(super) struct Inbound {
    pub kind: String,
    /// Fields after `MsgType` (35), in order.
    fields: Vec<(u32, String)>,
    defect: Option<Defect>,
}

/// Body tags of a message type: required and optional ones.
struct Shape {
    kind: &'static str,
    required: &'static [u32],
    optional: &'static [u32],
}

const HEADER: [u32; 4] = [49, 56, 34, 52];

const SHAPES: &[Shape] = &[
    Shape {
        kind: "A",
        required: &[98, 95, 96, 553, 554, 1137],
        optional: &[108, 141, 8001, 8013, 9406],
    },
    Shape { kind: "0", required: &[], optional: &[112] },
    Shape { kind: "1", required: &[112], optional: &[] },
    Shape { kind: "2", required: &[7, 16], optional: &[] },
    Shape { kind: "3", required: &[45], optional: &[371, 372, 373, 58] },
    Shape { kind: "5", required: &[], optional: &[58] },
    Shape {
        kind: "D",
        required: &[11, 40, 54, 55],
        optional: &[18, 38, 44, 59, 126, 152, 99, 1109, 7928],
    },
    Shape { kind: "F", required: &[11, 55], optional: &[37, 41] },
    Shape { kind: "G", required: &[11, 37, 41, 38, 44, 55, 40], optional: &[] },
    Shape { kind: "H", required: &[11, 55], optional: &[37] },
    Shape { kind: "q", required: &[11, 530, 60], optional: &[] },
];

impl Inbound {
    pub fn read(message: &Message<'_>) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let fields = message.fields().skip(1).map(|(tag, value)| (tag, text(value))).collect();
        Self { kind: text(message.msg_type()), fields, defect: message.defect() }
    }

    pub fn get(&self, tag: u32) -> Option<&str> {
        self.fields.iter().find(|(t, _)| *t == tag).map(|(_, value)| value.as_str())
    }

    pub fn need(&self, tag: u32) -> Result<&str, Fault> {
        self.get(tag).ok_or_else(|| Fault::missing(tag))
    }

    pub fn sequence(&self) -> Option<u64> {
        self.get(34)?.parse().ok()
    }

    /// `ClOrdID` (11): a UUID of version 4 in lower case.
    pub fn client_id(&self) -> Result<&str, Fault> {
        let id = self.need(11)?;
        if ids::is_client_id(id) { Ok(id) } else { Err(Fault::format(11)) }
    }

    /// Checks the tags of the body against the message type.
    pub fn check_fields(&self) -> Result<(), Fault> {
        if let Some(defect) = self.defect {
            return Err(of_defect(defect));
        }
        let shape = SHAPES.iter().find(|shape| shape.kind == self.kind);
        let Some(shape) = shape else { return Err(Fault::unsupported()) };
        for (place, (tag, _)) in self.fields.iter().enumerate() {
            if self.fields.iter().take(place).any(|(earlier, _)| earlier == tag) {
                return Err(Fault::new(REPEATED, *tag, "Tag appears more than once"));
            }
            let known = [&HEADER[..], shape.required, shape.optional];
            if !known.iter().any(|tags| tags.contains(tag)) {
                return Err(Fault::new(NOT_DEFINED, *tag, "Tag not defined for this message type"));
            }
        }
        let needed = HEADER.iter().chain(shape.required);
        match needed.copied().find(|tag| self.get(*tag).is_none()) {
            Some(tag) => Err(Fault::missing(tag)),
            None => Ok(()),
        }
    }
}

fn of_defect(defect: Defect) -> Fault {
    match defect {
        Defect::EmptyValue { tag } => Fault::new(EMPTY, tag, "Tag specified without a value"),
        Defect::Repeated { tag } => Fault::new(REPEATED, tag, "Tag appears more than once"),
        Defect::OutOfOrder { tag } => Fault::new(ORDER, tag, "Tag specified out of required order"),
        _ => Fault { tag: None, reason: INVALID_TAG, text: "Invalid tag number".to_owned() },
    }
}
