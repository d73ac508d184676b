//! The allowed fields of a client's FIX message, and the refusal of a bad one.
//!
//! A line belongs here if it needs one message and no session. Source: venue reference (Binance),
//! sections 3.1 to 3.5 and the error table of section 8.

use rutter_fix::codec::{Defect, Message};

use super::super::ApiError;

/// A Reject: `RefTagID` (371), `SessionRejectReason` (373), `ErrorCode` (25016) and Text (58).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub tag: Option<u32>,
    pub reason: u32,
    pub code: i32,
    pub text: String,
}

/// Values of `SessionRejectReason` (373), FIX 4.4.
const INVALID_TAG: u32 = 0;
const MISSING: u32 = 1;
const NOT_DEFINED: u32 = 2;
const EMPTY: u32 = 4;
const VALUE: u32 = 5;
const FORMAT: u32 = 6;
const UNKNOWN_TYPE: u32 = 11;
const REPEATED: u32 = 13;
const ORDER: u32 = 14;
const OTHER: u32 = 99;

impl Fault {
    pub fn code(code: i32, text: &str) -> Self {
        Self { tag: None, reason: OTHER, code, text: text.to_owned() }
    }

    pub fn at(mut self, tag: u32) -> Self {
        self.tag = Some(tag);
        self
    }

    pub fn because(mut self, reason: u32) -> Self {
        self.reason = reason;
        self
    }

    pub fn missing(tag: u32) -> Self {
        Self::code(-1102, "Required tag missing.").at(tag).because(MISSING)
    }

    pub fn value(tag: u32) -> Self {
        Self::code(-1102, "Field value was empty or malformed.").at(tag).because(VALUE)
    }

    pub fn format(tag: u32) -> Self {
        Self::code(-1102, "Field value was empty or malformed.").at(tag).because(FORMAT)
    }

    pub fn unsupported(text: &str) -> Self {
        Self::code(-1020, text).because(UNKNOWN_TYPE)
    }

    pub fn from_api(error: &ApiError, tag: Option<u32>) -> Self {
        Self { tag, reason: VALUE, code: error.code, text: error.text.clone() }
    }
}

/// A copy of a client's message.
#[derive(Clone, Debug)]
pub(super) struct Inbound {
    pub kind: String,
    /// Fields after `MsgType` (35), in order.
    fields: Vec<(u32, String)>,
    defect: Option<Defect>,
    printable: bool,
}

/// Body tags of a message type: required and optional ones.
struct Shape {
    kind: &'static str,
    required: &'static [u32],
    optional: &'static [u32],
}

const HEADER: [u32; 5] = [49, 56, 34, 52, 25000];
const REQUIRED_HEADER: [u32; 4] = [49, 56, 34, 52];

const SHAPES: &[Shape] = &[
    Shape { kind: "A", required: &[98, 108, 95, 96, 141, 553, 25035], optional: &[25036, 9406] },
    Shape { kind: "0", required: &[], optional: &[112] },
    Shape { kind: "1", required: &[112], optional: &[] },
    Shape { kind: "3", required: &[45], optional: &[371, 372, 373, 25016, 58] },
    Shape { kind: "5", required: &[], optional: &[58] },
    Shape {
        kind: "D",
        required: &[11, 40, 54, 55],
        optional: &[
            38, 18, 44, 59, 111, 152, 847, 7940, 25001, 1100, 1101, 1102, 1107, 1109, 25009, 211,
            1094, 835, 836,
        ],
    },
    Shape { kind: "F", required: &[11, 55], optional: &[37, 41, 25002] },
    Shape { kind: "q", required: &[11, 55, 530], optional: &[] },
    Shape { kind: "XAK", required: &[11, 55, 38], optional: &[37, 41] },
    Shape {
        kind: "XCN",
        required: &[25033, 11, 40, 54, 55],
        optional: &[
            37, 41, 25034, 25038, 25002, 38, 18, 44, 59, 111, 152, 847, 7940, 25001, 1100, 1101,
            1102, 1107, 1109, 25009, 211, 1094, 835, 836,
        ],
    },
    Shape { kind: "XLQ", required: &[6136], optional: &[] },
];

/// Types of market data messages, which an order entry session refuses.
const OTHER_SESSIONS: [&str; 2] = ["V", "x"];

impl Inbound {
    pub fn read(message: &Message<'_>) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let printable = message.bytes().iter().all(|b| (0x20..=0x7e).contains(b) || *b == 0x01);
        let fields = message.fields().skip(1).map(|(tag, value)| (tag, text(value))).collect();
        Self { kind: text(message.msg_type()), fields, defect: message.defect(), printable }
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

    /// Checks a client id (tags 11, 41, 25034): `^[a-zA-Z0-9-_]{1,36}$`.
    pub fn client_id(&self, tag: u32) -> Result<Option<&str>, Fault> {
        match self.get(tag) {
            Some(id) if !super::super::orders::is_client_id(id) => Err(Fault::format(tag)),
            id => Ok(id),
        }
    }

    /// Checks the tags of the body against the message type.
    pub fn check_fields(&self) -> Result<(), Fault> {
        if !self.printable {
            return Err(Fault::code(-1177, "Only printable ASCII is allowed.").because(FORMAT));
        }
        if let Some(defect) = self.defect {
            return Err(of_defect(defect));
        }
        let Some(shape) = SHAPES.iter().find(|shape| shape.kind == self.kind) else {
            if OTHER_SESSIONS.contains(&self.kind.as_str()) {
                let text = "This message is not allowed on an order entry session.";
                return Err(Fault::code(-1183, text).because(UNKNOWN_TYPE));
            }
            return Err(Fault::unsupported("This MsgType<35> is not supported."));
        };
        for (place, (tag, _)) in self.fields.iter().enumerate() {
            if self.fields.iter().take(place).any(|(earlier, _)| earlier == tag) {
                let text = "Tag appears more than once.";
                return Err(Fault::code(-1171, text).at(*tag).because(REPEATED));
            }
            let known = [&HEADER[..], shape.required, shape.optional];
            if !known.iter().any(|tags| tags.contains(tag)) {
                let text = "Tag not defined for this message type.";
                return Err(Fault::code(-1170, text).at(*tag).because(NOT_DEFINED));
            }
        }
        let needed = REQUIRED_HEADER.iter().chain(shape.required);
        match needed.copied().find(|tag| self.get(*tag).is_none()) {
            Some(tag) => Err(Fault::missing(tag)),
            None => Ok(()),
        }
    }
}

fn of_defect(defect: Defect) -> Fault {
    match defect {
        Defect::EmptyValue { tag } => {
            Fault::code(-1102, "Field value was empty or malformed.").at(tag).because(EMPTY)
        }
        Defect::Repeated { tag } => {
            Fault::code(-1171, "Tag appears more than once.").at(tag).because(REPEATED)
        }
        Defect::OutOfOrder { tag } => {
            Fault::code(-1172, "Tag specified out of required order.").at(tag).because(ORDER)
        }
        _ => Fault::code(-1169, "Invalid tag number.").because(INVALID_TAG),
    }
}
