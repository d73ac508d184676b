//! One pass over a message: the values of the fields that the views know, and their formats.
//!
//! A line belongs here if it reads the value of one field.

use super::{AppError, OrdType, Side, TimeInForce, UNSUPPORTED_TAGS};
use crate::codec::{Decimal, Message, parse_decimal, parse_i64, parse_timestamp_ns};
use crate::session::SessionRejectReason;
use crate::tags;

/// The fields that the views know.
const KNOWN: [u32; 29] = [
    tags::ACCOUNT,
    tags::CL_ORD_ID,
    tags::HANDL_INST,
    tags::ORDER_ID,
    tags::ORDER_QTY,
    tags::ORD_TYPE,
    tags::ORIG_CL_ORD_ID,
    tags::PRICE,
    tags::STOP_PX,
    tags::SIDE,
    tags::SYMBOL,
    tags::TIME_IN_FORCE,
    tags::TRANSACT_TIME,
    tags::ORD_STATUS_REQ_ID,
    tags::EX_DESTINATION,
    tags::EXEC_INST,
    tags::EXPIRE_TIME,
    tags::EFFECTIVE_TIME,
    tags::MIN_QTY,
    tags::MAX_FLOOR,
    tags::MAX_SHOW,
    tags::DISPLAY_QTY,
    tags::CASH_ORDER_QTY,
    tags::TARGET_STRATEGY,
    tags::TARGET_STRATEGY_PARAMETERS,
    tags::NO_STRATEGY_PARAMETERS,
    tags::MASS_CANCEL_REQUEST_TYPE,
    tags::MASS_STATUS_REQ_ID,
    tags::MASS_STATUS_REQ_TYPE,
];

const SMALL_TAGS: usize = 1_152;
const UNKNOWN: u8 = 0xff;
const REFUSED: u8 = 0xfe;

/// The meaning of each small tag: a position in [`KNOWN`], refused, or not used.
static ROLE: [u8; SMALL_TAGS] = {
    let mut table = [UNKNOWN; SMALL_TAGS];
    let mut i = 0;
    while i < UNSUPPORTED_TAGS.len() {
        table[UNSUPPORTED_TAGS[i] as usize] = REFUSED;
        i += 1;
    }
    i = 0;
    while i < KNOWN.len() {
        table[KNOWN[i] as usize] = i as u8;
        i += 1;
    }
    table
};

/// The values of the known fields of a message, and its first refused field.
pub(super) struct Known<'a> {
    values: [Option<&'a [u8]>; KNOWN.len()],
    /// The first field that no view supports.
    pub refused: Option<u32>,
}

impl<'a> Known<'a> {
    pub fn read(message: &Message<'a>) -> Result<Self, AppError> {
        let mut known = Self { values: [None; KNOWN.len()], refused: None };
        for (tag, value) in message.fields() {
            let role = ROLE.get(tag as usize).copied().unwrap_or(UNKNOWN);
            if let Some(place) = known.values.get_mut(usize::from(role)) {
                if place.replace(value).is_some() {
                    return Err(AppError::session(tag, SessionRejectReason::TagRepeated));
                }
            } else if role == REFUSED {
                known.refused.get_or_insert(tag);
            }
        }
        Ok(known)
    }

    pub fn get(&self, tag: u32) -> Option<&'a [u8]> {
        let role = ROLE.get(tag as usize).copied().unwrap_or(UNKNOWN);
        self.values.get(usize::from(role)).copied().flatten()
    }

    /// Fails for the first of `required` that is absent.
    pub fn demand(&self, required: &[u32]) -> Result<(), AppError> {
        match required.iter().find(|tag| self.get(**tag).is_none()) {
            Some(tag) => Err(AppError::missing(*tag)),
            None => Ok(()),
        }
    }

    pub fn text(&self, tag: u32, bytes_max: usize) -> Result<Option<&'a [u8]>, AppError> {
        match self.get(tag) {
            None => Ok(None),
            Some(text) if text.is_empty() || text.len() > bytes_max => Err(AppError::range(tag)),
            Some(text) if text.iter().all(|byte| (0x20..0x7f).contains(byte)) => Ok(Some(text)),
            Some(_) => Err(AppError::format(tag)),
        }
    }

    pub fn required_text(&self, tag: u32, bytes_max: usize) -> Result<&'a [u8], AppError> {
        self.text(tag, bytes_max)?.ok_or(AppError::missing(tag))
    }

    pub fn char(&self, tag: u32) -> Result<Option<u8>, AppError> {
        match self.get(tag) {
            None => Ok(None),
            Some([one]) => Ok(Some(*one)),
            Some(_) => Err(AppError::range(tag)),
        }
    }

    pub fn required_char(&self, tag: u32) -> Result<u8, AppError> {
        self.char(tag)?.ok_or(AppError::missing(tag))
    }

    pub fn positive(&self, tag: u32) -> Result<Option<Decimal>, AppError> {
        let Some(text) = self.get(tag) else { return Ok(None) };
        match parse_decimal(text) {
            Some(number) if number.is_positive() => Ok(Some(number)),
            Some(_) => Err(AppError::range(tag)),
            None => Err(AppError::format(tag)),
        }
    }

    /// A number above zero; 0 stands for none.
    pub fn positive_or_none(&self, tag: u32) -> Result<Option<Decimal>, AppError> {
        let zero = self.get(tag).and_then(parse_decimal).is_some_and(|number| number.mantissa == 0);
        if zero { Ok(None) } else { self.positive(tag) }
    }

    pub fn time_ns(&self, tag: u32) -> Result<Option<u64>, AppError> {
        let Some(text) = self.get(tag) else { return Ok(None) };
        parse_timestamp_ns(text).map(Some).ok_or(AppError::format(tag))
    }

    pub fn transact_time(&self) -> Result<u64, AppError> {
        let tag = tags::TRANSACT_TIME;
        self.time_ns(tag)?.ok_or(AppError::missing(tag))
    }

    pub fn number(&self, tag: u32) -> Result<Option<u32>, AppError> {
        let Some(text) = self.get(tag) else { return Ok(None) };
        let number = parse_i64(text).ok_or(AppError::format(tag))?;
        u32::try_from(number).map(Some).map_err(|_| AppError::range(tag))
    }

    /// Single characters with one space between them (18; FIX 4.4 volume 1, data type
    /// `MultipleValueString`).
    pub fn letters(&self, tag: u32) -> Result<Option<&'a [u8]>, AppError> {
        let Some(text) = self.get(tag) else { return Ok(None) };
        let mut parts = text.split(|byte| *byte == b' ');
        if parts.all(|part| matches!(part, [one] if one.is_ascii_alphanumeric())) {
            Ok(Some(text))
        } else {
            Err(AppError::range(tag))
        }
    }

    /// Sides of FIX 4.4 (volume 6, tag 54).
    pub fn side(&self) -> Result<Side, AppError> {
        self.side_if_any()?.ok_or(AppError::missing(tags::SIDE))
    }

    pub fn side_if_any(&self) -> Result<Option<Side>, AppError> {
        let Some(side) = self.char(tags::SIDE)? else { return Ok(None) };
        match side {
            b'1' => Ok(Some(Side::Buy)),
            b'2' => Ok(Some(Side::Sell)),
            other @ (b'3'..=b'9' | b'A'..=b'G') => Ok(Some(Side::Other(other))),
            _ => Err(AppError::range(tags::SIDE)),
        }
    }

    /// Order types of FIX 4.4 (volume 6, tag 40), the deprecated ones included.
    pub fn ord_type(&self) -> Result<OrdType, AppError> {
        match self.required_char(tags::ORD_TYPE)? {
            b'1' => Ok(OrdType::Market),
            b'2' => Ok(OrdType::Limit),
            b'3' => Ok(OrdType::Stop),
            b'4' => Ok(OrdType::StopLimit),
            other @ (b'5'..=b'9' | b'A'..=b'M' | b'P') => Ok(OrdType::Other(other)),
            _ => Err(AppError::range(tags::ORD_TYPE)),
        }
    }

    /// Times in force of FIX 4.4 (volume 6, tag 59).
    pub fn time_in_force(&self) -> Result<TimeInForce, AppError> {
        match self.char(tags::TIME_IN_FORCE)? {
            None | Some(b'0') => Ok(TimeInForce::Day),
            Some(b'1') => Ok(TimeInForce::Gtc),
            Some(b'3') => Ok(TimeInForce::Ioc),
            Some(b'4') => Ok(TimeInForce::Fok),
            Some(b'6') => Ok(TimeInForce::Gtd),
            Some(other @ (b'2' | b'5' | b'7')) => Ok(TimeInForce::Other(other)),
            Some(_) => Err(AppError::range(tags::TIME_IN_FORCE)),
        }
    }

    pub fn handl_inst(&self) -> Result<Option<u8>, AppError> {
        match self.char(tags::HANDL_INST)? {
            Some(b'1'..=b'3') | None => self.char(tags::HANDL_INST),
            Some(_) => Err(AppError::range(tags::HANDL_INST)),
        }
    }
}
